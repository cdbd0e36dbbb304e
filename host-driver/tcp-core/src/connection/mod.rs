//! The transmission control block.

mod ack_policy;
mod acknowledge;
mod ecn;
mod handshake;
mod info;
mod input;
mod keep_alive;
mod output;
mod pacing;
mod path_mtu;
mod probe;
mod program;
mod rack;
mod rare;
mod receive;
mod record;
mod recovery;
mod retransmit;
mod scoreboard;
mod send;
mod settings;
mod state;
mod syn_sent;
mod text;
mod timers;
mod tuning;
mod urgent;

use core::time::Duration;

pub(crate) use handshake::Handshake;
pub use info::Info;
pub use state::State;
pub use text::{Placement, Received};

use crate::config::Config;
use crate::congestion::Control;
use crate::counters::Traffic;
use crate::event::{ConnectionError, Events};
use crate::half_open::HalfOpen;
use crate::isn::Initial;
use crate::negotiate::{Negotiated, initial_window};
use crate::options::Options;
use crate::rtt::RttEstimator;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::spare::{Lazy, Lendable as _};
use crate::time::{Deadline, Tick};
use crate::timestamps::TimestampState;
use crate::transmit::Transmit;
use ack_policy::AckPolicy;
use keep_alive::KeepAliveState;
use probe::ProbeDue;
use rack::Rack;
use rare::Rare;
use receive::ReceiveSpace;
use record::Boundaries;
use recovery::{Phase, Recovery, Suspicion};
use scoreboard::Scoreboard;
use send::SendSpace;
use settings::Settings;
use timers::Timers;

/// Spare blocks for so many connections of this thread.
pub(crate) fn preallocate(count: usize) {
    scoreboard::preallocate(count);
    recovery::preallocate(count);
    Rare::preallocate(count);
}

/// A TCP connection: from SYN-SENT (or the end of a passive handshake) to CLOSED.
///
/// See the crate's documentation for how to drive it.
#[derive(Clone, Debug)]
pub struct Connection {
    state: State,
    settings: Settings,
    snd: SendSpace,
    rcv: ReceiveSpace,
    negotiated: Negotiated,
    timestamps: Option<TimestampState>,
    /// Our TSval offset, wanted for the SYN before anything is negotiated.
    timestamp_offset: u32,
    rtt: RttEstimator,
    control: Control,
    board: Scoreboard,
    rack: Rack,
    boundaries: Boundaries,
    recovery: Recovery,
    /// A segment that asks, and is due.
    probe_due: ProbeDue,
    /// Something was sent or acknowledged since the timer for the next probe was armed.
    tail_moved: bool,
    /// What we send has ECE.
    ecn_echo: bool,
    /// The next new data has CWR.
    ecn_reduced: bool,
    keep_alive: KeepAliveState,
    /// When the peer was last heard.
    heard: Tick,
    /// When data was last acknowledged, or the first of what is in flight was sent.
    progress: Tick,
    /// Data does not leave before.
    departure: Deadline,
    ack: AckPolicy,
    timers: Timers,
    /// A RST that is to be sent.
    reset: Option<Reset>,
    /// A window probe is to be sent.
    probe: bool,
    /// The program has closed the connection: nobody reads any more.
    released: bool,
    /// What is queued goes out even if Nagle's algorithm or a cork would hold it.
    pushed: bool,
    error: Option<ConnectionError>,
    counters: Traffic,
    rare: Lazy<Rare>,
}

/// A RST and its sequence number.
#[derive(Clone, Copy, Debug)]
enum Reset {
    /// Ours to send: RFC 9293 §3.10.5, `<SEQ=SND.NXT><CTL=RST>`; with an ACK, as every stack sends it, once there is
    /// something to acknowledge.
    Acknowledging(SeqNumber),
    /// The answer to a segment: `<SEQ=SEG.ACK><CTL=RST>`, exactly where the peer expects it.
    Bare(SeqNumber),
}

