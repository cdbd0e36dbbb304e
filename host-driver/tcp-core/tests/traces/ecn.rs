//! ECN (RFC 3168), DCTCP's echo (RFC 8257) and pacing.

use tcp_core::congestion::Algorithm;
use tcp_core::{Config, Ecn, Flags};

use crate::script::{Script, ms, plain, segment};

fn ecn() -> Config {
    Config {
        ecn: Ecn::Request,
        ..plain()
    }
}

/// An established connection that uses ECN.
fn established(config: &Config) -> Script {
    let mut tcp = Script::connecting(config);
    let syn = tcp.poll();
    assert!(syn[0].flags.contains(Flags::ECE | Flags::CWR));
    tcp.pass(ms(100));
    let mut syn_ack = segment("S. 0:0(0) ack 1 win 60000 <mss 1000>");
    syn_ack.flags |= Flags::ECE;
    tcp.tcp.on_segment(tcp.now, &syn_ack);
    assert!(tcp.tcp.info().ecn);
    let ack = tcp.poll();
    assert!(!ack[0].ect, "an ACK is not ECN-capable");
    tcp
}

/// A segment with a mark, or with other flags.
fn recv(tcp: &mut Script, line: &str, flags: Flags, ce: bool) {
    let mut segment = segment(line);
    segment.flags |= flags;
    segment.ce = ce;
    tcp.tcp.on_segment(tcp.now, &segment);
}

#[test]
fn a_syn_ack_that_mirrors_both_flags_agrees_to_nothing() {
    let mut tcp = Script::connecting(&ecn());
    tcp.poll();
    let mut syn_ack = segment("S. 0:0(0) ack 1 win 60000 <mss 1000>");
    syn_ack.flags |= Flags::ECE | Flags::CWR;
    tcp.tcp.on_segment(tcp.now, &syn_ack);
    assert!(!tcp.tcp.info().ecn);
}

