//! SACK on both sides (RFC 2018, 2883, 6675), RACK-TLP (RFC 8985), PRR (RFC 6937) and F-RTO (RFC 5682).

use tcp_core::{Config, Events};

use crate::script::{Script, ms, plain};

const ROUND_TRIP: u64 = 100;

/// Like `plain`, with SACK.
fn sack() -> Config {
    Config {
        sack: true,
        ..plain()
    }
}

/// An established connection with SACK and a round trip of 100 ms.
fn established() -> Script {
    let mut tcp = Script::connecting(&sack());
    tcp.poll();
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000,sackOK>");
    tcp.poll();
    tcp
}

/// Ten segments sent a round trip ago, and more queued.
fn ten_in_flight() -> Script {
    let mut tcp = established();
    tcp.write(40_000);
    tcp.expect(&[". 1:10001(10000) ack 1"]);
    tcp.pass(ms(ROUND_TRIP));
    tcp
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# If the data receiver has not received a SACK-Permitted option for a given connection, it MUST NOT send SACK
//# options on that connection.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
//= type=test
//# This field may be sent in the initial connection request (i.e., in segments with the SYN control bit set) and
//# MUST NOT be sent in other segments (MUST-65).
#[test]
fn without_sack_ok_from_both_there_is_no_sack() {
    let mut tcp = Script::established(&sack());
    tcp.recv(". 1001:2001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 1 <>"]);
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# The first SACK block (i.e., the one immediately following the kind and length fields in the option) MUST specify
//# the contiguous block of data containing the segment which triggered this ACK, unless that segment advanced the
//# Acknowledgment Number field in the header.
#[test]
fn the_first_block_is_of_what_came_last_and_the_others_follow() {
    let mut tcp = established();
    tcp.recv(". 1001:2001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 1 <sack 1001:2001>"]);
    tcp.recv(". 5001:6001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 1 <sack 5001:6001,sack 1001:2001>"]);
    tcp.recv(". 3001:4001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 1 <sack 3001:4001,sack 5001:6001,sack 1001:2001>"]);
    tcp.recv(". 2001:3001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 1 <sack 1001:4001,sack 5001:6001>"]);
    tcp.recv(". 1:1001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 4001 <sack 5001:6001>"]);
}

#[test]
fn a_duplicate_is_told_of_once_with_a_dsack() {
    let mut tcp = established();
    tcp.recv(". 1:1001(1000) ack 1");
    tcp.recv(". 1001:2001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 2001 <>"]);
    tcp.recv(". 1:1001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 2001 <sack 1:1001>"]);
    tcp.recv(". 3001:4001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 2001 <sack 3001:4001>"]);
    // RFC 2883 §4.2.1: what lies ahead came twice: its duplicate first, then the block that holds it.
    tcp.recv(". 3501:4001(500) ack 1");
    tcp.expect(&[". 1:1(0) ack 2001 <sack 3501:4001,sack 3001:4001>"]);
}

#[test]
fn small_data_carries_the_blocks_and_full_segments_leave_them_to_an_ack() {
    let mut tcp = established();
    tcp.recv(". 1001:2001(1000) ack 1");
    tcp.write(100);
    tcp.expect(&["P. 1:101(100) ack 1 <sack 1001:2001>"]);
    tcp.recv(". 3001:4001(1000) ack 1");
    tcp.write(1000);
    tcp.expect(&[
        "P. 101:1101(1000) ack 1 <>",
        ". 1101:1101(0) ack 1 <sack 3001:4001,sack 1001:2001>",
    ]);
}

#[test]
fn the_third_segment_that_overtakes_makes_the_hole_lost() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 1 <sack 1001:2001>");
    tcp.expect(&[". 10001:11001(1000) ack 1"]);
    tcp.recv(". 1:1(0) ack 1 <sack 1001:3001>");
    tcp.expect(&[". 11001:12001(1000) ack 1"]);
    tcp.recv(". 1:1(0) ack 1 <sack 1001:4001>");
    let sent = tcp.poll();
    crate::script::compare(&sent[..1], &[". 1:1001(1000) ack 1"]);
    assert!(tcp.tcp.info().recovering);
    assert_eq!(tcp.tcp.counters().fast_retransmits, 1);
}

