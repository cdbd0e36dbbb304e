//! A connection's copy of its [`Config`], in few bytes.

use crate::config::Config;
use crate::congestion::Algorithm;
use crate::negotiate::Offer;
use crate::time::Millis;

/// What a connection needs of its settings after its start.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) max_transmit: u32,
    pub(super) offer: Offer,
    /// The window field of our SYN.
    pub(super) syn_window: u16,
    pub(super) nagle: bool,
    pub(super) cork: bool,
    pub(super) pacing: bool,
    pub(super) restart_after_idle: bool,
    /// See [`Config::least_batch`].
    pub(super) least_batch: u8,
    pub(super) black_hole_detection: bool,
    /// Zero: none.
    pub(super) user_timeout: Millis,
    pub(super) quick_acks: u8,
    pub(super) initial_window: u8,
    pub(super) syn_retries: u8,
    pub(super) retries: u8,
    pub(super) congestion: Algorithm,
    pub(super) delayed_ack: Millis,
    pub(super) time_wait: Millis,
    pub(super) fin_wait_2: Millis,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            max_transmit: config.max_transmit,
            offer: config.into(),
            syn_window: config.initial_window_field(),
            nagle: config.nagle,
            cork: false,
            pacing: config.pacing,
            restart_after_idle: config.restart_after_idle,
            least_batch: config.least_batch,
            black_hole_detection: config.black_hole_detection,
            user_timeout: config.user_timeout.unwrap_or_default().into(),
            quick_acks: config.quick_acks,
            initial_window: config.initial_window,
            syn_retries: config.syn_retries,
            retries: config.retries,
            congestion: config.congestion,
            delayed_ack: config.delayed_ack.into(),
            time_wait: config.time_wait.into(),
            fin_wait_2: config.fin_wait_2.into(),
        }
    }
}
