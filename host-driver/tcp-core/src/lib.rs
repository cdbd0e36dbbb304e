//! TCP without I/O and without a clock.