impl Connection {
    fn new(config: &Config, initial: Initial, state: State, negotiated: Negotiated) -> Self {
        let window = initial_window(config.initial_window, negotiated.payload_mss());
        Self {
            state,
            settings: Settings::new(config),
            snd: SendSpace::new(initial.iss),
            rcv: ReceiveSpace::new(config.bounded_receive_buffer()),
            negotiated,
            timestamps: None,
            timestamp_offset: initial.timestamp_offset,
            rtt: RttEstimator::new(config.initial_rto, config.min_rto, config.max_rto),
            control: Control::new(config.congestion, window),
            board: Scoreboard::new(initial.iss + 1),
            rack: Rack::new(initial.iss),
            boundaries: Boundaries::default(),
            recovery: Recovery::default(),
            probe_due: ProbeDue::None,
            tail_moved: false,
            ecn_echo: false,
            ecn_reduced: false,
            keep_alive: KeepAliveState::new(config.keep_alive),
            heard: Tick::default(),
            progress: Tick::default(),
            departure: Deadline::NONE,
            ack: AckPolicy::new(config.quick_acks, config.mss.max(1)),
            timers: Timers::default(),
            reset: None,
            probe: false,
            released: false,
            pushed: false,
            error: None,
            counters: Traffic::default(),
            rare: Lazy::default(),
        }
    }

    /// An active open (RFC 9293 §3.10.1): the next [`Connection::poll_transmit`] gives the SYN.
    #[must_use]
    pub fn connect(config: &Config, initial: Initial) -> Self {
        // Until the peer's SYN comes, what it would be without options.
        let negotiated = Negotiated::new(&config.into(), &Options::default());
        Self::new(config, initial, State::SynSent, negotiated)
    }

    /// The connection that a half-open entry becomes, when [`HalfOpen::on_segment`] said
    /// [`Complete`](crate::HalfOpenOutcome::Complete) to `segment`. `config` is the one that the
    /// entry was made with. The segment is processed too; it may carry data.
    #[must_use]
    pub fn from_half_open(
        now: Duration,
        config: &Config,
        half_open: &HalfOpen,
        segment: &Segment,
    ) -> (Self, Received) {
        let mut connection = Self::new(
            config,
            half_open.initial(),
            State::SynReceived,
            half_open.negotiated(),
        );
        half_open.hand_over(
            config,
            &mut Handshake {
                connection: &mut connection,
            },
        );
        connection
            .timers
            .arm_retransmission(now, connection.rtt.rto());
        let received = connection.on_segment(now, segment);
        (connection, received)
    }

    /// Eff.snd.MSS.
    fn mss(&self) -> u16 {
        self.negotiated.payload_mss()
    }

    /// CLOSED, with a RST for the peer.
    fn reset_connection(&mut self) {
        self.reset = Some(Reset::Acknowledging(self.snd.acceptable_seq()));
        self.enter_closed();
    }

    /// CLOSED because of `error`.
    fn fail(&mut self, error: ConnectionError) -> Events {
        self.error = Some(error);
        self.enter_closed();
        Events::ERROR | Events::CLOSED
    }

    /// CLOSED: no timer, nothing to send (but a RST that is pending).
    fn enter_closed(&mut self) {
        self.state = State::Closed;
        self.timers = Timers::default();
        self.ack.clear();
        self.probe = false;
        self.departure = Deadline::NONE;
        self.keep_alive.deadline = Deadline::NONE;
        self.keep_alive.due = false;
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# When a connection is closed actively, it MUST linger in the TIME-WAIT state for a time 2xMSL (Maximum
    //# Segment Lifetime) (MUST-13).
    /// TIME-WAIT: "start the time-wait timer, turn off the other timers" (RFC 9293 §3.10.7.4).
    fn enter_time_wait(&mut self, now: Duration) -> Events {
        self.state = State::TimeWait;
        self.timers = Timers::default();
        self.forget_tail_probe();
        self.departure = Deadline::NONE;
        self.keep_alive.deadline = Deadline::NONE;
        self.timers.arm_end(now + self.settings.time_wait.into());
        Events::TIME_WAIT
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# If an <RST> is being generated because of a user abort, and Snd.TS.OK is set, then a Timestamps option SHOULD
    //# be included in the <RST>.
    fn take_reset(&mut self, now: Duration) -> Option<Transmit> {
        let reset = self.reset.take()?;
        self.counters.segs_out += 1;
        Some(match reset {
            Reset::Acknowledging(seq) if self.rcv.nxt > 0 => Transmit {
                options: Options {
                    timestamps: self.timestamps.map(|state| state.option(now)),
                    ..Options::default()
                },
                ..Transmit::bare(seq, self.rcv.seq(self.rcv.nxt), Flags::RST | Flags::ACK, 0)
            },
            Reset::Acknowledging(seq) | Reset::Bare(seq) => {
                Transmit::bare(seq, SeqNumber(0), Flags::RST, 0)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_fits_in_592_bytes() {
        let size = size_of::<Connection>();
        assert!(size <= 592, "{size} bytes");
    }
}
