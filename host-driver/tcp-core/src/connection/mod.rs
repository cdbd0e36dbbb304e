//! The transmission control block.

mod ack_policy;
mod acknowledge;
mod info;
mod input;
mod output;
mod receive;
mod recovery;
mod send;
mod state;
mod syn_sent;
mod timers;

use core::time::Duration;

pub use info::Info;
pub use input::{Placement, Received};
pub use state::State;

use crate::challenge::Throttle;
use crate::config::Config;
use crate::congestion::Control;
use crate::counters::Counters;
use crate::event::{ConnectionError, Events, WriteClosed};
use crate::half_open::HalfOpen;
use crate::isn::Initial;
use crate::negotiate::{Negotiated, initial_window};
use crate::options::Options;
use crate::rtt::RttEstimator;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::time_wait::TimeWait;
use crate::timestamps::TimestampState;
use crate::transmit::Transmit;
use ack_policy::AckPolicy;
use receive::ReceiveSpace;
use recovery::Recovery;
use send::SendSpace;
use timers::Timers;

/// A TCP connection: from SYN-SENT (or the end of a passive handshake) to CLOSED.
///
/// See the crate's documentation for how to drive it.
#[derive(Clone, Debug)]
pub struct Connection {
    state: State,
    config: Config,
    snd: SendSpace,
    rcv: ReceiveSpace,
    negotiated: Negotiated,
    timestamps: Option<TimestampState>,
    /// Our TSval offset, wanted for the SYN before anything is negotiated.
    timestamp_offset: u32,
    rtt: RttEstimator,
    control: Control,
    recovery: Recovery,
    ack: AckPolicy,
    timers: Timers,
    throttle: Throttle,
    /// A RST that is to be sent, with this number.
    reset: Option<SeqNumber>,
    /// A window probe is to be sent.
    probe: bool,
    /// The program has closed the connection: nobody reads any more.
    released: bool,
    error: Option<ConnectionError>,
    counters: Counters,
}

impl Connection {
    fn new(config: &Config, initial: Initial, state: State, negotiated: Negotiated) -> Self {
        let config = Config {
            mss: config.mss.max(1),
            receive_buffer: config.receive_buffer(),
            ..*config
        };
        let window = initial_window(&config, negotiated.payload_mss());
        Self {
            state,
            config,
            snd: SendSpace::new(initial.iss),
            rcv: ReceiveSpace::new(config.receive_buffer),
            negotiated,
            timestamps: None,
            timestamp_offset: initial.timestamp_offset,
            rtt: RttEstimator::new(config.initial_rto, config.min_rto, config.max_rto),
            control: Control::new(config.congestion, window),
            recovery: Recovery::default(),
            ack: AckPolicy::new(config.quick_acks, config.mss),
            timers: Timers::default(),
            throttle: Throttle::default(),
            reset: None,
            probe: false,
            released: false,
            error: None,
            counters: Counters::default(),
        }
    }

    /// An active open (RFC 9293 §3.10.1): the next [`Connection::poll_transmit`] gives the SYN.
    #[must_use]
    pub fn connect(config: &Config, initial: Initial) -> Self {
        // Until the peer's SYN comes, what it would be without options.
        let negotiated = Negotiated::new(config, &Options::default());
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
        half_open.hand_over(config, &mut connection.handshake());
        connection
            .timers
            .arm_retransmission(now, connection.rtt.rto());
        let received = connection.on_segment(now, segment);
        (connection, received)
    }