#[test]
fn several_holes_of_one_window_are_filled_in_one_round_trip() {
    let mut tcp = ten_in_flight();
    // 1, 3 and 5 are lost.
    tcp.recv(". 1:1(0) ack 1 <sack 1001:2001>");
    tcp.recv(". 1:1(0) ack 1 <sack 3001:4001,sack 1001:2001>");
    tcp.recv(". 1:1(0) ack 1 <sack 5001:6001,sack 3001:4001,sack 1001:2001>");
    tcp.recv(". 1:1(0) ack 1 <sack 5001:10001,sack 3001:4001,sack 1001:2001>");
    let again: Vec<_> = tcp.poll().iter().map(|t| t.payload.clone()).collect();
    assert!(
        again.starts_with(&[0..1000, 2000..3000, 4000..5000]),
        "{again:?}"
    );
    assert_eq!(tcp.tcp.counters().retransmitted, 3);
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 10001");
    assert!(!tcp.tcp.info().recovering);
    assert_eq!(tcp.tcp.counters().timeouts, 0);
}

#[test]
fn a_lost_retransmission_is_found_by_what_was_sent_after_it() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 1 <sack 1001:10001>");
    let sent = tcp.poll();
    crate::script::compare(&sent[..1], &[". 1:1001(1000) ack 1"]);
    assert!(sent.len() > 1, "new data goes out too");
    // The new data arrives; the retransmission does not.
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 1 <sack 1001:12001>");
    let sent = tcp.poll();
    crate::script::compare(&sent[..1], &[". 1:1001(1000) ack 1"]);
    assert_eq!(tcp.tcp.counters().timeouts, 0);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
//= type=test
//# For timely loss detection, it is RECOMMENDED that the sender install a reordering timer.
#[test]
fn one_that_overtakes_is_waited_for_a_quarter_of_a_round_trip() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 1 <sack 1001:2001>");
    tcp.poll();
    let (waited, _) = tcp.fire();
    assert_eq!(waited, ms(ROUND_TRIP / 4));
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    assert!(tcp.tcp.info().recovering);
}

#[test]
fn reordering_is_no_loss() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 1 <sack 1001:2001>");
    tcp.poll();
    tcp.pass(ms(5));
    tcp.recv(". 1:1(0) ack 2001");
    assert!(!tcp.tcp.info().recovering);
    // From now on three that overtake are no proof.
    tcp.recv(". 1:1(0) ack 2001 <sack 3001:7001>");
    assert!(!tcp.tcp.info().recovering);
    tcp.pass(ms(5));
    tcp.recv(". 1:1(0) ack 7001");
    assert_eq!(tcp.tcp.counters().retransmitted, 0);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
