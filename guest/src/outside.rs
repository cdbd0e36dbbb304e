//! The line to `cargo xtask guest`: the second serial port, a line of text a message.
//!
//! | message | means |
//! |---|---|
//! | `run NAME` | a test begins |
//! | `ok NAME DETAIL` | it passed |
//! | `failed NAME CAUSE` | it did not |
//! | `please WORD…` | something outside is asked for; the answer is a line too |
//! | `end` | all tests are over |

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
};

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The line.
pub(crate) struct Outside {
    ends: Mutex<(File, BufReader<File>)>,
}

impl Outside {
    pub(crate) fn open() -> Result<Self> {
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/ttyS1")?;
        let mut settings = tcgetattr(&port)?;
        // No echo of what is received, no editing.
        settings.make_raw();
        tcsetattr(&port, OptionalActions::Now, &settings)?;
        let reader = BufReader::new(port.try_clone()?);
        Ok(Self {
            ends: Mutex::new((port, reader)),
        })
    }

    /// Sends a message; a failure to do so is told on the console.
    pub(crate) fn tell(&self, message: &str) {
        let line = message.replace('\n', " ") + "\n";
        if let Err(error) = self.ends.lock().0.write_all(line.as_bytes()) {
            eprintln!("guest: cannot tell `{message}`: {error}");
        }
    }

    /// Asks for something outside and waits for the answer. Whoever answers bounds the time.
    pub(crate) fn ask(&self, request: &str) -> Result<String> {
        let mut ends = self.ends.lock();
        ends.0.write_all(format!("please {request}\n").as_bytes())?;
        let mut answer = String::new();
        ends.1.read_line(&mut answer).context("no answer")?;
        match answer.trim().split_once(' ').unwrap_or((answer.trim(), "")) {
            ("done", rest) => Ok(rest.into()),
            (_, why) => bail!("outside: {request}: {why}"),
        }
    }
}
