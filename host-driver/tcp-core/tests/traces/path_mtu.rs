//! Path MTU discovery (RFC 1191, RFC 8201) and black holes (RFC 4821).

use std::time::Duration;

use tcp_core::{Config, SeqNumber};

use crate::script::{ISS, Script, ms, plain};

fn ten_in_flight() -> Script {
    let mut tcp = Script::established(&plain());
    tcp.write(40_000);
    tcp.expect(&[". 1:10001(10000) ack 1"]);
    tcp
}

//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# When a host receives a Datagram Too Big message, it MUST reduce its estimate of the PMTU for the relevant path,
//# based on the value of the Next-Hop MTU field in the message (see section 4).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.3
//= type=test
//# As a result, when the effective MTU of an interface varies packet-to-packet, TCP implementations SHOULD use the
//# smallest effective MTU of the interface to calculate the value to advertise in the MSS Option (SHLD-6).
#[test]
fn a_message_makes_smaller_segments_go_out_at_once_and_leaves_the_window() {
    let mut tcp = ten_in_flight();
    assert!(tcp.tcp.on_packet_too_big(tcp.now, ISS + 1, 600));
    let sent = tcp.poll();
    assert!(sent.iter().all(|t| t.mss == 600));
    assert_eq!(sent[0].payload.start, 0);
    let bytes: u64 = sent.iter().map(|t| t.payload_len()).sum();
    assert!((9600..=10_000).contains(&bytes), "{bytes}");
    tcp.recv(". 1:1(0) ack 10001");
    let info = tcp.tcp.info();
    assert_eq!((info.mss, info.recovering), (600, false));
    assert_eq!(info.cwnd, 10_000);
    assert_eq!(tcp.tcp.counters().fast_retransmits, 0);
}

