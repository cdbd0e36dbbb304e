//! The driver over two NICs in servers of their own, wired back to back, every DMA buffer between guard pages.

mod bulk;
mod death;
mod support;
