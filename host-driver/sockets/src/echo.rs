//! `Echo`: ICMP echo through the stack, the `ping` of a program.

use longshore_refs::sync::atomic::Ordering;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ip_core::{EchoError, EchoReply};
use longshore_refs::sync::Condvar;

use crate::failure::Failure;
use crate::lock::{Leaf, Ordered, Outermost, Token};
use crate::shared::Shared;
use crate::stack::Stack;

/// Events that wait for a program at most; more are dropped, as they may be on the wire.
const WAITING_MAX: usize = 1024;

/// What became of echo requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EchoEvent {
    /// An answer, and when it came in the stack's time.
    Reply {
        /// The answer.
        reply: EchoReply,
        /// When it was taken in.
        at: Duration,
    },
    /// The next hop does not answer ARP or neighbour solicitations: what was sent through it is lost.
    NeighbourLost(IpAddr),
}

/// Where answers wait for their program.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    identifier: u16,
    events: Ordered<Leaf, VecDeque<EchoEvent>>,
    changed: Condvar,
}

/// Sends echo requests and receives their answers (RFC 792; RFC 4443, section 4).
#[derive(Debug)]
pub struct Echo {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
}

impl Echo {
    /// A sender with an identifier of its own.
    ///
    /// # Errors
    /// `AddrInUse` if there are none left; ENODEV if the stack was shut down.
    pub fn new(stack: &Stack) -> io::Result<Self> {
        let shared = stack.shared();
        if shared.is_down() {
            return Err(Failure::DeviceGone.into());
        }
        let held = &mut Token::root();
        let first: u16 = rand::random();
        let identifier = shared
            .neighbours
            .with(held, |interface| {
                (0..=u16::MAX)
                    .map(|step| first.wrapping_add(step))
                    .find(|identifier| interface.open_echo(*identifier))
            })
            .ok_or(io::ErrorKind::AddrInUse)?;
        let inbox = Arc::new(Inbox {
            identifier,
            ..Inbox::default()
        });
        held.with(&shared.echoes, |echoes| echoes.push(Arc::clone(&inbox)));
        Ok(Self {
            shared: Arc::clone(shared),
            inbox,
        })
    }

    /// Asks `remote` for an echo of `data`; returns when it was sent, in the stack's time.
    ///
    /// # Errors
    /// `NetworkUnreachable`, `InvalidInput` for more data than the MTU takes, ENODEV.
    pub fn send(&self, remote: IpAddr, sequence: u16, data: &[u8]) -> io::Result<Duration> {
        let shared = &self.shared;
        if shared.is_down() {
            return Err(Failure::DeviceGone.into());
        }
        let now = shared.now();
        let identifier = self.inbox.identifier;
        shared
            .neighbours
            .with(&mut Token::root(), |interface| {
                interface.send_echo(now, remote, identifier, sequence, data)
            })
            .map_err(|error| {
                let kind = match error {
                    EchoError::NoRoute(_) => io::ErrorKind::NetworkUnreachable,
                    EchoError::TooLong { .. } => io::ErrorKind::InvalidInput,
                };
                io::Error::new(kind, error)
            })?;
        if shared.queues[0].sleeps_until.load(Ordering::SeqCst) != 0 {
            shared.nic.wake(0);
        }
        Ok(now)
    }

    /// The next event, waiting for at most `timeout`; `None` when that is over.
    ///
    /// # Errors
    /// ENODEV once the stack was shut down.
    pub fn receive(&self, timeout: Duration) -> io::Result<Option<EchoEvent>> {
        let deadline = Instant::now() + timeout;
        let mut root = Token::root();
        let (mut events, mut under) = root.lock(&self.inbox.events);
        loop {
            if let Some(event) = events.pop_front() {
                return Ok(Some(event));
            }
            if self.shared.is_down() {
                return Err(Failure::DeviceGone.into());
            }
            if !events.wait_until(&mut under, &self.inbox.changed, deadline) {
                return Ok(events.pop_front());
            }
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let identifier = self.inbox.identifier;
        let held = &mut Token::root();
        self.shared
            .neighbours
            .with(held, |interface| interface.close_echo(identifier));
        held.with(&self.shared.echoes, |echoes| {
            echoes.retain(|inbox| inbox.identifier != identifier);
        });
    }
}

impl Shared {
    /// Hands an answer to whoever sent the request.
    pub(crate) fn on_echo(
        &self,
        held: &mut Token<'_, impl Outermost>,
        reply: EchoReply,
        at: Duration,
    ) {
        let inbox = held.with(&self.echoes, |echoes| {
            echoes
                .iter()
                .find(|inbox| inbox.identifier == reply.identifier)
                .cloned()
        });
        if let Some(inbox) = inbox {
            inbox.push(held, EchoEvent::Reply { reply, at });
        }
    }

    /// Tells all senders of echo requests that a next hop does not answer.
    pub(crate) fn on_echo_neighbour_lost(&self, held: &mut Token<'_, impl Outermost>, hop: IpAddr) {
        let inboxes = held.with(&self.echoes, |echoes| echoes.clone());
        for inbox in inboxes {
            inbox.push(held, EchoEvent::NeighbourLost(hop));
        }
    }

    /// The stack goes down: nobody waits on.
    pub(crate) fn end_echoes(&self, held: &mut Token<'_, impl Outermost>) {
        let inboxes = held.with(&self.echoes, |echoes| echoes.clone());
        for inbox in inboxes {
            // Under the lock, so that nobody misses it between looking and waiting.
            held.with(&inbox.events, |_| inbox.changed.notify_all());
        }
    }
}

impl Inbox {
    fn push(&self, held: &mut Token<'_, impl Outermost>, event: EchoEvent) {
        let (mut events, _) = held.lock(&self.events);
        if events.len() < WAITING_MAX {
            events.push_back(event);
        }
        self.changed.notify_all();
    }
}