//= type=test
//# If such an unsent segment is not available, then the sender SHOULD retransmit the highest-sequence segment sent
//# so far and set TLP.is_retrans to true.
#[test]
fn a_lost_tail_is_probed_after_two_round_trips_and_made_good_without_a_timeout() {
    let mut tcp = established();
    tcp.write(5000);
    tcp.expect(&["P. 1:5001(5000) ack 1"]);
    let (waited, events) = tcp.fire();
    // And two milliseconds, as Linux.
    assert_eq!((waited, events), (ms(2 * ROUND_TRIP + 2), Events::empty()));
    tcp.expect(&["P. 4001:5001(1000) ack 1"]);
    assert_eq!(tcp.tcp.counters().tail_probes, 1);
    // Only the first two had arrived.
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 2001 <sack 4001:5001>");
    tcp.expect(&[". 2001:4001(2000) ack 1"]);
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 5001");
    assert_eq!(tcp.tcp.counters().timeouts, 0);
    assert!(!tcp.tcp.info().recovering);
    assert_eq!(tcp.tcp.next_timeout(), None);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
//= type=test
//# If both conditions are met, then the sender SHOULD transmit a previously unsent data segment, if one exists and
//# the receive window allows, and increment the FlightSize accordingly.
#[test]
fn a_probe_is_new_data_if_there_is_some() {
    let config = Config {
        initial_window: 2,
        ..sack()
    };
    let mut tcp = Script::connecting(&config);
    tcp.poll();
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000,sackOK>");
    tcp.poll();
    tcp.write(5000);
    tcp.expect(&[". 1:2001(2000) ack 1"]);
    tcp.fire();
    tcp.expect(&[". 2001:3001(1000) ack 1"]);
    assert_eq!(tcp.tcp.counters().retransmitted, 0);
    // One probe is all; then the retransmission timer.
    tcp.fire();
    assert_eq!(tcp.tcp.counters().timeouts, 1);
}

//= https://www.rfc-editor.org/rfc/rfc2883#section-5
//= type=test
//# An implementation MUST NOT compare the sequence space in the SACK block to the TCP state variable snd.una (which
//# carries the total cumulative ACK), as this may result in the wrong conclusion if ACK packets are reordered.
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.4.2
//= type=test
//# The sender then SHOULD invoke a congestion control response equivalent to a fast recovery.
#[test]
fn a_probe_that_repaired_a_loss_reduces_the_window_and_one_that_came_twice_does_not() {
    for (ack, reduced) in [
        (". 1:1(0) ack 5001 <sack 4001:5001>", false),
        (". 1:1(0) ack 6001", true),
    ] {
        let mut tcp = established();
        tcp.write(5000);
        tcp.poll();
        tcp.fire();
        tcp.poll();
        tcp.write(1000);
        tcp.poll();
        tcp.pass(ms(ROUND_TRIP));
        tcp.recv(ack);
        assert_eq!(tcp.tcp.info().cwnd < 10_000, reduced, "{ack}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
//= type=test
//# If the sender applies the SACK-enhanced F-RTO algorithm, it MUST follow the steps below.
#[test]
fn a_time_out_whose_segments_arrive_after_all_is_taken_back() {
    let mut tcp = ten_in_flight();
    let cwnd = tcp.tcp.info().cwnd;
    // The probe first, then the retransmission timer; all of it only delayed.
    tcp.fire();
    tcp.poll();
    tcp.fire();
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    assert_eq!(tcp.tcp.info().cwnd, 1000);
    tcp.recv(". 1:1(0) ack 1001");
    tcp.poll();
    tcp.recv(". 1:1(0) ack 2001");
    let counters = tcp.tcp.counters();
    assert_eq!((counters.undone, counters.spurious_timeouts), (1, 1));
    assert!(tcp.tcp.info().cwnd >= cwnd);
    let sent = tcp.poll();
    assert!(sent.iter().all(|t| t.payload.start >= 10_000), "{sent:?}");
}

#[test]
fn a_genuine_time_out_stays_one() {
    let mut tcp = ten_in_flight();
    tcp.fire();
    tcp.poll();
    tcp.fire();
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    tcp.pass(ms(ROUND_TRIP));
    // The retransmission arrived, and nothing that was sent before it.
    tcp.recv(". 1:1(0) ack 1001");
    tcp.expect(&[". 11001:13001(2000) ack 1"]);
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 1001 <sack 11001:12001>");
    tcp.expect(&[". 1001:2001(1000) ack 1"]);
    assert_eq!(tcp.tcp.counters().undone, 0);
    assert!(tcp.tcp.info().recovering);
}

#[test]
fn a_retransmission_whose_original_arrives_late_is_taken_back_by_its_timestamp() {
    let config = Config {
        timestamps: true,
        ..sack()
    };
    let mut tcp = Script::connecting(&config);
    tcp.poll();
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000,sackOK,TS val 5 ecr 10000>");
    tcp.poll();
    tcp.write(40_000);
    tcp.poll();
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 1 <TS val 6 ecr 10100,sack 1001:4001>");
    let sent = tcp.poll();
    assert_eq!(sent[0].payload, 0..988);
    tcp.pass(ms(20));
    tcp.recv(". 1:1(0) ack 4001 <TS val 7 ecr 10100>");
    let counters = tcp.tcp.counters();
    assert_eq!((counters.undone, counters.spurious_timeouts), (1, 0));
    assert_eq!(tcp.tcp.info().ssthresh, u64::MAX);
}

//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# SACK information is advisory and therefore SACKed data MUST NOT be removed from the TCP's retransmission
//# buffer until the data is cumulatively acknowledged [RFC2018].
//= https://www.rfc-editor.org/rfc/rfc2018#section-8
//= type=test
//# Since the data receiver may later discard data reported in a SACK option, the sender MUST NOT discard data
//# before it is acknowledged by the Acknowledgment Number field in the TCP header.
#[test]
fn a_peer_that_throws_away_what_it_had_told_of_gets_it_again() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 1 <sack 1001:10001>");
    tcp.poll();
    tcp.pass(ms(ROUND_TRIP));
    tcp.recv(". 1:1(0) ack 1001");
    tcp.poll();
    // SND.UNA is at what was SACKed, and nothing more comes: it was reneged on.
    while tcp.tcp.counters().timeouts == 0 {
        tcp.fire();
    }
    let sent = tcp.poll();
    assert_eq!(sent[0].payload.start, 1000);
}

#[test]
fn blocks_that_cannot_be_are_ignored() {
    let mut tcp = ten_in_flight();
    for block in ["20001:30001", "5001:4001", "0:4000000000", "4000:4000"] {
        tcp.recv(&format!(". 1:1(0) ack 1 win 59999 <sack {block}>"));
    }
    assert!(!tcp.tcp.info().recovering);
    assert_eq!(tcp.tcp.info().pipe, tcp.tcp.info().in_flight);
}

#[test]
fn what_came_twice_before_a_fin_is_not_told_of() {
    let mut tcp = Script::established_with(&sack(), "win 60000 <mss 1000,sackOK>");
    tcp.recv(". 1:1001(1000) ack 1");
    tcp.recv("F. 1:1001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 1002 <>"]);
}
