//! The thread of a device: answers the client and runs the NIC's clocks in turns.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering, fence},
    },
    time::{Duration, Instant},
};

use longshore_vfio_user::{Channel, ChannelError, Errno, Message, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sim_wire::Picos;

use crate::{
    Bell, ServedNic,
    counts::{Counters, count},
    device::VfioDevice,
    link::Link,
};

/// Simulated between two looks at the client: 64 cycles of the reference core.
const SLICE: Picos = Picos::from_nanos(256);
/// Commands answered between two slices.
const MOST_COMMANDS: usize = 64;
/// A client that comes while another is served is told so when it says something, which it must do soon.
const PATIENCE: Duration = Duration::from_secs(2);
/// More clients than that are not even told.
const MOST_WAITING: usize = 8;

/// A device and whoever it waits for.
pub(crate) struct Turns<N> {
    pub(crate) device: VfioDevice<N>,
    pub(crate) link: Arc<Link>,
    pub(crate) listener: UnixListener,
    pub(crate) bell: Bell,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) counters: Arc<Counters>,
    /// What the present client is polled on.
    pub(crate) client: Option<OwnedFd>,
    /// When it was taken up.
    pub(crate) since: Instant,
    /// Clients that came meanwhile.
    pub(crate) waiting: Vec<(Channel, Instant)>,
    /// Where frames come from outside.
    pub(crate) outside: Option<OwnedFd>,
}

/// Who has something to say.
#[derive(Default)]
struct Ready {
    bell: bool,
    listener: bool,
    client: bool,
    /// The client has closed its end; what it sent before may still be there.
    client_left: bool,
    outside: bool,
}

impl<N: ServedNic> Turns<N> {
    /// Works until told to stop; gives the NIC back.
    pub(crate) fn run(mut self) -> N {
        while !self.stop.load(Ordering::Acquire) {
            let ready = self.wait();
            if ready.bell {
                self.bell.silence();
            }
            if ready.bell || ready.outside {
                self.device.nic.wake();
                self.slice(true);
            }
            if ready.client || self.link.has_kept() {
                self.attend();
            }
            if ready.listener {
                self.accept();
            }
            // Nobody is turned away for the sake of a client that is dead already.
            if !self.waiting.is_empty() && (!ready.client_left || !self.link.is_open()) {
                self.admit();
            }
            self.slice(false);
        }
        self.device.cut_off();
        self.link.close();
        self.device.nic
    }

    /// Waits until somebody has something to say; not at all while the NIC has something to do.
    fn wait(&self) -> Ready {
        let busy = self.device.nic.next_event().is_some() || self.link.has_kept();
        let nap = match (busy, self.waiting.is_empty()) {
            (true, _) => Some(Duration::ZERO),
            (false, false) => Some(Duration::from_millis(50)),
            (false, true) => None,
        };
        let nap = nap.and_then(|nap| Timespec::try_from(nap).ok());
        let mut fds = vec![
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        let optional = [&self.client, &self.outside];
        let places = optional.map(|fd| {
            fd.as_ref().map(|fd| {
                fds.push(PollFd::new(fd, PollFlags::IN));
                fds.len() - 1
            })
        });
        if poll(&mut fds, nap.as_ref()).is_err() {
            // Interrupted: look again.
            return Ready::default();
        }
        let is_ready = |at: usize| !fds[at].revents().is_empty();
        let has_left = |at: usize| fds[at].revents().contains(PollFlags::HUP);
        Ready {
            bell: is_ready(0),
            listener: is_ready(1),
            client: places[0].is_some_and(is_ready),
            client_left: places[0].is_some_and(has_left),
            outside: places[1].is_some_and(is_ready),
        }
    }

    /// Runs the NIC's clocks a little if there is something to do, or in any case.
    fn slice(&mut self, in_any_case: bool) {
        let nic = &mut self.device.nic;
        let now = nic.now();
        match nic.next_event() {
            Some(next) => nic.run_until(Picos(next.0.max(now.0) + SLICE.0)),
            None if in_any_case => nic.run_until(Picos(now.0 + SLICE.0)),
            None => {}
        }
    }

    /// Answers what the client has asked.
    fn attend(&mut self) {
        for _ in 0..MOST_COMMANDS {
            let done = match self.link.next() {
                Ok(None) => return,
                Ok(Some(message)) => self.answer(message),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.part(&error);
                return;
            }
        }
    }

    fn answer(&mut self, message: Message) -> Result<(), ChannelError> {
        let Message {
            header, body, fds, ..
        } = message;
        count(&self.counters.commands);
        let answer =
            Request::parse(&header, &body).and_then(|request| self.device.answer(&request, fds));
        if let Err(errno) = answer {
            count(&self.counters.refused);
            tracing::debug!(command = header.command, %errno, "refused");
        }
        if header.no_reply() {
            return Ok(());
        }
        let answer = answer.as_deref().map_err(|errno| *errno);
        // What the NIC wrote to memory before this is answered.
        fence(Ordering::Release);
        self.link.reply(&header, answer)
    }

    /// The client is gone, or has to go.
    fn part(&mut self, why: &ChannelError) {
        // First of all: when the client sees the connection closed, the NIC reaches its memory no more.
        self.device.cut_off();
        self.client = None;
        self.link.close();
        self.device.make_fresh();
        let counts = self.counters.snapshot();
        match why {
            ChannelError::Closed => tracing::info!(?counts, "the client is gone"),
            error => tracing::warn!(%error, ?counts, "the client was given up"),
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.waiting.len() >= MOST_WAITING {
                count(&self.counters.turned_away);
            } else if let Ok(channel) = Channel::new(stream) {
                self.waiting.push((channel, Instant::now() + PATIENCE));
            }
        }
    }

    /// Takes up the next client if there is none; tells the others that there is.
    fn admit(&mut self) {
        if !self.link.is_open() {
            let (channel, _) = self.waiting.remove(0);
            if let Ok(fd) = channel.as_fd().try_clone_to_owned() {
                count(&self.counters.clients);
                self.client = Some(fd);
                self.since = Instant::now();
                self.link.open(channel);
            }
        } else if !self.device.is_negotiated() && self.since.elapsed() > PATIENCE {
            // It keeps others out and does not even say hello.
            return self.part(&ChannelError::TimedOut);
        }
        let counters = &self.counters;
        self.waiting
            .retain_mut(|(channel, until)| match channel.try_receive() {
                Ok(None) => Instant::now() < *until,
                Ok(Some(message)) => {
                    let refusal = message.header.refusal(Errno::BUSY);
                    let _ = channel.send(refusal, &[], &[], Instant::now());
                    count(&counters.turned_away);
                    false
                }
                Err(_) => false,
            });
    }
}
