//! A served NIC and clients of all manners, message by message.

mod client;
mod config;
mod hostile;
mod life;
mod memory;