//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# A host MUST not increase its estimate of the Path MTU in response to the contents of a Datagram Too Big message.
#[test]
fn a_forged_or_absurd_message_is_not_believed() {
    let mut tcp = ten_in_flight();
    let now = tcp.now;
    for (seq, mss) in [
        // Not in flight.
        (ISS + 10_001, 600),
        (ISS, 600),
        (SeqNumber(12_345_678), 600),
        // Larger, and absurdly small.
        (ISS + 1, 1000),
        (ISS + 1, 1400),
        (ISS + 1, 68),
    ] {
        assert!(!tcp.tcp.on_packet_too_big(now, seq, mss), "{seq} {mss}");
    }
    assert_eq!(tcp.tcp.info().mss, 1000);
    tcp.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
//= type=test
//# If there is a full-stop timeout and there was not an ICMP message indicating a reason (PTB, Net unreachable,
//# etc., or the ICMP message was ignored for some reason), the RECOMMENDED first recovery action is to treat this
//# as a detected ICMP black hole as defined in [RFC2923].
#[test]
fn full_segments_that_time_out_again_and_again_are_tried_smaller() {
    let config = Config {
        mss: 1400,
        ..plain()
    };
    let mut tcp = Script::established_with(&config, "win 60000 <mss 1400>");
    tcp.write(14_000);
    tcp.poll();
    for _ in 0..3 {
        tcp.fire();
        tcp.expect(&[". 1:1401(1400) ack 1"]);
    }
    tcp.fire();
    tcp.expect(&[". 1:1025(1024) ack 1"]);
    assert_eq!(tcp.tcp.counters().black_holes, 1);
    // That gets through.
    tcp.pass(ms(50));
    tcp.recv(". 1:1(0) ack 1025");
    assert!(tcp.poll().iter().all(|t| t.mss == 1024));
}

#[test]
fn small_segments_that_time_out_are_no_black_hole() {
    let mut tcp = Script::established(&plain());
    tcp.write(100);
    tcp.poll();
    for _ in 0..6 {
        tcp.fire();
        tcp.poll();
    }
    assert_eq!(tcp.tcp.info().mss, 1000);
}

/// A connection whose MSS a router has made 600 of 1000, with nothing in flight.
fn lowered() -> Script {
    let config = Config {
        sack: true,
        ..plain()
    };
    let mut tcp = Script::established_with(&config, "win 60000 <mss 1000,sackOK>");
    tcp.write(1000);
    tcp.poll();
    assert!(tcp.tcp.on_packet_too_big(tcp.now, ISS + 1, 600));
    tcp.expect(&["P. 1:1001(1000) ack 1"]);
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 1001");
    tcp.expect(&[]);
    assert_eq!(tcp.tcp.info().mss, 600);
    tcp
}

/// A segment and its ACK: that is what looks whether a probe is due.
fn dialogue(tcp: &mut Script, seq: u32) {
    tcp.write(600);
    let end = seq + 600;
    tcp.expect(&[&format!("P. {seq}:{end}(600) ack 1")]);
    tcp.pass(ms(1));
    tcp.recv(&format!(". 1:1(0) ack {end}"));
}

/// What a lowered connection has sent after ten minutes: a probe, and what follows it.
fn probing() -> Script {
    let mut tcp = lowered();
    tcp.pass(Duration::from_secs(600));
    dialogue(&mut tcp, 1001);
    tcp.write(4000);
    tcp.expect(&[". 1601:2601(1000) ack 1", "P. 2601:5601(3000) ack 1"]);
    tcp
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# Whenever the MTU is raised, the congestion state variables MUST be rescaled so as not to raise the window size
//# in bytes (or data rate in bytes per seconds).
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.3
//= type=test
//# When a PMTU value has not been decreased for a while (on the order of 10 minutes), it should probe to find if a
//# larger PMTU is supported.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# An attempt to detect an increase (by sending a packet larger than the current estimate) must not be done less
//# than 5 minutes after a Packet Too Big message has been received for the given path.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# Hosts MAY detect increases in Path MTU, but because doing so requires sending datagrams larger than the current
//# estimated PMTU, and because the likelihood is that the PMTU will not have increased, this MUST be done at
//# infrequent intervals.
#[test]
fn after_ten_minutes_one_larger_segment_is_tried_and_its_ack_makes_all_larger() {
    let mut tcp = lowered();
    tcp.pass(Duration::from_secs(590));
    tcp.write(6000);
    assert!(tcp.poll().iter().all(|t| t.mss == 600));
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 7001");
    tcp.pass(Duration::from_secs(10));
    dialogue(&mut tcp, 7001);
    tcp.write(4000);
    let sent = tcp.poll();
    crate::script::compare(
        &sent,
        &[". 7601:8601(1000) ack 1", "P. 8601:11601(3000) ack 1"],
    );
    assert_eq!(sent.iter().map(|t| t.mss).collect::<Vec<_>>(), [1000, 600]);
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 8601");
    assert_eq!(tcp.tcp.info().mss, 1000);
    assert_eq!(tcp.tcp.counters().mtu_probes_answered, 1);
    tcp.recv(". 1:1(0) ack 11601");
    tcp.write(4000);
    assert!(tcp.poll().iter().all(|t| t.mss == 1000));
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
//= type=test
//# Specifically, after a probe failure event and suppressed congestion control, PLPMTUD MUST NOT probe again until
//# an interval that is larger than the expected interval between congestion control events.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# In this case alone, the normal congestion (window or data rate) reduction SHOULD be suppressed.
#[test]
fn a_probe_that_is_lost_goes_again_in_smaller_segments_and_costs_no_window() {
    let mut tcp = probing();
    let cwnd = tcp.tcp.info().cwnd;
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 1601 <sack 2601:5601>");
    let sent = tcp.poll();
    crate::script::compare(&sent, &[". 1601:2601(1000) ack 1"]);
    assert_eq!(sent[0].mss, 600);
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 5601");
    let info = tcp.tcp.info();
    assert_eq!((info.mss, info.cwnd, info.ssthresh), (600, cwnd, u64::MAX));
    assert!(!info.recovering);
    let counters = tcp.tcp.counters();
    assert_eq!(
        (counters.mtu_probes_failed, counters.fast_retransmits),
        (1, 0)
    );
    // And not again for ten minutes.
    tcp.pass(Duration::from_secs(590));
    tcp.write(4000);
    assert!(tcp.poll().iter().all(|t| t.mss == 600));
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 9601");
    tcp.pass(Duration::from_secs(10));
    dialogue(&mut tcp, 9601);
    tcp.write(4000);
    assert_eq!(tcp.poll()[0].mss, 1000);
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# If any other data loss is detected, standard congestion control MUST take place.
#[test]
fn what_is_lost_beside_a_probe_is_congestion() {
    let mut tcp = probing();
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 1601 <sack 3201:5601>");
    tcp.poll();
    let info = tcp.tcp.info();
    assert!(info.recovering && info.ssthresh < u64::MAX);
    assert_eq!(tcp.tcp.counters().fast_retransmits, 1);
    tcp.recv(". 1:1(0) ack 5601");
    assert_eq!(tcp.tcp.info().mss, 600);
}

//= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
//= type=test
//# A loss caused by a PMTU probe indicated by the reception of a Packet Too Big message must not be considered as a
//# congestion notification, and hence the congestion window may not change.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# A node must not increase its estimate of the Path MTU in response to the contents of a Packet Too Big message.
#[test]
fn what_a_router_tells_of_a_probe_is_tried_and_not_believed() {
    let mut tcp = probing();
    let cwnd = tcp.tcp.info().cwnd;
    tcp.pass(ms(1));
    assert!(tcp.tcp.on_packet_too_big(tcp.now, ISS + 1601, 800));
    let sent = tcp.poll();
    crate::script::compare(&sent, &[". 1601:2601(1000) ack 1"]);
    assert_eq!((sent[0].mss, tcp.tcp.info().mss), (600, 600));
    tcp.recv(". 1:1(0) ack 5601");
    let info = tcp.tcp.info();
    assert_eq!((info.mss, info.cwnd, info.ssthresh), (600, cwnd, u64::MAX));
    tcp.write(4000);
    let sent = tcp.poll();
    crate::script::compare(&sent[..1], &[". 5601:6401(800) ack 1"]);
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 9601");
    assert_eq!(tcp.tcp.info().mss, 800);
}

#[test]
fn a_probe_that_arrives_behind_a_loss_makes_segments_larger_all_the_same() {
    let mut tcp = lowered();
    tcp.pass(Duration::from_secs(600));
    dialogue(&mut tcp, 1001);
    tcp.write(600);
    tcp.expect(&["P. 1601:2201(600) ack 1"]);
    tcp.write(4000);
    tcp.expect(&[". 2201:3201(1000) ack 1", "P. 3201:6201(3000) ack 1"]);
    tcp.pass(ms(1));
    tcp.recv(". 1:1(0) ack 1601 <sack 2201:3201>");
    tcp.recv(". 1:1(0) ack 1601 <sack 2201:6201>");
    let info = tcp.tcp.info();
    assert!(info.recovering && info.ssthresh < u64::MAX);
    assert_eq!(info.mss, 1000);
    let counters = tcp.tcp.counters();
    assert_eq!(
        (counters.mtu_probes_answered, counters.mtu_probes_failed),
        (1, 0)
    );
    tcp.expect(&[". 1601:2201(600) ack 1"]);
}

#[test]
fn a_probe_that_times_out_with_all_that_followed_it_is_given_up() {
    let mut tcp = probing();
    while tcp.tcp.counters().timeouts == 0 {
        tcp.fire();
        tcp.poll();
    }
    tcp.recv(". 1:1(0) ack 5601");
    assert_eq!(tcp.tcp.info().mss, 600);
    assert_eq!(tcp.tcp.counters().mtu_probes_failed, 1);
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
//= type=test
//# that is, the sender SHOULD have enough data queued and sufficient receiver window to send the probe plus at
//# least Tcprexmtthresh [RFC2760] additional segments.
#[test]
fn too_little_data_to_follow_it_puts_a_probe_off() {
    let mut tcp = lowered();
    tcp.pass(Duration::from_secs(3600));
    tcp.write(3000);
    assert!(tcp.poll().iter().all(|t| t.mss == 600));
}
