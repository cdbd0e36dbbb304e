//! Hosts of which B has a NIC with a flow table: its frames go to two owners, by flow or spread.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longshore_refs::sync::thread;
use longshore_sockets::TcpStream;
use longshore_sockets::slots::{Completion, Slots};
use parking_lot::Mutex;
use sim_wire::fault::{Action, Script};
use sim_wire::{Picos, Station};

use crate::common::{Plan, World};
use crate::flow_nic::{FlowNic, QUEUES, Rss, tuple_of};
use crate::race::{Race, STEPS, start};

/// Frames that A has sent, while the gate is closed; they go on to B's own NIC while it is open.
#[derive(Default)]
struct Gate {
    closed: bool,
    frames: Vec<Vec<u8>>,
}

/// B's NIC and who owns its queue pairs.
pub(crate) struct Steering {
    gate: Mutex<Gate>,
    pub(crate) nic: Mutex<FlowNic>,
    pub(crate) slots: [Slots; QUEUES],
}

impl Steering {
    /// What A has sent, instead of letting it arrive.
    pub(crate) fn take_frames(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.gate.lock().frames)
    }

    /// Whatever A has sent arrives at the NIC.
    pub(crate) fn arrive(&self) {
        let frames = self.take_frames();
        let mut nic = self.nic.lock();
        frames.iter().for_each(|frame| nic.receive(frame));
    }

    /// A round of a queue pair's owner, in batches of at most `budget`.
    pub(crate) fn serve(&self, queue: usize, now: Duration, budget: usize) {
        let completions = self.nic.lock().take(queue, budget);
        let slots = &self.slots[queue];
        // One after the other, so that each frame can be looked at as its owner looks at it.
        let mut commands = Vec::new();
        for (epoch, completion) in completions {
            if let Completion::Frame(Some(flow), frame) = &completion
                && let Some(whose) = slots.whose(*flow, epoch)
            {
                assert_eq!(Some(whose), tuple_of(frame), "another flow's frame");
            }
            commands.extend(slots.serve(now, [(epoch, completion)]));
        }
        commands.extend(slots.serve(now, []));
        self.nic.lock().post(queue, commands);
    }

    /// Everything that can be done without A.
    pub(crate) fn settle(&self, now: Duration) {
        loop {
            self.arrive();
            for queue in 0..QUEUES {
                while self.nic.lock().execute(queue) {}
                self.serve(queue, now, usize::MAX);
            }
            if self.nic.lock().is_idle() && self.gate.lock().frames.is_empty() {
                return;
            }
        }
    }

    /// A function-level reset of the device, then the confirmation that it is quiet.
    pub(crate) fn reset(&self) {
        let epoch = self.nic.lock().reset();
        self.slots.iter().for_each(|slots| slots.on_reset(epoch));
        thread::yield_now();
        self.nic.lock().quiesce();
        self.slots.iter().for_each(Slots::on_quiesced);
    }
}

/// Two hosts, and the steering of B's frames.
pub(crate) struct Steered {
    pub(crate) world: World,
    pub(crate) steering: Arc<Steering>,
}

impl Steered {
    /// Hosts that know each other. B's slots are `slots` per queue pair, and their handles come round at once: only the
    /// fence keeps two users of one apart.
    pub(crate) fn new(slots: u16, plan: Plan) -> Self {
        // The script comes before the stack, and the stack before its slots.
        let late: Arc<Mutex<Option<Arc<Steering>>>> = Arc::default();
        let seen = Arc::clone(&late);
        let script = Script::new().when(move |_, frame| {
            let steering = seen.lock().clone()?;
            let mut gate = steering.gate.lock();
            gate.closed.then(|| {
                gate.frames.push(frame.to_vec());
                Action::Drop
            })
        });
        let plan = Plan {
            script_to_b: script,
            tune_b: |config| config.queue_pairs = QUEUES as u32,
            ..plan
        };
        let mut world = plan.build();
        let slots =
            [0, 1].map(|queue| Slots::open(&world.b.stack, queue, slots, NonZeroU16::MIN, 0));
        let steering = Arc::new(Steering {
            gate: Mutex::default(),
            nic: Mutex::new(FlowNic::new(1, Rss::To(0))),
            slots,
        });
        *late.lock() = Some(Arc::clone(&steering));
        let stream = start(&world.a);
        assert!(world.run(Duration::from_secs(1), || stream.readiness().closed));
        Self { world, steering }
    }

