//! The calls, in values: what pointers mean is known only to [`crate::ffi`].

mod connect;
mod file;
mod message;
mod open;
mod option;
mod ready;
mod splice;

pub(crate) use message::Message;
pub(crate) use ready::{Poll, Ready};
