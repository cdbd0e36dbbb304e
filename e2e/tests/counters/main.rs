//! What a NIC does with good requests and frames, and how it counts them: every NIC against the contract and etherparse.

mod interrupts;
mod queues;
mod receive;
mod transmit;
