//! What a race is made of: two hosts, and actors that a checker's schedule interleaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore_refs::{holder::Name, sync::thread};
use longshore_sockets::broken::{Rule, break_rule};
use longshore_sockets::{TcpListener, TcpStream};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use sim_wire::{Picos, Station};

use crate::common::{B4, Host, Plan, World, at};

/// Steps of the NICs and of the owners in a race.
pub(crate) const STEPS: u64 = 12;

/// A way of the wire in a race, in which programs act on their own.
pub(crate) struct Race {
    pub(crate) hosts: Arc<[Host; 2]>,
    pub(crate) now: Arc<AtomicU64>,
    actors: Vec<thread::JoinHandle<()>>,
}

impl Race {
    pub(crate) fn new(world: World) -> Self {
        Self {
            now: Arc::new(AtomicU64::new(world.now.0)),
            hosts: Arc::new([world.a, world.b]),
            actors: Vec::new(),
        }
    }

    /// What A has sent is in B's memory, and B's owner takes it in: that, and what programs do, and nothing else, so
    /// that schedules are short and rare orders not so rare.
    pub(crate) fn close_up(mut world: World) -> Self {
        for _ in 0..20 {
            world.a.stack.poll(world.now.into());
            world.now += Picos::from_nanos(1000);
            world.a.model.lock().run_until(world.now);
            world.b.model.lock().run_until(world.now);
        }
        let mut race = Self::new(world);
        race.actor(|hosts, now| {
            hosts[1]
                .stack
                .poll(Picos(now.load(Ordering::SeqCst)).into());
        });
        race
    }

    /// Both owners and the NICs run from now on; each step takes `step`.
    pub(crate) fn start(world: World, step: Duration) -> Self {
        let mut race = Self::new(world);
        let picos = u64::try_from(step.as_nanos() * 1000).unwrap();
        race.actor(move |hosts, now| {
            for _ in 0..STEPS {
                let now = Picos(now.fetch_add(picos, Ordering::SeqCst) + picos);
                for host in hosts {
                    host.model.lock().run_until(now);
                }
                thread::yield_now();
            }
        });
        for side in 0..2 {
            race.actor(move |hosts, now| {
                for _ in 0..STEPS {
                    hosts[side]
                        .stack
                        .poll(Picos(now.load(Ordering::SeqCst)).into());
                    thread::yield_now();
                }
            });
        }
        race
    }

    pub(crate) fn actor(&mut self, act: impl FnOnce(&[Host; 2], &AtomicU64) + Send + 'static) {
        let (hosts, now) = (Arc::clone(&self.hosts), Arc::clone(&self.now));
        self.actors.push(thread::spawn(move || act(&hosts, &now)));
    }

    /// A program.
    pub(crate) fn program(&mut self, run: impl FnOnce(&[Host; 2]) + Send + 'static) {
        self.actor(move |hosts, _| run(hosts));
    }

    /// All have acted: time goes on in one thread.
    pub(crate) fn join(mut self) -> World {
        for actor in self.actors.drain(..) {
            actor.join().unwrap();
        }
        let hosts = Arc::try_unwrap(self.hosts);
        let [a, b] = hosts.unwrap_or_else(|_| unreachable!("all actors are gone"));
        for host in [&a, &b] {
            // Nothing goes on now. Whatever is in the table has a socket, and somebody has that.
            let living = host.stack.living();
            let held = [Name::F, Name::Q, Name::S].map(|name| living.sockets.of(name));
            let held: u32 = held.iter().sum();
            assert!(living.connections <= held as usize, "{living:#?}");
        }
        World {
            a,
            b,
            now: Picos(self.now.load(Ordering::SeqCst)),
        }
    }
}

fn schedules() -> usize {
    let set = std::env::var("LONGSHORE_SCHEDULES").ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(3000)
}

/// Tries a race in many schedules, at random and by priorities that change at few points.
pub(crate) fn explore(race: fn()) {
    let config = || {
        let mut config = shuttle::Config::new();
        config.stack_size = 1 << 20;
        config.max_steps = shuttle::MaxSteps::None;
        config
    };
    let half = schedules().div_ceil(2);
    shuttle::Runner::new(RandomScheduler::new(half), config()).run(race);
    shuttle::Runner::new(PctScheduler::new(3, half), config()).run(race);
}

/// Whether the checker finds something wrong in a race if a rule is broken.
pub(crate) fn is_found(rule: Rule, race: fn()) -> bool {
    break_rule(Some(rule));
    let found = std::panic::catch_unwind(|| explore(race)).is_err();
    break_rule(None);
    found
}

pub(crate) const STEP: Duration = Duration::from_micros(3);

pub(crate) fn listen(host: &Host) -> TcpListener {
    let listener = TcpListener::bind(&host.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

pub(crate) fn start(host: &Host) -> TcpStream {
    let stream = TcpStream::start_connect(&host.stack, at(B4, 80)).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Both hosts know each other's station address, so that a race is about what it is about.
pub(crate) fn acquainted() -> World {
    let mut world = Plan::default().build();
    let stream = start(&world.a);
    assert!(world.run(Duration::from_secs(1), || stream.readiness().closed));
    world
}

/// A listener at B, and a connection from A that is in its queue.
pub(crate) fn queued() -> (World, TcpListener, TcpStream) {
    let mut world = acquainted();
    let (listener, stream) = (listen(&world.b), start(&world.a));
    assert!(world.run(Duration::from_secs(1), || listener.queued() == 1));
    (world, listener, stream)
}

/// A listener at B, and a connection from A whose last ACK is not there yet.
pub(crate) fn half_open() -> (World, TcpListener, TcpStream) {
    let mut world = acquainted();
    let (listener, stream) = (listen(&world.b), start(&world.a));
    assert!(world.run(Duration::from_secs(1), || listener.half_open() == 1));
    (world, listener, stream)
}

pub(crate) fn connected() -> (World, TcpStream, TcpStream) {
    let (mut world, listener, stream) = queued();
    let (child, _) = listener.accept().unwrap();
    child.set_nonblocking(true).unwrap();
    drop(listener);
    world.pass(Duration::from_micros(10));
    (world, stream, child)
}
