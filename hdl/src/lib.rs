//! The gateware of the Longshore NIC, in rust-hdl.
