//! The writer: frames from the FIFO into receive buffers, and their completions.
//!
//! Contract: takes whole frames (`s`, with `meta` and `length` on all beats). The frame goes to queue pair `rx_queue` as it is when the frame is
//! taken up; rules of outcome and descriptors: docs/RX-PARSING.md. `delivered`, `disabled` and `no_buffer` tell the outcome, one cycle each;
//! `l3_bad`, `l4_bad` and `l4_ok` come with `delivered`.
//!
//! The rule for descriptors that run out in mid-frame: completions are given only when the whole frame is written, so the frame can be dropped without a
//! trace. The descriptors that it had taken stay in [`held`], and the queue's next frame is written into them. Nothing is lost, nothing waits for a
//! driver that posts no more, and the contract needs no mark for a frame cut short. The price is a frame's worth of bus writes, and 64 descriptors a frame at most.
//!
//! `busy` tells the queue pairs with a frame at hand, descriptors held, or a completion on offer. Work begun goes on to the frame's end when
//! `run` falls, unless the frame needs another descriptor then.
//!
//! - Latency: 5 cycles from a frame's first beat on `s` to the first on `wr`; 1 from its last to the completion.
//! - Throughput: beats + 6 cycles per frame in one buffer of one page: 14 for 60 bytes (bar: 16.8), 196 for 1,514 (bar: 200); 2 more for each
//!   further page, 4 more for each further buffer and 2 for its completion. A frame that is dropped costs its beats and 3 cycles.
//! - `wr` has no bubbles within a burst.

pub mod burst;
pub mod completion;
pub mod descriptor;
pub mod engine;
pub mod held;
pub mod held_lane;
pub mod part;