#[test]
fn a_syn_that_is_sent_again_does_not_ask_any_more() {
    let mut tcp = Script::connecting(&ecn());
    tcp.poll();
    tcp.fire();
    assert_eq!(tcp.poll()[0].flags, Flags::SYN);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//= type=test
//# A TCP endpoint SHOULD implement ECN as described in RFC 3168 (SHLD-8).
#[test]
fn a_mark_is_echoed_until_the_sender_has_reduced_its_window() {
    let mut tcp = established(&ecn());
    recv(&mut tcp, ". 1:1001(1000) ack 1", Flags::empty(), true);
    recv(&mut tcp, ". 1001:2001(1000) ack 1", Flags::empty(), false);
    assert!(tcp.poll()[0].flags.contains(Flags::ECE));
    recv(&mut tcp, ". 2001:3001(1000) ack 1", Flags::empty(), false);
    recv(&mut tcp, ". 3001:4001(1000) ack 1", Flags::CWR, false);
    assert!(!tcp.poll()[0].flags.contains(Flags::ECE));
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# When the TCP data sender is ready to set the CWR bit after reducing the congestion window, it SHOULD set the CWR
//# bit only on the first new data packet that it transmits.
#[test]
fn an_echo_reduces_the_window_once_a_round_trip_and_is_confirmed_by_cwr_on_one_new_segment() {
    let mut tcp = established(&ecn());
    tcp.write(60_000);
    let sent = tcp.poll();
    assert!(sent[0].ect && !sent[0].flags.contains(Flags::CWR));
    tcp.pass(ms(100));
    recv(&mut tcp, ". 1:1(0) ack 1001", Flags::ECE, false);
    recv(&mut tcp, ". 1:1(0) ack 2001", Flags::ECE, false);
    assert_eq!(tcp.tcp.info().cwnd, 4500);
    assert!(!tcp.tcp.info().recovering);
    recv(&mut tcp, ". 1:1(0) ack 10001", Flags::empty(), false);
    let sent = tcp.poll();
    assert!(sent[0].flags.contains(Flags::CWR) && sent[0].payload_len() == 1000);
    assert!(!sent[1].flags.contains(Flags::CWR) && sent[1].ect);
    assert_eq!(tcp.tcp.counters().echoes, 1);
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5
//= type=test
//# This document specifies ECN-capable TCP implementations MUST NOT set either ECT codepoint (ECT(0) or ECT(1)) in
//# the IP header for retransmitted data packets
#[test]
fn what_is_sent_again_is_not_ecn_capable() {
    let mut tcp = established(&ecn());
    tcp.write(10_000);
    tcp.poll();
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 1");
    }
    assert!(!tcp.poll()[0].ect);
}

//= https://www.rfc-editor.org/rfc/rfc8257#section-3.2
//= type=test
//# When sending an ACK, the ECE flag MUST be set if and only if DCTCP.CE is true.
#[test]
fn dctcp_echoes_each_change_at_once_and_reduces_by_the_part_that_was_marked() {
    let config = Config {
        congestion: Algorithm::Dctcp,
        ecn: Ecn::Off,
        ..plain()
    };
    let mut tcp = established(&config);
    recv(&mut tcp, ". 1:1001(1000) ack 1", Flags::empty(), true);
    assert!(tcp.poll()[0].flags.contains(Flags::ECE));
    recv(&mut tcp, ". 1001:2001(1000) ack 1", Flags::empty(), false);
    assert!(!tcp.poll()[0].flags.contains(Flags::ECE));
    // Before anything is known of the network, half.
    tcp.write(60_000);
    tcp.poll();
    recv(&mut tcp, ". 2001:2001(0) ack 1001", Flags::ECE, false);
    assert!(
        (4500..6000).contains(&tcp.tcp.info().cwnd),
        "{:?}",
        tcp.tcp.info()
    );
}

#[test]
fn paced_data_leaves_at_twice_the_window_a_round_trip_in_slow_start() {
    let config = Config {
        pacing: true,
        ..plain()
    };
    let mut tcp = Script::connecting(&config);
    tcp.poll();
    tcp.pass(ms(100));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000>");
    tcp.poll();
    // cwnd 10,000, SRTT 100 ms: 200,000 bytes a second.
    assert_eq!(tcp.tcp.pacing_rate(), Some(200_000));
    tcp.write(5000);
    for start in [1, 2001] {
        tcp.expect(&[&format!(". {start}:{}(2000) ack 1", start + 2000)]);
        assert_eq!(tcp.tcp.next_departure(), Some(tcp.now + ms(10)));
        assert_eq!(tcp.fire().0, ms(10));
    }
    tcp.expect(&["P. 4001:5001(1000) ack 1"]);
}

#[test]
fn a_departure_that_was_due_does_not_outlive_the_connection() {
    let config = Config {
        pacing: true,
        ..plain()
    };
    let mut tcp = Script::connecting(&config);
    tcp.poll();
    tcp.pass(ms(100));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000>");
    tcp.poll();
    tcp.write(1000);
    tcp.tcp.shutdown_write();
    tcp.expect(&["FP. 1:1001(1000) ack 1"]);
    assert!(tcp.tcp.next_departure().is_some());
    tcp.recv("F. 1:1(0) ack 1002");
    tcp.expect(&[". 1002:1002(0) ack 2"]);
    // "Start the time-wait timer, turn off the other timers" (RFC 9293, section 3.10.7.4).
    assert_eq!(tcp.tcp.next_departure(), None);
    assert_eq!(tcp.fire().0, ms(60_000));
}

#[test]
fn a_window_that_marks_have_reduced_below_a_segment_of_the_probed_size_keeps_the_smaller_segments()
{
    let config = Config {
        mss: 9000,
        sack: true,
        ..ecn()
    };
    let mut tcp = Script::connecting(&config);
    tcp.poll();
    tcp.pass(ms(100));
    let mut syn_ack = segment("S. 0:0(0) ack 1 win 60000 <mss 9000,sackOK>");
    syn_ack.flags |= Flags::ECE;
    tcp.tcp.on_segment(tcp.now, &syn_ack);
    tcp.poll();
    // A time-out, and then a message: the window is a small segment.
    let mut end = 1;
    tcp.write(1000);
    while tcp.tcp.counters().timeouts == 0 {
        tcp.poll();
        tcp.fire();
    }
    assert!(
        tcp.tcp
            .on_packet_too_big(tcp.now, crate::script::ISS + end, 600)
    );
    end += 1000;
    let ack = |tcp: &mut Script, end: u32, flags| {
        tcp.poll();
        tcp.pass(ms(10));
        recv(tcp, &format!(". 1:1(0) ack {end}"), flags, false);
    };
    ack(&mut tcp, end, Flags::empty());
    // Enough for a probe of 9000 and four that follow it, and not much more.
    let reduce = |tcp: &mut Script, end: &mut u32| {
        tcp.write(600);
        *end += 600;
        ack(tcp, *end, Flags::ECE);
    };
    while tcp.tcp.info().cwnd >= 2 * 11_400 {
        reduce(&mut tcp, &mut end);
    }
    while tcp.tcp.info().cwnd < 11_400 {
        let cwnd = u32::try_from(tcp.tcp.info().cwnd).unwrap() / 600 * 600;
        tcp.write(cwnd.into());
        end += cwnd;
        ack(&mut tcp, end, Flags::empty());
    }
    tcp.pass(std::time::Duration::from_secs(600));
    tcp.write(600);
    end += 600;
    ack(&mut tcp, end, Flags::empty());
    tcp.write(600);
    let first = end + 600;
    tcp.poll();
    tcp.write(11_400);
    let sent = tcp.poll();
    assert_eq!(sent[0].mss, 9000, "{:?}", tcp.tcp.info());
    tcp.pass(ms(10));
    recv(
        &mut tcp,
        &format!(". 1:1(0) ack {first}"),
        Flags::ECE,
        false,
    );
    assert!(tcp.tcp.info().cwnd < 9000, "{:?}", tcp.tcp.info());
    tcp.poll();
    recv(
        &mut tcp,
        &format!(". 1:1(0) ack {}", first + 9000),
        Flags::empty(),
        false,
    );
    assert_eq!(tcp.tcp.info().mss, 600);
    // Nothing is stuck.
    tcp.write(6000);
    assert!(!tcp.poll().is_empty());
}
