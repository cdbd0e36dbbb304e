//! The main job: a file goes down and another up, through the whole system, and both arrive as they were.
//!
//! - [`sample`]: which file
//! - [`linux`]: over a TAP to an unmodified curl
//! - [`pair`]: between two NICs in virtual time
//! - [`bulk`]: a plain stream between two NICs, for figures
//! - [`run`]: any of these, from the knobs to the [`page`] that ends it

pub mod bulk;
pub mod client;
pub mod linux;
pub mod page;
pub mod pair;
pub mod progress;
pub mod run;
pub mod sample;
pub mod stepping;
pub mod summary;
