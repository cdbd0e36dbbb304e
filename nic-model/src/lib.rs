//! The executable specification of the Longshore NIC in plain Rust.
