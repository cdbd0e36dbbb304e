//! When received data is acknowledged, and where out-of-order data goes.

use tcp_core::{Config, Events};

use crate::script::{Script, ms, plain};

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
//= type=test
//# an ACK should not be excessively delayed; in particular, the delay MUST be less than 0.5 seconds (MUST-40).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
//= type=test
//# A TCP endpoint SHOULD implement a delayed ACK (SHLD-18)
#[test]
fn a_lone_segment_is_acknowledged_after_40_ms() {
    let mut tcp = Script::established(&plain());
    let events = tcp.recv("P. 1:501(500) ack 1").events;
    assert_eq!(events, Events::READABLE);
    tcp.expect(&[]);
    assert_eq!(tcp.fire().0, ms(40));
    tcp.expect(&[". 1:1(0) ack 501"]);
    assert_eq!(tcp.tcp.next_timeout(), None);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
//= type=test
//# An ACK SHOULD be generated for at least every second full-sized segment or 2*RMSS bytes of new data (where RMSS
//# is the MSS specified by the TCP endpoint receiving the segments to be acknowledged, or the default value if not
//# specified) (SHLD-19).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# In general, the processing of received segments MUST be implemented to aggregate ACK segments whenever possible
//# (MUST-58).
#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    let mut tcp = Script::established(&plain());
    for start in [1, 2001, 4001] {
        tcp.recv(&format!(". {start}:{}(1000) ack 1", start + 1000));
        tcp.expect(&[]);
        tcp.recv(&format!(". {}:{}(1000) ack 1", start + 1000, start + 2000));
        tcp.expect(&[&format!(". 1:1(0) ack {}", start + 2000)]);
    }
    assert_eq!(tcp.tcp.next_timeout(), None, "no delayed ACK is left");
}

#[test]
fn a_coalesced_segment_counts_as_those_it_was_made_of() {
    let mut tcp = Script::established(&plain());
    let mut segment = crate::script::segment("P. 1:5001(5000) ack 1");
    segment.segments = 5;
    tcp.tcp.on_segment(tcp.now, &segment);
    tcp.expect(&[". 1:1(0) ack 5001"]);
    assert_eq!(tcp.tcp.counters().segs_in, 1 + 5);
    // And it taught the size of one, not of five.
    tcp.recv(". 5001:6001(1000) ack 1");
    tcp.expect(&[]);
    tcp.recv(". 6001:7001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 7001"]);
}

#[test]
fn data_carries_the_ack_with_it() {
    let mut tcp = Script::established(&plain());
    tcp.recv("P. 1:501(500) ack 1");
    tcp.expect(&[]);
    tcp.write(20);
    tcp.expect(&["P. 1:21(20) ack 501"]);
    assert_eq!(tcp.fire().0, ms(200), "the RTO: no delayed ACK is left");
}

#[test]
fn the_first_segments_are_acknowledged_at_once() {
    let config = Config {
        quick_acks: 3,
        ..plain()
    };
    let mut tcp = Script::established(&config);
    // The ACK of the SYN-ACK is one of them.
    for end in [101, 201] {
        tcp.recv(&format!("P. {}:{end}(100) ack 1", end - 100));
        tcp.expect(&[&format!(". 1:1(0) ack {end}")]);
    }
    tcp.recv("P. 201:301(100) ack 1");
    tcp.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# To provide feedback to senders recovering from losses, the receiver SHOULD send an immediate ACK when it
//# receives a data segment that fills in all or part of a gap in the sequence space.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# Out-of-order data segments SHOULD be acknowledged immediately, in order to accelerate loss recovery.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# A TCP implementation MAY send an ACK segment acknowledging RCV.NXT when a valid segment arrives that is in the
//# window but not at the left window edge (MAY-13).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# Segments with higher beginning sequence numbers SHOULD be held for later processing (SHLD-31).
#[test]
fn out_of_order_data_is_placed_and_acknowledged_at_once_and_the_gap_filled_too() {
    let mut tcp = Script::established(&plain());
    let received = tcp.recv(". 1001:2001(1000) ack 1");
    assert_eq!(received.placement.unwrap().offset, 1000);
    assert_eq!(received.events, Events::empty());
    tcp.expect(&[". 1:1(0) ack 1"]);
    tcp.recv(". 3001:3501(500) ack 1");
    tcp.expect(&[". 1:1(0) ack 1"]);
    assert_eq!(tcp.tcp.available(), 0);
    let received = tcp.recv(". 1:1001(1000) ack 1");
    assert_eq!(received.events, Events::READABLE);
    tcp.expect(&[". 1:1(0) ack 2001"]);
    assert_eq!(tcp.tcp.available(), 2000);
    tcp.recv(". 2001:3001(1000) ack 1");
    tcp.expect(&[". 1:1(0) ack 3501"]);
    assert_eq!(tcp.tcp.available(), 3500);
}

#[test]
fn only_what_is_new_of_an_overlapping_segment_is_taken() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 1:1001(1000) ack 1");
    let place = tcp.recv(". 501:1501(1000) ack 1").placement.unwrap();
    assert_eq!((place.skip, place.len, place.offset), (500, 500, 1000));
    assert_eq!(tcp.tcp.available(), 1500);
}

#[test]
fn old_data_is_acknowledged_again_and_not_taken() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 1:1001(1000) ack 1");
    tcp.poll();
    let received = tcp.recv(". 1:1001(1000) ack 1");
    assert_eq!(received.placement, None);
    tcp.expect(&[". 1:1(0) ack 1001"]);
}

#[test]
fn a_fin_ahead_of_a_gap_waits_for_it() {
    let mut tcp = Script::established(&plain());
    let events = tcp.recv("F. 1001:2001(1000) ack 1").events;
    assert!(!events.contains(Events::FIN_RECEIVED));
    assert!(!tcp.tcp.is_peer_closed());
    tcp.expect(&[". 1:1(0) ack 1"]);
    let events = tcp.recv(". 1:1001(1000) ack 1").events;
    assert!(events.contains(Events::FIN_RECEIVED));
    assert_eq!(tcp.tcp.available(), 2000);
    tcp.expect(&[". 1:1(0) ack 2002"]);
}

#[test]
fn the_ack_of_a_fin_behind_data_waits_for_our_own_to_carry_it() {
    let config = Config {
        quick_acks: 16,
        ..plain()
    };
    let mut tcp = Script::established(&config);
    tcp.recv("P. 1:101(100) ack 1");
    tcp.expect(&[". 1:1(0) ack 101"]);
    tcp.recv("F. 101:101(0) ack 1");
    tcp.expect(&[]);
    tcp.tcp.shutdown_write();
    tcp.expect(&["F. 1:1(0) ack 102"]);
}

#[test]
fn a_fin_without_data_before_it_is_acknowledged_at_once() {
    let mut tcp = Script::established(&plain());
    tcp.recv("F. 1:1(0) ack 1");
    tcp.expect(&[". 1:1(0) ack 2"]);
}
