//! Host and NIC with one slot of the flow table, exhausted: commands, completions, frames and a reset of the device in
//! every order. The host is the product's own [`Flows`]; handles carry no generation at all, which is the worst case
//! of a narrow one that has come round.
#![cfg(not(any(loom, shuttle)))]

use std::collections::VecDeque;
use std::num::NonZeroU32;

use longshore_refs::Handle;
use longshore_refs::flow::{Added, Flows};
use stateright::{Checker, Model, Property};

/// A connection; its number stands for its reference H.
type Connection = u8;
const CONNECTIONS: Connection = 2;
const FRAMES: u8 = 2;

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Command {
    Add(Handle, Connection),
    Del(Handle),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Completion {
    Added(Handle, Added),
    Deleted(Handle),
    /// A frame of a connection, with the handle that the NIC found for it.
    Frame(Handle, Connection),
    Fence(Handle),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    flows: Flows<Connection>,
    handles: [Option<Handle>; CONNECTIONS as usize],
    opened: Connection,
    epoch: u32,
    /// What the NIC's table has, and whether the device still writes (after a reset: until quiesced).
    entry: Option<(Handle, Connection)>,
    quiet: bool,
    commands: VecDeque<Command>,
    /// Completions of commands, and those of the flow: two queues, so that one may be ahead of the other.
    answers: VecDeque<(u32, Completion)>,
    received: VecDeque<(u32, Completion)>,
    frames: u8,
    resets: u8,
    misdelivered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Open,
    Close(Connection),
    TakeAnswer,
    TakeReceived,
    Execute(Added),
    Arrive(Connection),
    Reset,
    Quiesce,
}

struct HostAndNic(Broken);

impl HostAndNic {
    fn deleted(&self, world: &mut World, handle: Handle, epoch: u32) {
        world.flows.on_deleted(handle, epoch);
        if self.0 == Broken::NoFence {
            world.flows.on_fence(handle, epoch);
        }
    }
}

impl Model for HostAndNic {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            flows: Flows::new(1, NonZeroU32::MIN, 0),
            handles: [None; CONNECTIONS as usize],
            opened: 0,
            epoch: 0,
            entry: None,
            quiet: true,
            commands: VecDeque::new(),
            answers: VecDeque::new(),
            received: VecDeque::new(),
            frames: FRAMES,
            resets: 1,
            misdelivered: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.opened < CONNECTIONS {
            actions.push(Action::Open);
        }
        actions.extend((0..world.opened).map(Action::Close));
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
            Some(Command::Del(_)) => actions.push(Action::Execute(Added::Entered)),
            None => {}
        }
        if world.frames > 0 {
            actions.extend((0..CONNECTIONS).map(Action::Arrive));
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
            Action::Open => {
                let connection = world.opened;
                world.opened += 1;
                // Without a slot it goes on without: nothing more happens to it here.
                if let Ok(handle) = world.flows.add(connection) {
                    world.handles[usize::from(connection)] = Some(handle);
                    world.commands.push_back(Command::Add(handle, connection));
                }
            }
            Action::Close(connection) => {
                let handle = world.handles[usize::from(connection)].take()?;
                if world.flows.delete(handle, |&holder| holder == connection) {
                    world.commands.push_back(Command::Del(handle));
                    if self.0 == Broken::ReuseBeforeDel {
                        world.flows.on_deleted(handle, world.epoch);
                        world.flows.on_fence(handle, world.epoch);
                    }
                }
            }
            Action::Execute(added) => match world.commands.pop_front()? {
                Command::Add(handle, connection) => {
                    if added == Added::Entered {
                        world.entry = Some((handle, connection));
                    }
                    let answer = Completion::Added(handle, added);
                    world.answers.push_back((world.epoch, answer));
                }
                Command::Del(handle) => {
                    world.entry = None;
                    let epoch = world.epoch;
                    world
                        .answers
                        .push_back((epoch, Completion::Deleted(handle)));
                    world.received.push_back((epoch, Completion::Fence(handle)));
                }
            },
            Action::Arrive(connection) => {
                let (handle, _) = world.entry.filter(|(_, owner)| *owner == connection)?;
                world.frames -= 1;
                let frame = Completion::Frame(handle, connection);
                // Until it is quiet, the device writes to the queues of its earlier life.
                let epoch = world.epoch - u32::from(!world.quiet);
                world.received.push_back((epoch, frame));
            }
            Action::TakeAnswer => match world.answers.pop_front()? {
                (epoch, Completion::Added(handle, added)) => {
                    world.flows.on_added(handle, epoch, added);
                }
                (epoch, Completion::Deleted(handle)) => self.deleted(&mut world, handle, epoch),
                _ => return None,
            },
            Action::TakeReceived => match world.received.pop_front()? {
                (epoch, Completion::Frame(handle, connection)) => {
                    let found = world.flows.resolve(handle, epoch).copied();
                    world.misdelivered |= found.is_some_and(|owner| owner != connection);
                }
                (epoch, Completion::Fence(handle)) => world.flows.on_fence(handle, epoch),
                _ => return None,
            },
            Action::Reset => {
                world.resets -= 1;
                // Commands are gone; what was completed before is still in memory. The table is not empty before the
                // device is quiet.
                world.commands.clear();
                world.epoch += 1;
                world.quiet = false;
                world.flows.on_reset(world.epoch);
                if self.0 == Broken::ReleaseAtReset {
                    world.flows.on_quiesced();
                }
            }
            Action::Quiesce => {
                world.quiet = true;
                world.entry = None;
                world.flows.on_quiesced();
                world.handles = [None; CONNECTIONS as usize];
                world.commands.clear();
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(DELIVERED, |_, world: &World| !world.misdelivered),
            Property::always(HELD, |_, world: &World| {
                world.entry.is_none_or(|(_, connection)| {
                    world.flows.references().any(|&held| held == connection)
                })
            }),
            Property::sometimes(
                "a slot is used by one connection after another",
                |_, world: &World| {
                    world.opened == CONNECTIONS
                        && world.frames == 0
                        && world
                            .flows
                            .references()
                            .any(|&held| held == CONNECTIONS - 1)
                },
            ),
            Property::sometimes("everything is over", |_, world: &World| {
                world.opened == CONNECTIONS && world.resets == 0 && world.flows.in_use() == 0
            }),
        ]
    }
}

const DELIVERED: &str = "a frame is given to its own connection or to none";
const HELD: &str = "what the NIC's table names is held";

fn exhaust(broken: Broken) -> impl Checker<HostAndNic> {
    HostAndNic(broken).checker().spawn_bfs().join()
}

#[test]
fn host_and_nic_keep_the_rules_in_every_order() {
    let checker = exhaust(Broken::Nothing);
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn race_18_is_found_if_there_is_no_fence() {
    assert!(exhaust(Broken::NoFence).discovery(DELIVERED).is_some());
}

#[test]
fn race_27_is_found_if_a_slot_is_taken_again_before_its_del_is_completed() {
    let checker = exhaust(Broken::ReuseBeforeDel);
    assert!(checker.discovery(HELD).is_some() || checker.discovery(DELIVERED).is_some());
}

#[test]
fn race_28_is_found_if_references_are_given_back_at_a_reset() {
    assert!(exhaust(Broken::ReleaseAtReset).discovery(HELD).is_some());
}
