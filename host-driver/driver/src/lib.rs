//! Rings, queue pairs, completions of the Longshore NIC.
