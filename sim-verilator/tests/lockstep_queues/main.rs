//! The queue pairs in lock step, in the hands of a driver, a memory and two engines.

mod bench;
mod control;
mod driver;
mod registers;
mod traffic;
