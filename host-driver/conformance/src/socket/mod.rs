//! Sockets as C programs see them: domains, states and errors of Linux over `longshore-sockets`.

mod error_queue;
mod info;
mod options;
pub(crate) mod tcp;
mod times;
pub(crate) mod udp;
mod values;
mod wake;
