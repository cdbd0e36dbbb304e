//! Invariants of the reference model that need a whole stack to be seen (docs/REFERENCES.md has them all).
#![cfg(not(any(loom, shuttle)))]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use common::{B4, Plan, World, at, data};
use longshore_refs::holder::Name;
use longshore_sockets::{TcpListener, TcpStream};
use proptest::prelude::*;
use sim_wire::fault::{Action, Script};

const SECOND: Duration = Duration::from_secs(1);

/// What programs of both hosts do in a random run.
#[derive(Clone, Debug)]
enum Step {
    Listen,
    Unlisten(usize),
    Connect(u16),
    Accept(usize),
    Write(usize, usize),
    Close(usize),
    Abort(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0..8usize;
    proptest::collection::vec(
        prop_oneof![
            1 => Just(Step::Listen),
            1 => which.clone().prop_map(Step::Unlisten),
            6 => (0..4u16).prop_map(Step::Connect),
            4 => which.clone().prop_map(Step::Accept),
            3 => (which.clone(), 1..20_000usize).prop_map(|(which, len)| Step::Write(which, len)),
            3 => which.clone().prop_map(Step::Close),
            2 => which.prop_map(Step::Abort),
            8 => (1..3_000u64).prop_map(Step::Pass),
            1 => (1..90_000_000u64).prop_map(Step::Pass),
        ],
        1..60,
    )
}

/// Invariant 15: half-open, queue length and connections are what the objects in that state are.
fn assert_counted(world: &World, listeners: &[TcpListener], programs: &[TcpStream]) {
    let living = world.b.stack.living();
    let half_open: usize = listeners.iter().map(TcpListener::half_open).sum();
    assert_eq!(half_open, living.half_open, "half-open entries");
    assert_eq!(listeners.len(), living.listeners, "listeners");
    for host in [&world.a, &world.b] {
        let living = host.stack.living();
        if !cfg!(debug_assertions) {
            continue;
        }
        let of = |name| living.sockets.of(name) as usize;
        let queued = if std::ptr::eq(host, &world.b) {
            listeners.iter().map(TcpListener::queued).sum()
        } else {
            0
        };
        assert_eq!(of(Name::Q), queued, "children in queues");
        assert_eq!(living.listener_references.of(Name::L) as usize, queued);
        let sockets = living.pcb_references.of(Name::P) as usize;
        assert_eq!(
            living.pcbs, sockets,
            "every Pcb has its socket, which has P"
        );
        assert!(sockets <= of(Name::F) + of(Name::Q) + of(Name::S));
        assert!(
            living.connections <= sockets,
            "what is in the table has a socket"
        );
        let armed = living.pcb_references.of(Name::T) as usize;
        assert!(armed <= living.connections, "what is over has no timer");
        // One more for each shard that has records which end by themselves.
        let shards = living.timers - armed;
        assert!(shards <= living.half_open + living.time_wait);
        assert_eq!(shards == 0, living.half_open + living.time_wait == 0);
        assert_eq!(
            living.pcb_references.of(Name::X),
            0,
            "nobody looks anything up now"
        );
    }
    let files: u32 = [&world.a, &world.b]
        .iter()
        .map(|host| host.stack.living().sockets.of(Name::F))
        .sum();
    assert!(!cfg!(debug_assertions) || files as usize == programs.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counters_equal_the_objects_in_that_state(steps in steps()) {
        let mut world = Plan {
            tune: |config| {
                config.backlog = 2;
                config.half_open = 3;
                config.tcp.time_wait = 2 * SECOND;
            },
            ..Plan::default()
        }
        .build();
        let (mut listeners, mut programs) = (Vec::new(), Vec::<TcpStream>::new());
        for step in steps {
            match step {
                Step::Listen => {
                    let port = 80 + listeners.len() as u16 % 3;
                    if let Ok(listener) = TcpListener::bind(&world.b.stack, at(B4, port)) {
                        listener.set_nonblocking(true).unwrap();
                        listeners.push(listener);
                    }
                }
                Step::Unlisten(i) if !listeners.is_empty() => {
                    drop(listeners.swap_remove(i % listeners.len()));
                }
                Step::Connect(port) => {
                    let stream =
                        TcpStream::start_connect(&world.a.stack, at(B4, 80 + port)).unwrap();
                    stream.set_nonblocking(true).unwrap();
                    programs.push(stream);
                }
                Step::Accept(i) if !listeners.is_empty() => {
                    if let Ok((child, _)) = listeners[i % listeners.len()].accept() {
                        child.set_nonblocking(true).unwrap();
                        programs.push(child);
                    }
                }
                Step::Write(i, len) if !programs.is_empty() => {
                    let _ = (&programs[i % programs.len()]).write(&data(len, 1));
                }
                Step::Close(i) if !programs.is_empty() => {
                    drop(programs.swap_remove(i % programs.len()));
                }
                Step::Abort(i) if !programs.is_empty() => {
                    programs.swap_remove(i % programs.len()).abort();
                }
                Step::Pass(micros) => world.pass(Duration::from_micros(micros)),
                _ => {}
            }
            assert_counted(&world, &listeners, &programs);
        }
        drop((listeners, programs));
        world.assert_nothing_left();
    }
}

/// The three calls that tell an error, and what each says once it was told.
fn tell(stream: &TcpStream, call: usize) -> Option<std::io::Error> {
    let mut stream = stream;
    match call {
        0 => stream.read(&mut [0; 1]).err(),
        1 => stream.write(b"x").err(),
        _ => stream.take_error().unwrap(),
    }
}

/// A connection that ended, and what its program is to be told.
fn ended(how: usize) -> (World, TcpStream, ErrorKind) {
    let silent = || Script::new().when(|number, _| (number >= 30).then_some(Action::Drop));
    let mut world = Plan {
        script_to_b: if how == 2 { silent() } else { Script::new() },
        script_to_a: if how == 2 { silent() } else { Script::new() },
        tune: |config| config.tcp.user_timeout = Some(20 * SECOND),
        ..Plan::default()
    }
    .build();
    let kind = match how {
        0 => ErrorKind::ConnectionRefused,
        1 => ErrorKind::ConnectionReset,
        2 => ErrorKind::TimedOut,
        3 => ErrorKind::HostUnreachable,
        4 => ErrorKind::ConnectionAborted,
        // ENODEV has no kind of its own.
        _ => std::io::Error::from_raw_os_error(19).kind(),
    };
    let stream = match how {
        0 => TcpStream::start_connect(&world.a.stack, at(B4, 9)).unwrap(),
        3 => TcpStream::start_connect(&world.a.stack, at("192.0.2.77", 9)).unwrap(),
        _ => {
            let (a, b) = world.connect(B4);
            match how {
                1 => b.abort(),
                4 => a.try_clone().unwrap().abort(),
                5 => world.a.stack.shutdown(),
                _ => {
                    world.run(300 * SECOND, || {
                        let _ = (&a).write(&[0; 1000]);
                        a.readiness().closed
                    });
                    // Its own end never hears of it.
                    b.abort();
                }
            }
            a
        }
    };
    stream.set_nonblocking(true).unwrap();
    assert!(
        world.run(300 * SECOND, || stream.readiness().closed),
        "{how}"
    );
    (world, stream, kind)
}

#[test]
fn a_terminal_error_is_told_once_by_whichever_call_comes_first() {
    for how in [0, 1, 3, 4, 5] {
        for first in 0..3 {
            let (mut world, stream, kind) = ended(how);
            let error = tell(&stream, first).unwrap_or_else(|| panic!("{how} {first}: nothing"));
            assert_eq!(error.kind(), kind, "{how} {first}");
            for _ in 0..2 {
                assert_eq!((&stream).read(&mut [0; 1]).unwrap(), 0, "{how} {first}");
                let error = (&stream).write(b"x").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{how} {first}");
                assert!(stream.take_error().unwrap().is_none(), "{how} {first}");
            }
            drop(stream);
            world.assert_nothing_lives();
        }
    }
}

#[test]
fn a_time_out_is_told_once_too() {
    let (mut world, stream, kind) = ended(2);
    // The writer of `ended` may have been told already.
    if let Some(error) = tell(&stream, 2) {
        assert_eq!(error.kind(), kind);
    }
    assert!(tell(&stream, 2).is_none());
    assert_eq!((&stream).read(&mut [0; 1]).unwrap(), 0);
    drop(stream);
    world.assert_nothing_lives();
}

/// Invariant 20, with a NIC that is in the middle of everything and gets no time to finish: shutdown comes back, tells
/// every program, and leaves nothing but what a confirmed quiesce releases.
#[test]
fn shutdown_is_bounded_and_releases_everything_whatever_the_nic_does() {
    for pulled_out in [false, true] {
        let mut world = Plan::default().build();
        let listener = TcpListener::bind(&world.a.stack, at("0.0.0.0", 7)).unwrap();
        let (a, b) = world.connect(B4);
        let nobody = at("192.0.2.77", 81);
        let connecting = TcpStream::start_connect(&world.a.stack, nobody).unwrap();
        world.run(SECOND, || {
            let _ = (&a).write(&[0; 50_000]);
            b.readiness().readable
        });
        let _ = (&a).write(&[0; 50_000]);
        assert!(world.a.stack.living().requests > 0);
        if pulled_out {
            world.a.device.pull_out();
        }
        // The NIC's time stands still: whatever waits for it has to give up by itself.
        world.a.stack.shutdown();
        for stream in [&a, &connecting] {
            let error = stream.take_error().unwrap().unwrap();
            assert_eq!(error.raw_os_error(), Some(19));
        }
        assert_eq!(listener.accept().unwrap_err().raw_os_error(), Some(19));
        drop((a, connecting, listener));
        let device = Arc::clone(&world.a.device);
        drop((b, world));
        assert_eq!(
            device.memory().mapped(),
            0,
            "D, B and M: pulled out {pulled_out}"
        );
    }
}

/// A reference that somebody forgot is found by the check at the end of every test, and told by its holder's name.
#[test]
fn a_leaked_reference_is_reported_with_the_name_of_its_holder() {
    if !cfg!(debug_assertions) {
        return;
    }
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    std::mem::forget(a);
    drop(b);
    world.pass(SECOND);
    let World { a: host, b, .. } = world;
    let report = catch_unwind(AssertUnwindSafe(|| drop(host))).unwrap_err();
    let report = report.downcast_ref::<String>().unwrap();
    assert!(report.contains("sockets: F 1"), "{report}");
    assert!(report.contains("pcb_references: P 1"), "{report}");
    drop(b);
}

/// As above, of a listener's child: the queue's reference, and the child's to its listener.
#[test]
fn a_leaked_listener_is_reported_with_the_holders_of_its_children() {
    if !cfg!(debug_assertions) {
        return;
    }
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    let client = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
    assert!(world.run(SECOND, || listener.queued() == 1));
    let living = world.b.stack.living();
    assert_eq!(living.sockets.to_string(), "Q 1");
    assert_eq!(living.listener_references.to_string(), "F 1, L 1");
    drop(client);
    std::mem::forget(listener);
    let World { a, b: host, .. } = world;
    let report = catch_unwind(AssertUnwindSafe(|| drop(host))).unwrap_err();
    let report = report.downcast_ref::<String>().unwrap();
    assert!(report.contains("listener_references: F 1"), "{report}");
    drop(a);
}
