//! What a program changes under way: cork, quick ACKs, congestion control, the receive buffer.

use tcp_core::Config;
use tcp_core::congestion::Algorithm;

use crate::script::{Script, ms, plain};

#[test]
fn a_cork_holds_what_does_not_fill_a_segment_until_it_is_pulled() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.set_cork(true);
    tcp.write(100);
    tcp.expect(&[]);
    tcp.write(950);
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    tcp.tcp.set_cork(false);
    tcp.expect(&["P. 1001:1051(50) ack 1"]);
}

#[test]
fn turning_nagle_off_pushes_what_a_cork_holds_and_the_cork_stays() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.set_cork(true);
    tcp.write(40);
    tcp.write(40);
    tcp.expect(&[]);
    tcp.tcp.set_nagle(false);
    tcp.expect(&["P. 1:81(80) ack 1"]);
    tcp.write(40);
    tcp.expect(&[]);
    tcp.tcp.set_cork(false);
    tcp.expect(&["P. 81:121(40) ack 1"]);
}

#[test]
fn a_cork_holds_for_a_time_out_at_most() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.set_cork(true);
    tcp.write(100);
    tcp.expect(&[]);
    tcp.fire();
    tcp.expect(&["P. 1:101(100) ack 1"]);
}

#[test]
fn a_corked_end_goes_out() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.set_cork(true);
    tcp.write(100);
    tcp.expect(&[]);
    tcp.tcp.shutdown_write();
    tcp.expect(&["FP. 1:101(100) ack 1"]);
}

#[test]
fn without_quick_acks_an_ack_waits_for_an_answer() {
    let mut tcp = Script::established(&Config {
        quick_acks: 16,
        ..plain()
    });
    tcp.recv("P. 1:101(100) ack 1");
    tcp.expect(&[". 1:1(0) ack 101"]);
    tcp.tcp.set_quick_ack(false);
    assert!(!tcp.tcp.is_quick_ack());
    tcp.recv("P. 101:201(100) ack 1");
    tcp.expect(&[]);
    let (waited, _) = tcp.fire();
    assert_eq!(waited, ms(40));
    tcp.expect(&[". 1:1(0) ack 201"]);
    // On again, what waits goes at once.
    tcp.recv("P. 201:301(100) ack 1");
    tcp.expect(&[]);
    tcp.tcp.set_quick_ack(true);
    tcp.expect(&[". 1:1(0) ack 301"]);
}

#[test]
fn another_congestion_control_goes_on_with_the_window_of_the_first() {
    let mut tcp = Script::established(&plain());
    tcp.write(4000);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 4001");
    let before = tcp.tcp.info();
    tcp.tcp.set_congestion(Algorithm::NewReno);
    assert_eq!(tcp.tcp.congestion(), Algorithm::NewReno);
    let after = tcp.tcp.info();
    assert_eq!((after.cwnd, after.ssthresh), (before.cwnd, before.ssthresh));
}

#[test]
fn a_larger_receive_buffer_is_told_to_the_peer_and_a_smaller_one_takes_nothing_back() {
    let mut tcp = Script::established(&plain());
    let offered = tcp.tcp.info().receive_window;
    assert_eq!(
        tcp.tcp.set_receive_buffer(100),
        u32::try_from(offered).unwrap()
    );
    assert_eq!(tcp.tcp.receive_edge(), offered);
    assert_eq!(tcp.tcp.set_receive_buffer(65_000), 65_000);
    tcp.poll();
    tcp.recv("P. 1:2001(2000) ack 1");
    tcp.expect(&[". 1:1(0) ack 2001"]);
    assert!(tcp.tcp.receive_edge() > offered);
}

#[test]
fn what_is_written_is_unsent_until_it_leaves() {
    let mut tcp = Script::connecting(&plain());
    tcp.write(100);
    assert_eq!(tcp.tcp.unsent(), 100);
    let mut tcp = Script::established(&plain());
    tcp.write(3000);
    assert_eq!(tcp.tcp.unsent(), 3000);
    tcp.poll();
    assert_eq!(tcp.tcp.unsent(), 0);
    assert!(!tcp.tcp.is_write_closed());
    tcp.tcp.shutdown_write();
    assert!(tcp.tcp.is_write_closed());
}