    /// The variables that a passive handshake has settled.
    fn handshake(&mut self) -> Handshake<'_> {
        Handshake { connection: self }
    }

    /// The program has put `len` more bytes into the send buffer, at
    /// [`Connection::written_offset`].
    ///
    /// # Errors
    /// [`WriteClosed`] once the write side is closed or the connection over.
    pub fn write(&mut self, len: u64) -> Result<(), WriteClosed> {
        if self.snd.fin || self.released || !self.state.can_write() {
            return Err(WriteClosed);
        }
        self.snd.written += len;
        Ok(())
    }

    /// The program has taken `len` bytes out of the receive buffer. More than
    /// [`Connection::available`] counts as all of them. May make a window update due.
    pub fn consume(&mut self, len: u64) {
        self.rcv.consumed += len.min(self.available());
        if self.state.can_receive() && self.rcv.wants_update(self.config.mss) {
            self.ack.now = true;
        }
    }

    /// Half-close (RFC 9293 §3.10.4): a FIN follows the last byte written. Without effect if it was
    /// called before.
    pub fn shutdown_write(&mut self) {
        match self.state {
            // RFC 9293 §3.10.4: in SYN-SENT the close waits; the FIN follows the handshake.
            State::SynSent | State::SynReceived => self.snd.fin = true,
            State::Established => {
                self.snd.fin = true;
                self.state = State::FinWait1;
            }
            State::CloseWait => {
                self.snd.fin = true;
                self.state = State::LastAck;
            }
            _ => {}
        }
    }

    /// The program lets the connection go. What was written is still sent, then a FIN; but if bytes
    /// that came were not read, or more come, the peer gets a RST, for they are lost
    /// (RFC 1122 §4.2.2.13, RFC 2525 §2.17). Cannot fail.
    pub fn close(&mut self, now: Duration) {
        if self.released {
            return;
        }
        self.released = true;
        match self.state {
            // RFC 9293 §3.10.4: "SYN-SENT: Delete the TCB".
            State::SynSent => self.enter_closed(),
            State::TimeWait | State::Closed => {}
            _ if self.available() > 0 => self.reset_connection(),
            State::FinWait2 => self.timers.arm_end(now + self.config.fin_wait_2),
            _ => self.shutdown_write(),
        }
    }

    /// Ends the connection at once (RFC 9293 §3.10.5). Returns the RST to send, if the peer knows of
    /// the connection. Cannot fail; the state is CLOSED afterwards.
    pub fn abort(&mut self) -> Option<Transmit> {
        self.released = true;
        match self.state {
            State::SynSent | State::TimeWait | State::Closed => self.enter_closed(),
            _ => self.reset_connection(),
        }
        self.take_reset()
    }

    /// Why the connection failed; `Some` once, and never again.
    pub fn take_error(&mut self) -> Option<ConnectionError> {
        self.error.take()
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Stream offset after the last byte that the peer has acknowledged: the send buffer is free up
    /// to here.
    #[must_use]
    pub fn acked_offset(&self) -> u64 {
        self.snd.acked_offset()
    }

    /// Stream offset after the last byte written.
    #[must_use]
    pub const fn written_offset(&self) -> u64 {
        self.snd.written
    }

    /// Stream offset after the last byte that can be read.
    #[must_use]
    pub fn readable_offset(&self) -> u64 {
        self.rcv.readable_offset()
    }

    /// Stream offset after the last byte that was read ([`Connection::consume`]).
    #[must_use]
    pub const fn consumed_offset(&self) -> u64 {
        self.rcv.consumed
    }

    /// Bytes that can be read now.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.rcv.readable_offset() - self.rcv.consumed
    }

    /// Whether the peer's FIN came, and all data before it: after the readable bytes comes end of
    /// file.
    #[must_use]
    pub fn is_peer_closed(&self) -> bool {
        self.rcv.finished()
    }

    /// Whether [`Connection::write`] would succeed.
    #[must_use]
    pub const fn can_write(&self) -> bool {
        !self.snd.fin && !self.released && self.state.can_write()
    }

    /// Turns Nagle's algorithm on or off (TCP_NODELAY is off).
    pub const fn set_nagle(&mut self, nagle: bool) {
        self.config.nagle = nagle;
    }

    /// What the connection has done so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// In TIME-WAIT: the small record that can take the connection's place. Call
    /// [`Connection::poll_transmit`] to its end first: the last ACK may be due.
    #[must_use]
    pub fn time_wait(&self) -> Option<TimeWait> {
        let expires = self.timers.end()?;
        (self.state == State::TimeWait).then(|| {
            TimeWait::new(
                self.snd.seq(self.snd.max),
                self.rcv.seq(self.rcv.nxt),
                self.timestamps,
                expires,
                self.config.time_wait,
            )
        })
    }

    /// Eff.snd.MSS.
    fn mss(&self) -> u16 {
        self.negotiated.payload_mss()
    }

    /// CLOSED, with a RST for the peer.
    fn reset_connection(&mut self) {
        self.reset = Some(self.snd.acceptable_seq());
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
    }

    /// TIME-WAIT: "start the time-wait timer, turn off the other timers" (RFC 9293 §3.10.7.4).
    fn enter_time_wait(&mut self, now: Duration) -> Events {
        self.state = State::TimeWait;
        self.timers = Timers::default();
        self.timers.arm_end(now + self.config.time_wait);
        Events::TIME_WAIT
    }

    fn take_reset(&mut self) -> Option<Transmit> {
        let seq = self.reset.take()?;
        // RFC 9293 §3.10.5: "<SEQ=SND.NXT><CTL=RST>"; with the ACK, as every stack sends it, once
        // there is something to acknowledge.
        let (ack, flags) = if self.rcv.nxt > 0 {
            (self.rcv.seq(self.rcv.nxt), Flags::RST | Flags::ACK)
        } else {
            (SeqNumber(0), Flags::RST)
        };
        self.counters.segs_out += 1;
        Some(Transmit::bare(seq, ack, flags, 0))
    }
}

/// Lets a half-open entry fill in what its handshake has settled.
pub(crate) struct Handshake<'a> {
    connection: &'a mut Connection,
}

impl Handshake<'_> {
    /// The peer's SYN had `irs`; our SYN-ACK offered `window` bytes.
    pub(crate) fn peer(&mut self, irs: SeqNumber, window: u16) {
        let shift = self.connection.negotiated.receive_shift;
        self.connection.rcv.synchronize(irs, window, shift);
    }

    /// Our SYN-ACK is out; the peer's SYN offered `window` bytes.
    pub(crate) fn sent(&mut self, window: u16) {
        let snd = &mut self.connection.snd;
        snd.nxt = 1;
        snd.max = 1;
        snd.wnd = u64::from(window);
        snd.max_wnd = snd.wnd;
    }

    /// The state of the timestamps option, if it is on.
    pub(crate) fn timestamps(&mut self, state: Option<TimestampState>) {
        self.connection.timestamps = state;
    }

    /// The SYN-ACK was sent at `sent`, and `retransmitted` or not.
    pub(crate) fn timing(&mut self, sent: Duration, retransmitted: bool) {
        if retransmitted {
            self.connection.rtt.syn_was_retransmitted();
        } else {
            self.connection.snd.timed = Some((1, sent));
        }
    }
}
