//! The seam between the Longshore driver and whatever reaches the NIC.
