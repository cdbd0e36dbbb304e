//! Congestion control.
//!
//! The connection finds losses and repairs them; the algorithm only sizes the window. It is told of
//! acknowledgements, of congestion (once per window) and of time-outs.

mod new_reno;

use core::time::Duration;

pub use new_reno::NewReno;

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
}

/// A congestion control algorithm. All sizes are in bytes.
pub trait CongestionControl {
    /// The congestion window.
    fn window(&self) -> u64;

    /// The slow-start threshold; `u64::MAX` while there is none.
    fn ssthresh(&self) -> u64;

    /// New data was acknowledged, and no loss is being repaired by fast recovery.
    fn on_ack(&mut self, sample: &AckSample);

    /// A loss (or another sign of congestion) was seen with `in_flight` bytes outstanding; called
    /// once for each window of data.
    fn on_congestion(&mut self, now: Duration, in_flight: u64, mss: u16);

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

/// Which algorithm a connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// [`NewReno`].
    #[default]
    NewReno,
}

/// An algorithm in a connection: an enum and not a box, for a connection allocates nothing.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    NewReno(NewReno),
}

impl Control {
    pub(crate) fn new(algorithm: Algorithm, initial_window: u64) -> Self {
        match algorithm {
            Algorithm::NewReno => Self::NewReno(NewReno::new(initial_window)),
        }
    }
}

impl core::ops::Deref for Control {
    type Target = dyn CongestionControl + Send + Sync;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::NewReno(control) => control,
        }
    }
}

impl core::ops::DerefMut for Control {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::NewReno(control) => control,
        }
    }
}
