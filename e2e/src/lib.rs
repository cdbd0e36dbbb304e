//! End-to-end tests and benches of Longshore.