    /// From now on B's frames come from the NIC with the flow table; those without a flow as `rss` says.
    pub(crate) fn steer(&self, rss: Rss) {
        self.steering.nic.lock().rss = rss;
        self.steering.gate.lock().closed = true;
    }

    /// What A has sent until now is at the gate.
    pub(crate) fn send(&mut self) {
        for _ in 0..15 {
            self.world.a.stack.poll(self.world.now.into());
            self.world.now += Picos::from_nanos(1000);
            self.world.a.model.lock().run_until(self.world.now);
        }
    }

    /// The queue pair that a connection of B belongs to, and the other one.
    pub(crate) fn queues(stream: &TcpStream) -> (usize, usize) {
        let own = Slots::queue_of(stream);
        (own, QUEUES - 1 - own)
    }

    /// The owners of both of B's queue pairs, A's owner, the NICs and B's flow table run from now on. Each step takes
    /// `step`.
    pub(crate) fn start(self, step: Duration) -> SteeredRace {
        let Self { world, steering } = self;
        let mut race = Race::new(world);
        let picos = u64::try_from(step.as_nanos() * 1000).unwrap();
        let table = Arc::clone(&steering);
        race.actor(move |hosts, now| {
            for _ in 0..STEPS {
                let now = Picos(now.fetch_add(picos, Ordering::SeqCst) + picos);
                for host in hosts {
                    host.model.lock().run_until(now);
                }
                table.arrive();
                thread::yield_now();
            }
        });
        let table = Arc::clone(&steering);
        race.actor(move |_, _| {
            for step in 0..STEPS {
                table.nic.lock().execute(step as usize % QUEUES);
                thread::yield_now();
            }
        });
        race.actor(|hosts, now| {
            for _ in 0..STEPS {
                let now = Picos(now.load(Ordering::SeqCst));
                hosts[0].stack.poll(now.into());
                thread::yield_now();
            }
        });
        for queue in 0..QUEUES {
            let table = Arc::clone(&steering);
            race.actor(move |_, now| {
                for _ in 0..STEPS {
                    let now = Picos(now.load(Ordering::SeqCst));
                    table.serve(queue, now.into(), 2);
                    thread::yield_now();
                }
            });
        }
        SteeredRace { race, steering }
    }

    /// The owners of both of B's queue pairs, each once over what is there: short schedules, so that rare orders are not
    /// so rare.
    pub(crate) fn close_up(self) -> SteeredRace {
        let Self { world, steering } = self;
        steering.arrive();
        let mut race = Race::new(world);
        for queue in 0..QUEUES {
            let table = Arc::clone(&steering);
            race.actor(move |_, now| {
                let now = Picos(now.load(Ordering::SeqCst));
                table.serve(queue, now.into(), usize::MAX);
            });
        }
        SteeredRace { race, steering }
    }

    /// Runs until `done` says so, with B's frames steered.
    pub(crate) fn run(&mut self, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
        let steering = Arc::clone(&self.steering);
        // B's own clock goes with its polls.
        let now = Duration::ZERO;
        self.world.run(limit, || {
            steering.settle(now);
            done()
        })
    }

    /// Lets everything end; then nothing lives, no slot is in use, every buffer is posted and every frame accounted for.
    pub(crate) fn assert_nothing_left(&mut self) {
        self.end();
        self.world.assert_nothing_left();
    }

    /// As above, with a NIC that may have failed.
    pub(crate) fn assert_nothing_lives(&mut self) {
        self.end();
        self.world.assert_nothing_lives();
    }

    fn end(&mut self) {
        self.run(Duration::from_secs(1000), || false);
        let nic = self.steering.nic.lock();
        assert_eq!((nic.flows(), nic.is_idle()), (0, true));
    }
}

/// A race of steered hosts.
pub(crate) struct SteeredRace {
    race: Race,
    pub(crate) steering: Arc<Steering>,
}

impl SteeredRace {
    /// A program.
    pub(crate) fn program(&mut self, run: impl FnOnce(&[crate::common::Host; 2]) + Send + 'static) {
        self.race.program(run);
    }

    /// All have acted: time goes on in one thread.
    pub(crate) fn join(self) -> Steered {
        let Self { race, steering } = self;
        Steered {
            world: race.join(),
            steering,
        }
    }
}
