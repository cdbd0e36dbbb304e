//! PAWS and round-trip measurement by timestamps.

use tcp_core::{Config, Events};

use crate::script::{Script, ms, plain};

fn established() -> Script {
    let config = Config {
        timestamps: true,
        ..plain()
    };
    Script::established_with(&config, "win 60000 <mss 1000,TS val 500 ecr 10000>")
}

#[test]
fn a_segment_with_an_old_timestamp_is_dropped_and_acknowledged() {
    let mut tcp = established();
    let received = tcp.recv(". 1:101(100) ack 1 <TS val 499 ecr 10000>");
    assert_eq!(received.placement, None);
    tcp.expect(&[". 1:1(0) ack 1 <TS val 10000 ecr 500>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# When an <RST> segment is received, it MUST NOT be subjected to the PAWS check by verifying an acceptable value
//# in SEG.TSval, and information from the Timestamps option MUST NOT be used to update connection state
//# information.
#[test]
fn a_reset_with_an_old_timestamp_counts() {
    let mut tcp = established();
    let events = tcp.recv("R. 1:1(0) ack 1 <TS val 1 ecr 10000>").events;
    assert!(events.contains(Events::CLOSED));
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# A TCP MUST NOT abort a TCP connection because any segment lacks an expected TSopt.
#[test]
fn a_segment_without_the_timestamp_is_dropped_in_silence() {
    let mut tcp = established();
    assert_eq!(tcp.recv(". 1:101(100) ack 1").placement, None);
    tcp.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# If an <RST> is being generated because of a user abort, and Snd.TS.OK is set, then a Timestamps option SHOULD be
//# included in the <RST>.
#[test]
fn a_reset_tells_the_time_it_is_sent_at() {
    let mut tcp = established();
    tcp.recv(". 1:101(100) ack 1 <TS val 510 ecr 10000>");
    tcp.poll();
    tcp.now += ms(1000);
    let mut aborted = tcp.tcp.clone();
    tcp.tcp.close(tcp.now);
    tcp.expect(&["R. 1:1(0) ack 101 <TS val 11000 ecr 510>"]);
    let reset = aborted.abort(tcp.now).unwrap();
    crate::script::compare(&[reset], &["R. 1:1(0) ack 101 <TS val 11000 ecr 510>"]);
}

#[test]
fn after_24_days_of_silence_any_timestamp_will_do() {
    let mut tcp = established();
    tcp.now += ms(24 * 24 * 3600 * 1000);
    let received = tcp.recv(". 1:101(100) ack 1 <TS val 1 ecr 10000>");
    assert!(received.placement.is_some());
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
//= type=test
//# An <ACK> for an out-of-order segment SHOULD, therefore, contain the timestamp from the most recent segment that
//# advanced RCV.NXT.
#[test]
fn the_echo_is_that_of_the_segment_that_moved_the_left_edge() {
    let mut tcp = established();
    tcp.recv(". 101:201(100) ack 1 <TS val 510 ecr 10000>");
    tcp.expect(&[". 1:1(0) ack 1 <TS val 10000 ecr 500>"]);
    tcp.recv(". 1:101(100) ack 1 <TS val 520 ecr 10000>");
    tcp.expect(&[". 1:1(0) ack 201 <TS val 10000 ecr 520>"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# The maximum size of a segment that a TCP endpoint really sends, the "effective send MSS", MUST be the smaller
//# (MUST-16) of the send MSS (that reflects the available reassembly buffer size at the remote host, the EMTU_R
//# [19]) and the largest transmission size permitted by the IP layer (EMTU_S [19]):
#[test]
fn the_option_is_taken_off_the_segment_size() {
    let mut tcp = established();
    assert_eq!(tcp.tcp.info().mss, 988);
    tcp.write(988);
    tcp.expect(&["P. 1:989(988) ack 1"]);
}

#[test]
fn an_echo_of_the_retransmission_measures_it() {
    let mut tcp = established();
    tcp.pass(ms(100));
    tcp.write(100);
    tcp.expect(&["P. 1:101(100) ack 1 <TS val 10100 ecr 500>"]);
    let (waited, _) = tcp.fire();
    tcp.expect(&["P. 1:101(100) ack 1"]);
    let srtt = tcp.tcp.info().srtt.unwrap();
    tcp.pass(ms(80));
    let echo = 10_100 + waited.as_millis();
    tcp.recv(&format!(". 1:1(0) ack 101 <TS val 600 ecr {echo}>"));
    assert_eq!(tcp.tcp.info().srtt.unwrap(), (srtt * 7 + ms(80)) / 8);
}

#[test]
fn an_echo_of_the_first_transmission_after_a_timeout_measures_nothing() {
    let mut tcp = established();
    tcp.write(100);
    tcp.poll();
    tcp.fire();
    tcp.poll();
    let srtt = tcp.tcp.info().srtt;
    tcp.pass(ms(80));
    tcp.recv(". 1:1(0) ack 101 <TS val 600 ecr 10000>");
    assert_eq!(tcp.tcp.acked_offset(), 100);
    assert_eq!(tcp.tcp.info().srtt, srtt);
}

#[test]
fn what_an_old_timestamp_keeps_out_is_not_told_as_if_it_had_come() {
    let config = Config {
        timestamps: true,
        sack: true,
        ..plain()
    };
    let syn_ack = "win 60000 <mss 1000,sackOK,TS val 500 ecr 10000>";
    let mut tcp = Script::established_with(&config, syn_ack);
    tcp.recv(". 1:101(100) ack 1 <TS val 499 ecr 10000>");
    tcp.expect(&[". 1:1(0) ack 1 <TS val 10000 ecr 500>"]);
}
