//! ICMP echo through two stacks and the NICs between them.

mod common;

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use common::{B4, B6, Plan};
use longshore_sockets::{Echo, EchoEvent};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_echo_comes_back_over_both_families_with_its_data_and_takes_time() {
    for remote in [B4, B6] {
        let mut world = Plan::default().build();
        let echo = Echo::new(&world.a.stack).unwrap();
        for sequence in 0..3 {
            let data = vec![sequence as u8; 1400];
            let sent = echo.send(ip(remote), sequence, &data).unwrap();
            world.pass(Duration::from_millis(10));
            let event = echo.receive(Duration::ZERO).unwrap();
            let Some(EchoEvent::Reply { reply, at }) = event else {
                panic!("{event:?}");
            };
            assert_eq!((reply.from, reply.sequence), (ip(remote), sequence));
            assert_eq!(reply.data, data);
            assert!(at > sent);
        }
        assert_eq!(echo.receive(Duration::ZERO).unwrap(), None);
        drop(echo);
        world.assert_nothing_left();
    }
}

#[test]
fn answers_reach_the_sender_whose_identifier_they_bear() {
    let mut world = Plan::default().build();
    let (one, two) = (
        Echo::new(&world.a.stack).unwrap(),
        Echo::new(&world.a.stack).unwrap(),
    );
    one.send(ip(B4), 1, b"one").unwrap();
    two.send(ip(B4), 1, b"two").unwrap();
    world.pass(Duration::from_millis(10));
    for (echo, data) in [(&one, b"one"), (&two, b"two")] {
        let Some(EchoEvent::Reply { reply, .. }) = echo.receive(Duration::ZERO).unwrap() else {
            panic!("no answer");
        };
        assert_eq!(reply.data, data);
        assert_eq!(echo.receive(Duration::ZERO).unwrap(), None);
    }
}

#[test]
fn a_neighbour_that_does_not_answer_and_a_missing_route_are_told() {
    let mut world = Plan::default().build();
    let echo = Echo::new(&world.a.stack).unwrap();
    echo.send(ip("192.0.2.77"), 1, &[]).unwrap();
    world.pass(Duration::from_secs(10));
    assert_eq!(
        echo.receive(Duration::ZERO).unwrap(),
        Some(EchoEvent::NeighbourLost(ip("192.0.2.77")))
    );
    let error = echo.send(ip("8.8.8.8"), 1, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    let error = echo.send(ip(B4), 1, &[0; 2000]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn nobody_waits_on_a_stack_that_was_shut_down() {
    let world = Plan::default().build();
    let echo = Echo::new(&world.a.stack).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| echo.receive(Duration::from_secs(3600)));
        world.a.stack.shutdown();
        assert_eq!(
            waiting.join().unwrap().unwrap_err().raw_os_error(),
            Some(19)
        );
    });
    assert!(echo.send(ip(B4), 1, &[]).is_err());
    assert!(Echo::new(&world.a.stack).is_err());
}
