//! `longshore ping`

use crate::cli::Ping;
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use crate::session::Session;
use anyhow::Result;
use longshore_sockets::{Echo, EchoEvent};
use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a wait looks whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What became of one request.
#[derive(Debug, Serialize)]
struct Answer {
    host: IpAddr,
    sequence: u16,
    /// `reply`, `damaged` (other data came back), `unreachable` (nobody answers for the next hop's address) or
    /// `timeout`.
    result: &'static str,
    bytes: u16,
    hop_limit: Option<u8>,
    milliseconds: Option<f64>,
}

/// All requests.
#[derive(Debug, Default, Serialize)]
struct Summary {
    host: String,
    sent: u64,
    received: u64,
    milliseconds: Option<Times>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Times {
    least: f64,
    mean: f64,
    most: f64,
}

impl Report for Answer {
    const SCHEMA: &'static str = "longshore/ping-answer/1";
}

impl Report for Summary {
    const SCHEMA: &'static str = "longshore/ping/1";
}

pub(super) fn run(args: &Ping, root: &Path, output: &mut Output) -> Result<Outcome> {
    let interrupt = Interrupt::listen()?;
    let session = Session::open(&args.transport, &args.addressing, root)?;
    session.require_link()?;
    let echo = Echo::new(&session.stack)?;
    let mut times = Vec::new();
    let mut sent = 0;
    let mut next = Instant::now();
    while (args.count == 0 || sent < u64::from(args.count)) && !interrupt.is_raised() {
        // Sequence numbers wrap, as they do in every ping.
        let sequence = (sent + 1) as u16;
        let data: Vec<u8> = (0..args.size).map(|i| (i ^ sequence) as u8).collect();
        let at = echo.send(args.host, sequence, &data)?;
        sent += 1;
        let Some(answer) = wait(args, &echo, &interrupt, sequence, &data, at)? else {
            break;
        };
        if answer.result == "reply" {
            times.extend(answer.milliseconds);
        }
        output.show(&answer)?;
        next += args.interval;
        if args.count == 0 || sent < u64::from(args.count) {
            interrupt.sleep_until(next);
        }
    }
    let received = times.len() as u64;
    output.show(&Summary {
        host: args.host.to_string(),
        sent,
        received,
        milliseconds: Times::of(&times),
    })?;
    Ok(match (interrupt.is_raised(), received) {
        (true, _) => Outcome::Interrupted,
        (false, 0) => Outcome::Negative,
        (false, _) => Outcome::Done,
    })
}

/// Waits for the answer to one request; `None` when interrupted.
fn wait(
    args: &Ping,
    echo: &Echo,
    interrupt: &Interrupt,
    sequence: u16,
    data: &[u8],
    sent: Duration,
) -> Result<Option<Answer>> {
    let answer = |result, hop_limit, milliseconds| Answer {
        host: args.host,
        sequence,
        result,
        bytes: args.size,
        hop_limit,
        milliseconds,
    };
    let deadline = Instant::now() + args.timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if interrupt.is_raised() {
            return Ok(None);
        }
        match echo.receive(left.min(LOOK))? {
            Some(EchoEvent::Reply { reply, at }) if reply.sequence == sequence => {
                let time = at.saturating_sub(sent).as_secs_f64() * 1e3;
                let result = if reply.data == data {
                    "reply"
                } else {
                    "damaged"
                };
                return Ok(Some(answer(result, Some(reply.hop_limit), Some(time))));
            }
            // An answer that was given up already.
            Some(EchoEvent::Reply { .. }) => {}
            Some(EchoEvent::NeighbourLost(_)) => {
                return Ok(Some(answer("unreachable", None, None)));
            }
            None if left.is_zero() => return Ok(Some(answer("timeout", None, None))),
            None => {}
        }
    }
}

impl Times {
    fn of(times: &[f64]) -> Option<Self> {
        let least = times.iter().copied().reduce(f64::min)?;
        let most = times.iter().copied().reduce(f64::max)?;
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        Some(Self { least, mean, most })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            sequence,
            bytes,
            ..
        } = self;
        match (self.result, self.milliseconds, self.hop_limit) {
            ("reply", Some(time), Some(limit)) => writeln!(
                f,
                "{bytes} bytes from {host}: seq={sequence} ttl={limit} time={time:.3} ms"
            ),
            ("damaged", ..) => writeln!(f, "{host}: seq={sequence} came back with other data"),
            ("unreachable", ..) => writeln!(
                f,
                "{host}: seq={sequence} nobody on the link answers for the next hop's address"
            ),
            _ => writeln!(f, "{host}: seq={sequence} no answer in time"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = 100 * (self.sent - self.received) / self.sent.max(1);
        write!(
            f,
            "{}: {} sent, {} answered, {lost} % lost",
            self.host, self.sent, self.received
        )?;
        if let Some(Times { least, mean, most }) = self.milliseconds {
            write!(
                f,
                "; {least:.3} / {mean:.3} / {most:.3} ms (least, mean, most)"
            )?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_nothing_has_no_times() {
        assert!(Times::of(&[]).is_none());
        let summary = Summary {
            host: "192.0.2.2".into(),
            sent: 3,
            received: 2,
            milliseconds: Times::of(&[1.0, 3.0]),
        };
        assert_eq!(
            summary.to_string(),
            "192.0.2.2: 3 sent, 2 answered, 33 % lost; 1.000 / 2.000 / 3.000 ms (least, mean, most)\n"
        );
    }
}
