//! What the guest says over its line (guest/src/outside.rs), and what it asks for.

use super::outside::Outside;
use super::process::Group;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often the simulators are looked at while the guest says nothing.
const LOOK: Duration = Duration::from_millis(200);
/// A guest that has said `end` switches itself off.
const FAREWELL: Duration = Duration::from_secs(20);

/// What became of the tests so far.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    running: Option<String>,
}

/// What a line means for whoever reads it.
#[derive(Debug, PartialEq, Eq)]
enum Said<'a> {
    /// A test began or ended.
    News,
    /// Something is asked for.
    Please(&'a str),
    /// The tests are over.
    End,
}

impl Tally {
    /// Takes a line in and prints what is worth it.
    fn take<'a>(&mut self, line: &'a str, started: &mut Instant) -> Result<Said<'a>> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, detail) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "run" => {
                self.running = Some(name.into());
                *started = Instant::now();
            }
            "ok" | "failed" => {
                let verdict = if word == "ok" { "ok    " } else { "FAILED" };
                println!(
                    "{verdict} {name:22} {:5.1} s  {detail}",
                    started.elapsed().as_secs_f64()
                );
                self.running = None;
                if word == "ok" {
                    self.passed += 1;
                } else {
                    self.failed.push(name.into());
                }
            }
            "please" => return Ok(Said::Please(rest)),
            "end" => return Ok(Said::End),
            _ => bail!("the guest says what nobody understands: {line}"),
        }
        Ok(Said::News)
    }

    fn verdict(&self) -> Result<usize> {
        if !self.failed.is_empty() {
            bail!("{} failed: {}", self.failed.len(), self.failed.join(", "));
        }
        if self.passed == 0 {
            bail!("no test ran");
        }
        Ok(self.passed)
    }

    fn at(&self) -> String {
        match &self.running {
            Some(name) => format!("during {name}"),
            None => "between tests".into(),
        }
    }
}

/// Listens to the guest to its end. Returns how many tests passed.
pub(crate) fn run(mut guest: Group, outsides: &[Outside], limit: Duration) -> Result<usize> {
    let lines = lines(guest.child().stdout.take().context("the guest's line")?);
    let mut answers = guest.child().stdin.take().context("the guest's line")?;
    let started = Instant::now();
    let mut test_started = started;
    let mut tally = Tally::default();
    loop {
        if started.elapsed() > limit {
            bail!(
                "no end after {} s, {}: stopped",
                limit.as_secs(),
                tally.at()
            );
        }
        for outside in outsides {
            outside.check().with_context(|| tally.at())?;
        }
        let line = match lines.recv_timeout(LOOK) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the guest has ended {}: its console tells why", tally.at())
            }
        };
        match tally.take(line.trim(), &mut test_started)? {
            Said::News => {}
            Said::Please(request) => {
                let first = outsides.first().context("nothing is outside")?;
                let answer = match first.oblige(request) {
                    Ok(result) => format!("done {result}\n"),
                    Err(error) => format!("failed {}\n", format!("{error:#}").replace('\n', " ")),
                };
                answers.write_all(answer.as_bytes())?;
            }
            Said::End => break,
        }
    }
    if guest.end(FAREWELL)?.is_none() {
        bail!("the guest does not switch off");
    }
    tally.verdict()
}

/// Lines of `output`, read on a thread that ends with it.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            if !line.trim().is_empty() && sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.take(line, &mut Instant::now()).unwrap();
        }
        tally
    }

    #[test]
    fn a_run_passes_only_if_a_test_ran_and_none_failed() {
        assert!(tally(&[]).verdict().is_err());
        assert_eq!(
            tally(&["run a", "ok a fine", "run b", "ok b"])
                .verdict()
                .unwrap(),
            2
        );
        let failed = tally(&["run a", "ok a", "run b", "failed b the cause"]);
        assert!(failed.verdict().unwrap_err().to_string().contains('b'));
    }

    #[test]
    fn requests_and_the_end_are_told_from_news() {
        let mut tally = Tally::default();
        let mut take = |line| tally.take(line, &mut Instant::now());
        assert_eq!(take("please stall 10").unwrap(), Said::Please("stall 10"));
        assert_eq!(take("run x").unwrap(), Said::News);
        assert_eq!(take("end").unwrap(), Said::End);
        assert!(take("what").is_err());
        assert!(tally.at().contains('x'));
    }
}
