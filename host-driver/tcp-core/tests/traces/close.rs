//! All the ways to the end.

use tcp_core::{ConnectionError, Events, State, WriteClosed};

use crate::script::{Script, ms, plain};

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# When a connection is closed actively, it MUST linger in the TIME-WAIT state for a time 2xMSL (Maximum Segment
//# Lifetime) (MUST-13).
#[test]
fn the_end_that_closes_first_goes_through_fin_wait_to_time_wait() {
    let mut tcp = Script::established(&plain());
    tcp.write(100);
    tcp.tcp.shutdown_write();
    assert_eq!(tcp.tcp.write(1), Err(WriteClosed));
    tcp.expect(&["FP. 1:101(100) ack 1"]);
    assert_eq!(tcp.tcp.state(), State::FinWait1);
    tcp.recv(". 1:1(0) ack 102");
    assert_eq!(tcp.tcp.state(), State::FinWait2);
    assert_eq!(tcp.tcp.acked_offset(), 100);
    assert_eq!(
        tcp.tcp.next_timeout(),
        None,
        "half-closed for as long as the peer likes"
    );
    let events = tcp.recv("F. 1:1(0) ack 102").events;
    assert!(events.contains(Events::FIN_RECEIVED | Events::TIME_WAIT));
    assert_eq!(tcp.tcp.state(), State::TimeWait);
    tcp.expect(&[". 102:102(0) ack 2"]);
    assert_eq!(tcp.fire(), (ms(60_000), Events::CLOSED));
    assert_eq!(tcp.tcp.state(), State::Closed);
}

#[test]
fn the_other_end_goes_through_close_wait_to_closed() {
    let mut tcp = Script::established(&plain());
    let events = tcp.recv("F. 1:101(100) ack 1").events;
    assert!(events.contains(Events::FIN_RECEIVED));
    assert!(tcp.tcp.is_peer_closed());
    assert_eq!(tcp.tcp.available(), 100, "the FIN is no byte");
    tcp.fire();
    tcp.expect(&[". 1:1(0) ack 102"]);
    assert_eq!(tcp.tcp.state(), State::CloseWait);
    tcp.write(50);
    tcp.expect(&["P. 1:51(50) ack 102"]);
    tcp.recv(". 102:102(0) ack 51");
    tcp.tcp.shutdown_write();
    assert_eq!(tcp.tcp.state(), State::LastAck);
    tcp.expect(&["F. 51:51(0) ack 102"]);
    assert_eq!(tcp.recv(". 102:102(0) ack 52").events, Events::CLOSED);
    assert_eq!(tcp.tcp.state(), State::Closed);
    assert_eq!(tcp.tcp.take_error(), None);
}

#[test]
fn after_a_half_close_the_peer_still_sends() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.shutdown_write();
    tcp.expect(&["F. 1:1(0) ack 1"]);
    tcp.recv(". 1:1001(1000) ack 2");
    tcp.recv(". 1001:2001(1000) ack 2");
    assert_eq!(tcp.tcp.available(), 2000);
    tcp.expect(&[". 2:2(0) ack 2001"]);
}

#[test]
fn fins_that_cross_lead_through_closing() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.shutdown_write();
    tcp.expect(&["F. 1:1(0) ack 1"]);
    tcp.recv("F. 1:1(0) ack 1");
    assert_eq!(tcp.tcp.state(), State::Closing);
    tcp.expect(&[". 2:2(0) ack 2"]);
    assert_eq!(tcp.recv(". 2:2(0) ack 2").events, Events::TIME_WAIT);
    assert_eq!(tcp.tcp.state(), State::TimeWait);
}

#[test]
fn a_fin_that_acknowledges_ours_leads_to_time_wait_at_once() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.shutdown_write();
    tcp.poll();
    tcp.recv("F. 1:1(0) ack 2");
    assert_eq!(tcp.tcp.state(), State::TimeWait);
    tcp.expect(&[". 2:2(0) ack 2"]);
}

