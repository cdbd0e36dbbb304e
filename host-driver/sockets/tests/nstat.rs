//! Counters agree: with each other, with those of the connections, and with what was on the wire.
#![cfg(not(any(loom, shuttle)))]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{B4, Plan, Program, World, at, data};
use longshore_sockets::{TcpListener, TcpStream};
use sim_wire::fault::{Action, Script};

/// TCP's frames of one direction: how many there were, and how many of them were lost.
#[derive(Clone, Default)]
struct Wire {
    frames: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
}

impl Wire {
    /// Loses every frame of TCP whose number `nth` divides.
    fn script(&self, nth: u64) -> Script {
        let this = self.clone();
        Script::new().when(move |_, frame| {
            if frame.get(23) != Some(&6) {
                return None;
            }
            let number = this.frames.fetch_add(1, Ordering::Relaxed) + 1;
            number.is_multiple_of(nth).then(|| {
                this.lost.fetch_add(1, Ordering::Relaxed);
                Action::Drop
            })
        })
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    fn arrived(&self) -> u64 {
        self.frames() - self.lost.load(Ordering::Relaxed)
    }
}

type Names = BTreeMap<&'static str, u64>;

fn sent(names: &Names) -> u64 {
    names["TcpOutSegs"] + names["TcpRetransSegs"]
}

/// Moves bytes both ways to the end of file, and hands the streams back.
fn talk(world: &mut World, streams: (TcpStream, TcpStream)) -> (TcpStream, TcpStream) {
    let mut a = Program::new(streams.0, data(300_000, 1));
    let mut b = Program::new(streams.1, data(200_000, 2));
    assert!(world.run(Duration::from_secs(500), || {
        let a = a.step();
        b.step() && a
    }));
    (a.stream, b.stream)
}

#[test]
fn the_sums_of_a_lossy_transfer_agree_with_the_connections_and_with_the_wire() {
    let (to_b, to_a) = (Wire::default(), Wire::default());
    let plan = Plan {
        script_to_b: to_b.script(37),
        script_to_a: to_a.script(53),
        ..Plan::default()
    };
    let mut world = plan.build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    for round in 1..=3 {
        let first = world.connect_to(&listener, B4);
        let second = world.connect_to(&listener, B4);
        let established = world.a.stack.nstat()["TcpCurrEstab"];
        assert_eq!(established, 2);
        let first = talk(&mut world, first);
        let second = talk(&mut world, second);
        let again = |streams: [&TcpStream; 2]| -> u64 {
            let of = |stream: &&TcpStream| u64::from(stream.counters().retransmitted);
            streams.iter().map(of).sum()
        };
        let (a, b) = (world.a.stack.nstat(), world.b.stack.nstat());
        if round == 1 {
            // Connections that live, or have ended just now, are in it once.
            assert_eq!(a["TcpRetransSegs"], again([&first.0, &second.0]));
            assert_eq!(b["TcpRetransSegs"], again([&first.1, &second.1]));
        }
        assert!(a["TcpRetransSegs"] > 0 && b["TcpRetransSegs"] > 0);
        drop((first, second));
        world.pass(Duration::from_secs(300));
        let (a, b) = (world.a.stack.nstat(), world.b.stack.nstat());
        assert_eq!((sent(&a), sent(&b)), (to_b.frames(), to_a.frames()));
        assert_eq!(
            (a["TcpInSegs"], b["TcpInSegs"]),
            (to_a.arrived(), to_b.arrived())
        );
        let opened = (a["TcpActiveOpens"], b["TcpPassiveOpens"]);
        assert_eq!(opened, (2 * round, 2 * round));
        assert_eq!((a["TcpInErrs"], b["TcpInErrs"]), (0, 0));
    }
    drop(listener);
    world.assert_nothing_left();
}

#[test]
fn resets_are_counted_whoever_sends_them() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    a.abort();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.a.stack.nstat()["TcpOutRsts"], 1);
    drop(b);
    // Its clock stands still until somebody looks.
    world.a.stack.poll(world.now.into());
    // To a port that nobody listens on.
    let stream = TcpStream::start_connect(&world.a.stack, at(B4, 9)).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.b.stack.nstat()["TcpOutRsts"], 1);
    assert_eq!(world.b.stack.nstat().get("TcpCurrEstab"), None);
    drop(stream);
    world.assert_nothing_left();
}
