//! A script against a stack.

mod blocking;
mod call;
mod connection;
mod inbound;
mod outbound;
mod timing;

use std::path::Path;
use std::sync::Arc;

use crate::ffi::Table;
use crate::script::{Action, Code, CodeError, Direction, Event, Packet, Script, Value};
use crate::settings::{IpVersion, Settings};
use crate::shell::{Shell, ShellError};
use crate::symbols;
use blocking::Worker;
use connection::Connection;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the script says.
    Passed,
    /// Otherwise.
    Failed {
        /// Line of the script.
        line: usize,
        /// What it says.
        expected: String,
        /// What happened.
        actual: String,
    },
    /// The script wants something that this runner does not know, or that the table of functions cannot express.
    Unsupported {
        /// Line of the script, 0 for its beginning.
        line: usize,
        /// What.
        what: String,
    },
}

/// Why a script ends early.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Failed { expected: String, actual: String },
    Unsupported(String),
}

impl Failure {
    fn failed(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Failed {
            expected: expected.into(),
            actual: actual.into(),
        }
    }

    fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    fn at(self, line: usize) -> Outcome {
        match self {
            Self::Failed { expected, actual } => Outcome::Failed {
                line,
                expected,
                actual,
            },
            Self::Unsupported(what) => Outcome::Unsupported { line, what },
        }
    }
}

/// A script that is being played.
struct Run {
    table: Arc<Table>,
    settings: Settings,
    shell: Shell,
    connections: Vec<Connection>,
    /// The connection that packets without a word about it belong to.
    under_test: Option<usize>,
    /// The script's descriptors, the stack's, and the connection; the last of equals counts.
    fds: Vec<(i64, i32, Option<usize>)>,
    /// The peer's last port.
    next_port: u16,
    /// When the script began, in microseconds.
    start: i64,
    /// The event before: its time, and whether it was a packet that arrived.
    before: Option<(i64, bool)>,
    worker: Option<Worker>,
    /// The line of a call on the other thread that did not end as it should.
    blamed: Option<usize>,
}

/// Plays a script; `folder` is where it comes from.
pub fn play(script: &Script, folder: &Path, version: IpVersion) -> Outcome {
    let mut run = match Run::new(script, folder, version) {
        Ok(run) => run,
        Err(failure) => return failure.at(0),
    };
    for event in &script.events {
        if let Err(failure) = run.event(event) {
            return failure.at(run.blamed.unwrap_or(event.line));
        }
    }
    match run.finish() {
        Ok(()) => Outcome::Passed,
        Err((line, failure)) => failure.at(line),
    }
}

impl Run {
    fn new(script: &Script, folder: &Path, version: IpVersion) -> Result<Self, Failure> {
        let settings = Settings::new(version, script).map_err(Failure::unsupported)?;
        let mut shell = Shell::new(folder).map_err(|e| Failure::unsupported(e.to_string()))?;
        for command in &script.setup {
            shell.run(command).map_err(refused)?;
        }
        let flags = settings.flags(shell.directory(), shell.mtu());
        let table =
            Table::new(&flags).ok_or_else(|| Failure::failed("a stack", "none can be made"))?;
        let start = table.gettimeofday();
        Ok(Self {
            table: Arc::new(table),
            settings,
            shell,
            connections: Vec::new(),
            under_test: None,
            fds: Vec::new(),
            next_port: 40_000,
            start,
            before: None,
            worker: None,
            blamed: None,
        })
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        self.catch_up();
        let arrives = matches!(
            &event.action,
            Action::Packet(Packet {
                direction: Direction::Inbound,
                ..
            })
        );
        let event = self.in_script_time(event, arrives);
        let at = match event.time {
            crate::script::Time::Any => self.now(),
            time => timing::start(time),
        };
        let leaves = matches!(
            &event.action,
            Action::Packet(Packet {
                direction: Direction::Outbound,
                ..
            })
        );
        if !leaves {
            self.wait_for(&event)?;
        }
        let result = match &event.action {
            Action::Packet(packet) if arrives => self.inject(packet),
            Action::Packet(packet) => self.expect(&event, packet),
            Action::Call(call) => self.call(&event, call),
            Action::Command(command) => self.shell.run(command).map_err(refused),
            Action::Code(code) => self.check(code),
        };
        self.before = Some((at, arrives));
        result
    }

    fn check(&self, text: &str) -> Result<(), Failure> {
        let code = Code::parse(text).map_err(|e| Failure::unsupported(e.to_string()))?;
        let connection = self.current()?;
        let fd = connection
            .fd
            .ok_or_else(|| Failure::unsupported("code before there is a descriptor"))?;
        let mut info = vec![0; 512];
        let told = self
            .table
            .getsockopt(fd, libc::SOL_TCP, libc::TCP_INFO, &mut info);
        if told.value < 0 {
            let error = symbols::errno(told.errno);
            return Err(Failure::failed("TCP_INFO", error));
        }
        let mut memory = vec![0; 64];
        let told = self
            .table
            .getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut memory);
        if told.value < 0 {
            memory.clear();
        }
        let look_up = |name: &str| {
            symbols::info(&info, name)
                .or_else(|| symbols::memory(&memory, name))
                .or_else(|| symbols::value(name).map(Value::from))
        };
        code.check(&look_up).map_err(|error| match error {
            CodeError::Unknown(_) => Failure::unsupported(error.to_string()),
            _ => Failure::failed(text.trim(), error.to_string()),
        })
    }

    fn current(&self) -> Result<&Connection, Failure> {
        self.under_test
            .and_then(|index| self.connections.get(index))
            .ok_or_else(|| Failure::unsupported("a packet or code that belongs to no connection"))
    }

    fn current_mut(&mut self) -> Result<&mut Connection, Failure> {
        self.under_test
            .and_then(|index| self.connections.get_mut(index))
            .ok_or_else(|| Failure::unsupported("a packet or code that belongs to no connection"))
    }
}

fn refused(error: ShellError) -> Failure {
    Failure::unsupported(error.to_string())
}
