//! Congestion control.
//!
//! The connection finds losses and repairs them; the algorithm only sizes the window. It is told of
//! acknowledgements, of congestion (once per window) and of time-outs.

mod cubic;
mod dctcp;
mod hystart;
mod new_reno;
mod window;

use core::time::Duration;

pub use cubic::Cubic;
pub use dctcp::Dctcp;
pub use new_reno::NewReno;

use crate::seq::SeqNumber;

/// What an acknowledgement of new data tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckSample {
    /// When it came.
    pub now: Duration,
    /// Bytes that it acknowledged for the first time.
    pub acked: u64,
    /// The smoothed round-trip time, if there is one.
    pub srtt: Option<Duration>,
    /// Largest payload of a segment.
    pub mss: u16,
    /// The data was sent while the congestion window, and nothing else, held more data back. A
    /// window that is not used is not tested, and must not grow (RFC 7661 §4.1).
    pub window_limited: bool,
    /// Lost data is still being sent again after a time-out: `acked` may count bytes that left the
    /// network long ago.
    pub after_timeout: bool,
    /// The round-trip time that this acknowledgement measured, to the millisecond, if it did. Told while there is no
    /// slow-start threshold.
    pub round_trip: Option<Duration>,
    /// SND.UNA, this acknowledgement included.
    pub una: SeqNumber,
    /// SND.NXT.
    pub max: SeqNumber,
    /// Data is paced: no burst follows from a large step of the window.
    pub paced: bool,
}

/// What an acknowledgement tells of congestion marks, on a connection that uses ECN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkSample {
    /// Bytes that it acknowledged for the first time.
    pub acked: u64,
    /// It has ECE: some of them were marked.
    pub marked: bool,
    /// SND.UNA, this acknowledgement included.
    pub una: SeqNumber,
    /// SND.NXT.
    pub max: SeqNumber,
}

/// A congestion control algorithm. All sizes are in bytes.
pub trait CongestionControl {
    /// The congestion window.
    fn window(&self) -> u64;

    /// The slow-start threshold; `u64::MAX` while there is none.
    fn ssthresh(&self) -> u64;

    /// New data was acknowledged, and no loss is being repaired by fast recovery.
    fn on_ack(&mut self, sample: &AckSample);

    /// A loss was seen with `in_flight` bytes outstanding; called once for each window of data.
    fn on_congestion(&mut self, now: Duration, in_flight: u64, mss: u16);

    /// Data was acknowledged on a connection that uses ECN, marked or not.
    fn on_marks(&mut self, _sample: &MarkSample) {}

    /// A mark was echoed, with `in_flight` bytes outstanding; called once for each window of data. As a loss, unless the
    /// algorithm knows better (RFC 3168 §6.1.2).
    fn on_mark(&mut self, now: Duration, in_flight: u64, mss: u16) {
        self.on_congestion(now, in_flight, mss);
    }

    /// Fast recovery is over, with `in_flight` bytes outstanding.
    fn on_recovered(&mut self, now: Duration, in_flight: u64, mss: u16);

    /// The retransmission timer expired with `in_flight` bytes outstanding. `first`: not for the
    /// same data again.
    fn on_timeout(&mut self, now: Duration, in_flight: u64, mss: u16, first: bool);

    /// A reduction proved wrong: the window and the threshold are as they were, or what they have grown to since.
    fn restore(&mut self, now: Duration, cwnd: u64, ssthresh: u64);

    /// Nothing was sent for longer than an RTO.
    fn on_idle(&mut self, now: Duration);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//# An endpoint MAY implement such alternative algorithms provided that the algorithms are conformant with the TCP
//# specifications from the IETF Standards Track as described in RFC 2914, RFC 5033 [7], and RFC 8961 [15] (MAY-18).
/// Which algorithm a connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// [`Cubic`].
    #[default]
    Cubic,
    /// [`NewReno`].
    NewReno,
    /// [`Dctcp`]. Asks for ECN, and wants a network that marks early.
    Dctcp,
}

/// An algorithm in a connection: an enum and not a box, for a connection allocates nothing.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    Cubic(Cubic),
    NewReno(NewReno),
    Dctcp(Dctcp),
}

impl Control {
    pub(crate) fn new(algorithm: Algorithm, initial_window: u64) -> Self {
        match algorithm {
            Algorithm::Cubic => Self::Cubic(Cubic::new(initial_window)),
            Algorithm::NewReno => Self::NewReno(NewReno::new(initial_window)),
            Algorithm::Dctcp => Self::Dctcp(Dctcp::new(initial_window)),
        }
    }
}

impl Control {
    /// Goes on where another algorithm has stopped.
    pub(crate) fn resume(&mut self, window: u64, threshold: u64) {
        match self {
            Self::Cubic(cubic) => cubic.window.resume(window, threshold),
            Self::NewReno(reno) => reno.window.resume(window, threshold),
            Self::Dctcp(dctcp) => dctcp.reno.window.resume(window, threshold),
        }
    }
}

/// Calls a method of whichever algorithm it is.
macro_rules! whichever {
    ($self:expr, $control:ident => $call:expr) => {
        match $self {
            Control::Cubic($control) => $call,
            Control::NewReno($control) => $call,
            Control::Dctcp($control) => $call,
        }
    };
}

impl CongestionControl for Control {
    fn window(&self) -> u64 {
        whichever!(self, control => control.window())
    }

    fn ssthresh(&self) -> u64 {
        whichever!(self, control => control.ssthresh())
    }

    fn on_ack(&mut self, sample: &AckSample) {
        whichever!(self, control => control.on_ack(sample));
    }

    fn on_congestion(&mut self, now: Duration, in_flight: u64, mss: u16) {
        whichever!(self, control => control.on_congestion(now, in_flight, mss));
    }

    fn on_marks(&mut self, sample: &MarkSample) {
        whichever!(self, control => control.on_marks(sample));
    }

    fn on_mark(&mut self, now: Duration, in_flight: u64, mss: u16) {
        whichever!(self, control => control.on_mark(now, in_flight, mss));
    }

    fn on_recovered(&mut self, now: Duration, in_flight: u64, mss: u16) {
        whichever!(self, control => control.on_recovered(now, in_flight, mss));
    }

    fn on_timeout(&mut self, now: Duration, in_flight: u64, mss: u16, first: bool) {
        whichever!(self, control => control.on_timeout(now, in_flight, mss, first));
    }

    fn restore(&mut self, now: Duration, cwnd: u64, ssthresh: u64) {
        whichever!(self, control => control.restore(now, cwnd, ssthresh));
    }

    fn on_idle(&mut self, now: Duration) {
        whichever!(self, control => control.on_idle(now));
    }
}
