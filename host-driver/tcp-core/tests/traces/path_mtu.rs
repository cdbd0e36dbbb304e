//! Path MTU discovery (RFC 1191, RFC 8201) and black holes (RFC 4821).

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
