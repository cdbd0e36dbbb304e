//! The Longshore NIC in Verilator: root complex, wires, waveforms.
