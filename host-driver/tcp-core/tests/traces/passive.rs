//! Half-open entries and the connections that come of them.

use tcp_core::{
    Config, Connection, Events, HalfOpen, HalfOpenExpiry, HalfOpenOutcome, State, reset_for,
};

use crate::script::{Script, compare, initial, ms, plain, segment};

fn half_open(config: &Config, syn: &str) -> (HalfOpen, tcp_core::Transmit) {
    HalfOpen::new(ms(10_000), config, initial(), &segment(syn)).expect("a SYN")
}

#[test]
fn a_syn_ack_answers_with_what_the_syn_offered() {
    let config = Config::default();
    let (_, syn_ack) = half_open(
        &config,
        "S 0:0(0) win 5000 <mss 1460,sackOK,TS val 5 ecr 0,wscale 7>",
    );
    compare(
        &[syn_ack],
        &["S. 0:0(0) ack 1 win 64240 <mss 1460,sackOK,TS val 10000 ecr 5,wscale 3>"],
    );
    let (_, syn_ack) = half_open(&config, "S 0:0(0) win 5000 <mss 1460>");
    compare(&[syn_ack], &["S. 0:0(0) ack 1 win 64240 <mss 1460>"]);
}

#[test]
fn the_last_ack_of_the_handshake_makes_a_connection_and_its_data_is_taken() {
    let config = plain();
    let (mut entry, _) = half_open(&config, "S 0:0(0) win 5000 <mss 900>");
    let ack = segment("P. 1:101(100) ack 1 win 6000");
    let now = ms(10_040);
    assert_eq!(
        entry.on_segment(now, &config, &ack),
        HalfOpenOutcome::Complete
    );
    let (tcp, received) = Connection::from_half_open(now, &config, &entry, &ack);
    assert_eq!(
        received.events,
        Events::ESTABLISHED | Events::WRITABLE | Events::READABLE
    );
    let place = received.placement.unwrap();
    assert_eq!((place.skip, place.len, place.offset), (0, 100, 0));
    assert_eq!(tcp.state(), State::Established);
    let info = tcp.info();
    assert_eq!(info.mss, 900);
    assert_eq!(info.srtt, Some(ms(40)));
    assert_eq!(info.send_window, 6000);
    let mut script = Script { tcp, now };
    script.write(10);
    script.expect(&["P. 1:11(10) ack 101"]);
}

#[test]
fn a_lost_last_ack_is_made_good_by_the_first_data() {
    let config = plain();
    let (mut entry, _) = half_open(&config, "S 0:0(0) win 5000");
    let data = segment(". 1001:2001(1000) ack 1");
    assert_eq!(
        entry.on_segment(ms(10_001), &config, &data),
        HalfOpenOutcome::Complete,
        "even if its first segment is lost too"
    );
    let (tcp, received) = Connection::from_half_open(ms(10_001), &config, &entry, &data);
    assert_eq!(tcp.state(), State::Established);
    assert_eq!(received.placement.unwrap().offset, 1000);
    assert_eq!(tcp.available(), 0);
}

#[test]
fn the_syn_ack_is_sent_again_at_doubling_intervals_and_the_entry_expires() {
    let config = plain();
    let (mut entry, _) = half_open(&config, "S 0:0(0) win 5000");
    let mut now = ms(10_000);
    for seconds in [1, 2, 4, 8, 16] {
        assert_eq!(entry.next_timeout(), now + ms(1000 * seconds));
        assert_eq!(entry.on_timeout(now, &config), HalfOpenExpiry::Wait);
        now = entry.next_timeout();
        let HalfOpenExpiry::Retransmit(syn_ack) = entry.on_timeout(now, &config) else {
            panic!("no SYN-ACK");
        };
        compare(&[syn_ack], &["S. 0:0(0) ack 1"]);
    }
    now = entry.next_timeout();
    assert_eq!(entry.on_timeout(now, &config), HalfOpenExpiry::Expired);
}