#[test]
fn a_lost_fin_is_sent_again_with_the_data_before_it() {
    let mut tcp = Script::established(&plain());
    tcp.write(1500);
    tcp.tcp.shutdown_write();
    tcp.expect(&["FP. 1:1501(1500) ack 1"]);
    tcp.recv(". 1:1(0) ack 1001");
    tcp.fire();
    tcp.expect(&["FP. 1001:1501(500) ack 1"]);
    tcp.recv(". 1:1(0) ack 1501");
    assert_eq!(tcp.tcp.state(), State::FinWait1);
    tcp.fire();
    tcp.expect(&["F. 1501:1501(0) ack 1"]);
    tcp.recv(". 1:1(0) ack 1502");
    assert_eq!(tcp.tcp.state(), State::FinWait2);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# If such a host issues a CLOSE call while received data is still pending in the TCP connection, or if new data is
//# received after CLOSE is called, its TCP implementation SHOULD send a RST to show that data was lost (SHLD-3).
#[test]
fn closing_with_unread_data_resets() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 1:101(100) ack 1");
    tcp.tcp.close(tcp.now);
    assert_eq!(tcp.tcp.state(), State::Closed);
    tcp.expect(&["R. 1:1(0) ack 101"]);
}

#[test]
fn closing_with_everything_read_sends_a_fin() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 1:101(100) ack 1");
    tcp.tcp.consume(100);
    tcp.tcp.close(tcp.now);
    tcp.expect(&["F. 1:1(0) ack 101"]);
}

#[test]
fn data_after_close_is_reset() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.close(tcp.now);
    tcp.expect(&["F. 1:1(0) ack 1"]);
    let events = tcp.recv(". 1:101(100) ack 2").events;
    // The FIN is acknowledged, and then the connection over.
    assert_eq!(events, Events::WRITABLE | Events::CLOSED);
    tcp.expect(&["R 2:2(0)"]);
    assert_eq!(tcp.tcp.take_error(), None, "nobody is there to be told");
}

#[test]
fn the_reset_for_data_after_close_is_where_the_peer_expects_it_even_if_the_fin_was_lost() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.close(tcp.now);
    tcp.expect(&["F. 1:1(0) ack 1"]);
    tcp.recv(". 1:101(100) ack 1");
    tcp.expect(&["R 1:1(0)"]);
    assert_eq!(tcp.tcp.state(), State::Closed);
}

#[test]
fn a_closed_connection_does_not_wait_for_the_peers_fin_for_ever() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.close(tcp.now);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 2");
    assert_eq!(tcp.tcp.state(), State::FinWait2);
    assert_eq!(tcp.fire(), (ms(60_000), Events::CLOSED));
}

#[test]
fn closing_after_a_half_close_starts_that_wait_too() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.shutdown_write();
    tcp.poll();
    tcp.recv(". 1:1(0) ack 2");
    assert_eq!(tcp.tcp.next_timeout(), None);
    tcp.tcp.close(tcp.now);
    assert_eq!(tcp.fire(), (ms(60_000), Events::CLOSED));
}

#[test]
fn an_abort_resets_and_ends_at_once() {
    let mut tcp = Script::established(&plain());
    tcp.write(3000);
    tcp.poll();
    let reset = tcp.tcp.abort(tcp.now).unwrap();
    crate::script::compare(&[reset], &["R. 3001:3001(0) ack 1"]);
    assert_eq!(tcp.tcp.state(), State::Closed);
    assert_eq!(tcp.tcp.abort(tcp.now), None);
    tcp.expect(&[]);
    assert_eq!(tcp.tcp.next_timeout(), None);
}

#[test]
fn an_abort_before_the_peer_knows_of_us_sends_nothing() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    assert_eq!(tcp.tcp.abort(tcp.now), None);
}

#[test]
fn calls_on_a_closed_connection_do_nothing() {
    let mut tcp = Script::established(&plain());
    tcp.recv("R. 1:1(0) ack 1");
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::Reset));
    tcp.tcp.shutdown_write();
    tcp.tcp.consume(100);
    tcp.tcp.close(tcp.now);
    assert_eq!(tcp.tcp.write(1), Err(WriteClosed));
    assert_eq!(tcp.recv(". 1:101(100) ack 1").placement, None);
    tcp.expect(&[]);
}
