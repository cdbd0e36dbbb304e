//! Host and NIC around one slot of the flow table, exhausted: commands of both modes, completions, frames, transmit
//! requests, eviction and a reset of the device in every order. The host's slots are the product's own [`Flows`].
//!
//! On the receive side handles carry no generation at all, which is the worst case of a narrow one that has come round:
//! the fence alone keeps two users of a slot apart. On the transmit side there is no fence for DRAIN (what is posted is
//! sent, however late), so there handles have the generations that keep a later CANCEL from the requests of an earlier
//! user.
#![cfg(not(any(loom, shuttle)))]

use std::collections::VecDeque;
use std::num::NonZeroU32;

use longshore_refs::Handle;
use longshore_refs::flow::{Added, Flows};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// A connection; its number stands for its reference H.
type Connection = u8;
const CONNECTIONS: usize = 2;

/// A rule that the host does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// The completion of the DEL is taken for the fence.
    NoFence,
    /// The slot is taken again before the DEL is completed.
    ReuseBeforeDel,
    /// References are given back at a reset, before the device is quiet.
    ReleaseAtReset,
    /// D is given back when the connection closes.
    ReleaseAtClose,
    /// Handles have no generation where only that keeps two users apart.
    NoGeneration,
}

/// How FLOW_DEL ends a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    /// Received frames are matched no more; what is posted is sent.
    Drain,
    /// Nothing more is sent either.
    Cancel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Command {
    Add(Handle, Connection),
    Del(Handle, Connection, Mode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Completion {
    Added(Handle, Added),
    Deleted(Handle, Connection, Mode),
    /// A frame of a connection, with the handle that the NIC found for it.
    Frame(Handle, Connection),
    Fence(Handle),
    /// A transmit request is done, sent or cancelled.
    Sent(Connection),
}

/// A connection's transmit request, as the NIC has it. `None` as handle is NONE: never cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Request {
    /// Not posted yet.
    None,
    /// Posted under a handle.
    Posted(Option<Handle>),
    /// Its first beat has left: the segment goes out whole.
    Started(Option<Handle>),
    Sent,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    flows: Flows<Connection>,
    handles: [Option<Handle>; CONNECTIONS],
    opened: u8,
    closed: [bool; CONNECTIONS],
    /// How often each may still ask for a slot: again after it was evicted.
    enters: [u8; CONNECTIONS],
    epoch: u32,
    /// What the NIC's table has, and whether the device still writes (after a reset: until quiesced).
    entry: Option<(Handle, Connection)>,
    quiet: bool,
    commands: VecDeque<Command>,
    /// Completions of commands, and those of the flow: two queues, so that one may be ahead of the other.
    answers: VecDeque<(u32, Completion)>,
    received: VecDeque<(u32, Completion)>,
    requests: [Request; CONNECTIONS],
    /// Reference D of each request.
    memory: [bool; CONNECTIONS],
    /// The host knows that nothing more is sent.
    silenced: [bool; CONNECTIONS],
    frames: u8,
    /// Receive buffers that the host owes the NIC.
    buffers: u8,
    resets: u8,
    misdelivered: bool,
    cancelled_by_another: bool,
    sent_after_cancel: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Open,
    Enter(Connection),
    /// The host takes a slot from a connection that lives on without.
    Evict(Connection),
    Close(Connection, Mode),
    Post(Connection),
    Start(Connection),
    Finish(Connection),
    TakeAnswer,
    TakeReceived,
    Execute(Added),
    Arrive(Connection),
    Reset,
    Quiesce,
}

/// What is exhausted.
#[derive(Clone, Copy)]
struct HostAndNic {
    broken: Broken,
    generations: NonZeroU32,
    frames: u8,
    /// Connections post transmit requests.
    transmits: bool,
    enters: u8,
}

impl HostAndNic {
    /// Frames and slots, handles without generation.
    fn receiving(broken: Broken) -> Self {
        Self {
            broken,
            generations: NonZeroU32::MIN,
            frames: 2,
            transmits: false,
            enters: 2,
        }
    }

    /// Requests and slots.
    fn transmitting(broken: Broken) -> Self {
        let generations = if broken == Broken::NoGeneration { 1 } else { 2 };
        Self {
            broken,
            generations: NonZeroU32::new(generations).unwrap(),
            frames: 0,
            transmits: true,
            enters: 1,
        }
    }

    fn deleted(&self, world: &mut World, handle: Handle, epoch: u32) {
        world.flows.on_deleted(handle, epoch);
        if self.broken == Broken::NoFence {
            world.flows.on_fence(handle, epoch);
        }
    }

    /// A slot is given up: by eviction, or because its connection is over.
    fn leave(&self, world: &mut World, connection: Connection, mode: Mode) {
        let Some(handle) = world.handles[usize::from(connection)].take() else {
            return;
        };
        if world.flows.delete(handle, |&holder| holder == connection) {
            world
                .commands
                .push_back(Command::Del(handle, connection, mode));
            if self.broken == Broken::ReuseBeforeDel {
                world.flows.on_deleted(handle, world.epoch);
                world.flows.on_fence(handle, world.epoch);
            }
        }
    }
}

impl World {
    /// The NIC cancels what is posted under a handle, for the DEL of `owner`. False if a segment is on its way out: the
    /// DEL waits for it.
    fn cancel(&mut self, handle: Handle, owner: Connection) -> bool {
        if self.requests.contains(&Request::Started(Some(handle))) {
            return false;
        }
        for (request, connection) in self.requests.iter_mut().zip(0..) {
            if *request == Request::Posted(Some(handle)) {
                *request = Request::Cancelled;
                self.cancelled_by_another |= connection != owner;
                self.answers
                    .push_back((self.epoch, Completion::Sent(connection)));
            }
        }
        true
    }

    /// The epoch that the device writes: after a reset, until it is quiet, still the earlier one.
    fn written(&self) -> u32 {
        self.epoch - u32::from(!self.quiet)
    }
}

impl Model for HostAndNic {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            flows: Flows::new(1, self.generations, 0),
            handles: [None; CONNECTIONS],
            opened: 0,
            closed: [false; CONNECTIONS],
            enters: [self.enters; CONNECTIONS],
            epoch: 0,
            entry: None,
            quiet: true,
            commands: VecDeque::new(),
            answers: VecDeque::new(),
            received: VecDeque::new(),
            requests: [Request::None; CONNECTIONS],
            memory: [false; CONNECTIONS],
            silenced: [false; CONNECTIONS],
            frames: self.frames,
            buffers: 0,
            resets: 1,
            misdelivered: false,
            cancelled_by_another: false,
            sent_after_cancel: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if usize::from(world.opened) < CONNECTIONS {
            actions.push(Action::Open);
        }
        for connection in (0..world.opened).filter(|&c| !world.closed[usize::from(c)]) {
            let at = usize::from(connection);
            actions.push(Action::Close(connection, Mode::Drain));
            if self.transmits {
                actions.push(Action::Close(connection, Mode::Cancel));
            }
            match world.handles[at] {
                Some(_) => actions.push(Action::Evict(connection)),
                None if world.enters[at] > 0 => actions.push(Action::Enter(connection)),
                None => {}
            }
            if self.transmits && world.requests[at] == Request::None {
                actions.push(Action::Post(connection));
            }
        }
        for (request, connection) in world.requests.iter().zip(0..) {
            match request {
                Request::Posted(_) => actions.push(Action::Start(connection)),
                Request::Started(_) => actions.push(Action::Finish(connection)),
                _ => {}
            }
        }
        if !world.answers.is_empty() {
            actions.push(Action::TakeAnswer);
        }
        if !world.received.is_empty() {
            actions.push(Action::TakeReceived);
        }
        match world.commands.front() {
            Some(Command::Add(..)) => {
                actions.push(Action::Execute(Added::Entered));
                actions.push(Action::Execute(Added::Full));
            }
            Some(Command::Del(..)) => actions.push(Action::Execute(Added::Entered)),
            None => {}
        }
        if world.frames > 0 {
            actions.extend((0..CONNECTIONS as u8).map(Action::Arrive));
        }
        if world.resets > 0 {
            actions.push(Action::Reset);
        }
        if !world.quiet {
            actions.push(Action::Quiesce);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Open => world.opened += 1,
            Action::Enter(connection) => {
                let at = usize::from(connection);
                world.enters[at] -= 1;
                // Without a slot it goes on without: nothing more happens to it here.
                if let Ok(handle) = world.flows.add(connection) {
                    world.handles[at] = Some(handle);
                    world.commands.push_back(Command::Add(handle, connection));
                }
            }
            Action::Evict(connection) => self.leave(&mut world, connection, Mode::Drain),
            Action::Close(connection, mode) => {
                let at = usize::from(connection);
                world.closed[at] = true;
                if self.broken == Broken::ReleaseAtClose {
                    world.memory[at] = false;
                }
                self.leave(&mut world, connection, mode);
            }
            Action::Post(connection) => {
                let at = usize::from(connection);
                world.requests[at] = Request::Posted(world.handles[at]);
                world.memory[at] = true;
            }
            Action::Start(connection) => {
                let at = usize::from(connection);
                if let Request::Posted(handle) = world.requests[at] {
                    world.requests[at] = Request::Started(handle);
                    world.sent_after_cancel |= world.silenced[at] && handle.is_some();
                }
            }
            Action::Finish(connection) => {
                let written = world.written();
                world.requests[usize::from(connection)] = Request::Sent;
                world
                    .answers
                    .push_back((written, Completion::Sent(connection)));
            }
            Action::Execute(added) => match *world.commands.front()? {
                Command::Add(handle, connection) => {
                    if added == Added::Entered {
                        world.entry = Some((handle, connection));
                    }
                    let answer = Completion::Added(handle, added);
                    world.answers.push_back((world.epoch, answer));
                    world.commands.pop_front();
                }
                Command::Del(handle, connection, mode) => {
                    if mode == Mode::Cancel && !world.cancel(handle, connection) {
                        return None;
                    }
                    world.entry = None;
                    let epoch = world.epoch;
                    let answer = Completion::Deleted(handle, connection, mode);
                    world.answers.push_back((epoch, answer));
                    world.received.push_back((epoch, Completion::Fence(handle)));
                    world.commands.pop_front();
                }
            },
            Action::Arrive(connection) => {
                let (handle, _) = world.entry.filter(|(_, owner)| *owner == connection)?;
                world.frames -= 1;
                world.buffers += 1;
                let frame = Completion::Frame(handle, connection);
                let written = world.written();
                world.received.push_back((written, frame));
            }
            Action::TakeAnswer => match world.answers.pop_front()? {
                (epoch, Completion::Added(handle, added)) => {
                    let refused = world.flows.on_added(handle, epoch, added);
                    if let Some(connection) = refused {
                        world.handles[usize::from(connection)] = None;
                    }
                }
                (epoch, Completion::Deleted(handle, connection, mode)) => {
                    self.deleted(&mut world, handle, epoch);
                    if mode == Mode::Cancel && epoch == world.epoch {
                        world.silenced[usize::from(connection)] = true;
                    }
                }
                (epoch, Completion::Sent(connection)) => {
                    if epoch == world.epoch {
                        world.memory[usize::from(connection)] = false;
                    }
                }
                _ => return None,
            },
            Action::TakeReceived => match world.received.pop_front()? {
                (epoch, Completion::Frame(handle, connection)) => {
                    let found = world.flows.resolve(handle, epoch).copied();
                    world.misdelivered |= found.is_some_and(|owner| owner != connection);
                    // Whoever it was for, its buffer goes back.
                    world.buffers -= 1;
                }
                (epoch, Completion::Fence(handle)) => world.flows.on_fence(handle, epoch),
                _ => return None,
            },
            Action::Reset => {
                world.resets -= 1;
                // Commands are gone; what was completed before is still in memory. The table is not empty before the
                // device is quiet, and what was posted may still be read.
                world.commands.clear();
                world.epoch += 1;
                world.quiet = false;
                world.flows.on_reset(world.epoch);
                if self.broken == Broken::ReleaseAtReset {
                    world.flows.on_quiesced();
                    world.memory = [false; CONNECTIONS];
                }
            }
            Action::Quiesce => {
                world.quiet = true;
                world.entry = None;
                world.flows.on_quiesced();
                world.handles = [None; CONNECTIONS];
                world.commands.clear();
                for request in &mut world.requests {
                    if matches!(request, Request::Posted(_) | Request::Started(_)) {
                        *request = Request::Cancelled;
                    }
                }
                world.memory = [false; CONNECTIONS];
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(DELIVERED, |_, world: &World| !world.misdelivered),
            Property::always(HELD, |_, world: &World| {
                world.entry.is_none_or(|(_, connection)| {
                    world.flows.references().any(|&held| held == connection)
                })
            }),
            Property::always(READ, |_, world: &World| {
                let reads =
                    |request: &Request| matches!(request, Request::Posted(_) | Request::Started(_));
                let mut both = world.requests.iter().zip(world.memory);
                both.all(|(request, held)| !reads(request) || held)
            }),
            Property::always(OWN, |_, world: &World| !world.cancelled_by_another),
            Property::always(SILENT, |_, world: &World| !world.sent_after_cancel),
            Property::sometimes(
                "a slot goes from one to the other",
                |model: &Self, world| {
                    world.enters[0] < model.enters
                        && world.flows.references().any(|&held| held == 1)
                },
            ),
            Property::sometimes("everything is over", |_, world: &World| {
                usize::from(world.opened) == CONNECTIONS
                    && world.resets == 0
                    && world.quiet
                    && world.flows.in_use() == 0
                    && world.buffers == 0
                    && world.memory == [false; CONNECTIONS]
            }),
        ];
        if self.transmits {
            properties.extend([
                Property::sometimes(
                    "a request is cancelled by its flow's DEL",
                    |_, world: &World| {
                        world.resets == 1 && world.requests.contains(&Request::Cancelled)
                    },
                ),
                Property::sometimes("a request outlives its flow's slot", |_, world: &World| {
                    let drained = |at: usize| {
                        world.closed[at]
                            && world.handles[at].is_none()
                            && matches!(world.requests[at], Request::Posted(Some(_)))
                    };
                    world.flows.in_use() == 0 && world.resets == 1 && (0..CONNECTIONS).any(drained)
                }),
            ]);
        } else {
            properties.push(Property::sometimes(
                "an evicted connection comes back",
                |_, world: &World| {
                    world.enters == [0, 2] && world.flows.references().any(|&held| held == 0)
                },
            ));
        }
        properties
    }
}

const DELIVERED: &str = "a frame is given to its own connection or to none";
const HELD: &str = "what the NIC's table names is held";
const READ: &str = "memory that the NIC may read is held";
const OWN: &str = "a request is cancelled for its own connection only";
const SILENT: &str = "nothing of a flow is sent behind the completion of its CANCEL";

fn exhaust(model: HostAndNic) {
    let checker = model.checker().spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn host_and_nic_keep_the_rules_in_every_order() {
    exhaust(HostAndNic::receiving(Broken::Nothing));
}

#[test]
fn host_and_nic_keep_the_rules_of_transmission_in_every_order() {
    exhaust(HostAndNic::transmitting(Broken::Nothing));
}

/// Whether a property is found not to hold: the search ends there.
fn finds(model: HostAndNic, property: &'static str) -> bool {
    let checker = model
        .checker()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    checker.discovery(property).is_some()
}

#[test]
fn race_18_is_found_if_there_is_no_fence() {
    assert!(finds(HostAndNic::receiving(Broken::NoFence), DELIVERED));
}

#[test]
fn race_27_is_found_if_a_slot_is_taken_again_before_its_del_is_completed() {
    let model = HostAndNic::receiving(Broken::ReuseBeforeDel);
    assert!(finds(model, HELD) || finds(model, DELIVERED));
}

#[test]
fn race_28_is_found_if_references_are_given_back_at_a_reset() {
    assert!(finds(HostAndNic::receiving(Broken::ReleaseAtReset), HELD));
}

#[test]
fn race_21_is_found_if_memory_is_given_back_at_a_reset_or_at_close() {
    let model = HostAndNic::transmitting;
    assert!(finds(model(Broken::ReleaseAtReset), READ));
    assert!(finds(model(Broken::ReleaseAtClose), READ));
}

#[test]
fn a_cancel_that_reaches_an_earlier_users_requests_is_found() {
    assert!(finds(HostAndNic::transmitting(Broken::NoGeneration), OWN));
}