#[test]
fn the_syn_again_calls_forth_the_syn_ack_again() {
    let config = plain();
    let (mut entry, first) = half_open(&config, "S 0:0(0) win 5000");
    let again = entry.on_segment(ms(10_001), &config, &segment("S 0:0(0) win 5000"));
    assert_eq!(again, HalfOpenOutcome::Reply(first));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//= type=test
//# Note that a TCP implementation MUST keep track of whether a connection has reached SYN-RECEIVED state as the
//# result of a passive OPEN or an active OPEN (MUST-11).
#[test]
fn only_an_exact_reset_removes_the_entry() {
    let config = plain();
    let (mut entry, _) = half_open(&config, "S 0:0(0) win 5000");
    let mut on = |line| entry.on_segment(ms(10_001), &config, &segment(line));
    assert_eq!(on("R 0:0(0)"), HalfOpenOutcome::Ignore);
    assert_eq!(on("R 90000:90000(0)"), HalfOpenOutcome::Ignore);
    assert_eq!(on("R 1:1(0)"), HalfOpenOutcome::Remove);
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number does not exactly match the next expected sequence value, yet is
//# within the current receive window (RCV.NXT < SEG.SEQ < RCV.NXT+RCV.WND), TCP MUST send an acknowledgment
//# (challenge ACK):
//= https://www.rfc-editor.org/rfc/rfc5961#section-7
//= type=test
//# An implementation SHOULD include an ACK throttling mechanism to be conservative.
#[test]
fn a_reset_elsewhere_in_the_window_is_challenged_ten_times_and_the_entry_stays() {
    let config = Config::default();
    let syn = "S 0:0(0) win 5000 <mss 1460,sackOK,TS val 5 ecr 0,wscale 7>";
    let (mut entry, _) = half_open(&config, syn);
    for n in 0..20 {
        // The number is looked at before what is acknowledged.
        let line = ["R 2:2(0)", "R. 2:2(0) ack 100"][n % 2];
        let outcome = entry.on_segment(ms(10_001), &config, &segment(line));
        if n >= 10 {
            assert_eq!(outcome, HalfOpenOutcome::Ignore, "{n}");
            continue;
        }
        let HalfOpenOutcome::Reply(challenge) = outcome else {
            panic!("no challenge");
        };
        // The window is scaled, as in whatever is no SYN.
        let line = ". 1:1(0) ack 1 win 8030 <TS val 10001 ecr 5>";
        compare(&[challenge], &[line]);
    }
    let ack = segment(". 1:1(0) ack 1 <TS val 6 ecr 10000>");
    let outcome = entry.on_segment(ms(10_001), &config, &ack);
    assert_eq!(outcome, HalfOpenOutcome::Complete);
}

#[test]
fn an_ack_of_something_else_is_reset_and_the_entry_stays() {
    let config = plain();
    let (mut entry, _) = half_open(&config, "S 0:0(0) win 5000");
    let HalfOpenOutcome::Reply(reset) =
        entry.on_segment(ms(10_001), &config, &segment(". 1:1(0) ack 9"))
    else {
        panic!("no reset");
    };
    compare(&[reset], &["R 9:9(0)"]);
    let good = entry.on_segment(ms(10_001), &config, &segment(". 1:1(0) ack 1"));
    assert_eq!(good, HalfOpenOutcome::Complete);
}

#[test]
fn segments_outside_the_window_or_without_ack_do_not_complete_it() {
    let config = plain();
    let (mut entry, _) = half_open(&config, "S 0:0(0) win 5000");
    for line in [
        ". 50001:50101(100) ack 1",
        "P 1:101(100)",
        "S. 1:1(0) ack 1",
        "S 5:5(0)",
    ] {
        let outcome = entry.on_segment(ms(10_001), &config, &segment(line));
        assert_eq!(outcome, HalfOpenOutcome::Ignore, "{line}");
    }
}

#[test]
fn what_is_not_a_syn_opens_nothing() {
    for line in [
        "S. 0:0(0) ack 1",
        "SR 0:0(0)",
        "SF 0:0(0)",
        ". 0:0(0) ack 1",
        "P 0:0(0)",
    ] {
        let entry = HalfOpen::new(ms(1), &plain(), initial(), &segment(line));
        assert!(entry.is_none(), "{line}");
    }
}

#[test]
fn a_segment_that_belongs_to_nobody_is_reset_unless_it_is_a_reset() {
    let reset = |line| reset_for(&segment(line));
    compare(&[reset(". 5:105(100) ack 7").unwrap()], &["R 7:7(0)"]);
    let for_syn = reset("S 5:5(0)").unwrap();
    assert_eq!(for_syn.seq.0, 0);
    assert_eq!(for_syn.ack, crate::script::IRS + 6);
    assert_eq!(reset("R. 5:5(0) ack 7"), None);
}
