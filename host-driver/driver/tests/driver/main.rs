//! The driver against a scripted device: what is in its rings is looked at, and what it completes is said, word
//! by word.

mod adversary;
mod allocation;
mod drops;
mod lend;
mod lifecycle;
mod open;
mod receive;
mod support;
mod transmit;
