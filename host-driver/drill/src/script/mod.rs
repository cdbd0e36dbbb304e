//! A script of packetdrill: options, commands for the machine, and events in time.

mod call;
mod code;
mod packet;
mod parse;
mod strip;

pub use call::{Call, Expr, Field};
pub use code::{Code, CodeError, Value};
pub use packet::{Direction, Ecn, Icmp, IpInfo, Options, Packet, Segment, TcpOption, Transport};
pub(crate) use parse::hex;
pub use parse::{ParseError, parse};

/// A whole script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// `--name=value` lines, in order; the value is empty for a switch.
    pub options: Vec<(String, String)>,
    /// What the shell is told before the first event.
    pub setup: Vec<String>,
    /// In the order in which they are to happen.
    pub events: Vec<Event>,
}

/// Something that happens, or has to.
#[derive(Clone, Debug)]
pub struct Event {
    /// Line in the script, from 1.
    pub line: usize,
    /// When.
    pub time: Time,
    /// Of a call that waits: when it has to return, in microseconds, counted as `time` is.
    pub until: Option<i64>,
    /// What.
    pub action: Action,
}

/// When an event happens, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// `*`
    Any,
    /// `0.1`: since the script's start.
    At(i64),
    /// `+0.1`: after the event before.
    After(i64),
    /// `0.1~0.2`
    AtBetween(i64, i64),
    /// `+0.1~+0.2`
    AfterBetween(i64, i64),
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Action {
    /// `<` arrives, `>` has to leave.
    Packet(Packet),
    /// A system call.
    Call(Call),
    /// A line for the shell, in backticks.
    Command(String),
    /// Assertions about the connection, between `%{` and `}%`.
    Code(String),
}
