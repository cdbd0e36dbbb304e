//! Keep-alive (RFC 9293 §3.8.4) and the user time-out (RFC 5482).

use std::time::Duration;

use tcp_core::{Config, ConnectionError, Events, KeepAlive, State};

use crate::script::{Script, ms, plain};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn keep_alive() -> Config {
    Config {
        keep_alive: Some(KeepAlive {
            idle: secs(100),
            interval: secs(10),
            probes: 3,
        }),
        ..plain()
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# MUST default to no less than two hours (MUST-28).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# they MUST default to off (MUST-25).
#[test]
fn it_is_off_by_default_and_two_hours_when_on() {
    let tcp = Script::established(&plain());
    assert_eq!(tcp.tcp.next_timeout(), None);
    assert_eq!(KeepAlive::default().idle, secs(7200));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# An implementation SHOULD send a keep-alive segment with no data (SHLD-12)
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Implementers MAY include "keep-alives" in their TCP implementations (MAY-5), although this practice is not
//# universally accepted.
#[test]
fn an_idle_connection_is_probed_and_an_answer_starts_the_idle_time_again() {
    let mut tcp = Script::established(&keep_alive());
    assert_eq!(tcp.fire(), (secs(100), Events::empty()));
    tcp.expect(&[". 0:0(0) ack 1"]);
    tcp.recv(". 1:1(0) ack 1");
    tcp.expect(&[]);
    // The timer was armed for the next probe; the answer makes it wait for the rest of the idle time.
    assert_eq!(tcp.fire().0, secs(10));
    tcp.expect(&[]);
    assert_eq!(tcp.fire().0, secs(90));
    tcp.expect(&[". 0:0(0) ack 1"]);
    assert_eq!(tcp.tcp.counters().keep_alives, 2);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Keep-alive packets MUST only be sent when no sent data is outstanding, and no data or acknowledgment packets
//# have been received for the connection within an interval (MUST-26).
#[test]
fn data_that_comes_puts_the_probe_off() {
    let mut tcp = Script::established(&keep_alive());
    tcp.pass(secs(60));
    tcp.recv(". 1:101(100) ack 1");
    tcp.poll();
    while tcp.tcp.counters().keep_alives == 0 {
        tcp.fire();
        tcp.poll();
    }
    assert_eq!(tcp.now, ms(10_000) + secs(160));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Consequently, if a keep-alive mechanism is implemented it MUST NOT interpret failure to respond to any specific
//# probe as a dead connection (MUST-29).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# This interval MUST be configurable (MUST-27)
#[test]
fn probes_without_an_answer_end_the_connection_with_a_reset() {
    let mut tcp = Script::established(&keep_alive());
    for wait in [100, 10, 10] {
        assert_eq!(tcp.fire().0, secs(wait));
        tcp.expect(&[". 0:0(0) ack 1"]);
    }
    let (waited, events) = tcp.fire();
    assert_eq!((waited, events), (secs(10), Events::ERROR | Events::CLOSED));
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::TimedOut));
    tcp.expect(&["R. 1:1(0) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# If keep-alives are included, the application MUST be able to turn them on or off for each TCP connection
//# (MUST-24)
#[test]
fn it_can_be_turned_on_and_off_while_connected() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.set_keep_alive(tcp.now, Some(KeepAlive::default()));
    assert_eq!(tcp.tcp.next_timeout(), Some(tcp.now + secs(7200)));
    tcp.tcp.set_keep_alive(tcp.now, None);
    assert_eq!(tcp.tcp.next_timeout(), None);
}

#[test]
fn a_probe_is_answered_though_it_carries_nothing() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 4294967295:4294967295(0) ack 1");
    tcp.expect(&[". 1:1(0) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# An application MUST (MUST-21) be able to set the value for R2 for a particular connection.
#[test]
fn the_user_timeout_ends_a_connection_whose_data_is_not_acknowledged() {
    let mut tcp = Script::established(&plain());
    tcp.tcp.set_user_timeout(Some(secs(5)));
    let start = tcp.now;
    tcp.write(100);
    tcp.poll();
    while tcp.tcp.state() == State::Established {
        tcp.fire();
        tcp.poll();
    }
    assert_eq!(tcp.now - start, secs(5));
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::TimedOut));
}

#[test]
fn progress_starts_the_user_timeout_again() {
    let mut tcp = Script::established(&Config {
        user_timeout: Some(secs(5)),
        ..plain()
    });
    tcp.write(2000);
    tcp.poll();
    while tcp.now < secs(13) {
        tcp.fire();
        tcp.poll();
    }
    assert_eq!(tcp.tcp.state(), State::Established);
    tcp.recv(". 1:1(0) ack 1001");
    let start = tcp.now;
    tcp.poll();
    while tcp.tcp.state() == State::Established {
        tcp.fire();
        tcp.poll();
    }
    assert_eq!(tcp.now - start, secs(5));
}
