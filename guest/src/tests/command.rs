//! The `longshore` command on a card behind VFIO, as a user types it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use longshore_sysfs::Sysfs;

use super::{Guest, memory, sample};

const COMMAND: &str = "/bin/longshore";
const ADDRESS: &str = "192.0.2.1/24";

/// Lists, binds, inspects, pings, fetches, serves, unbinds.
pub(super) fn longshore(guest: &Guest) -> Result<String> {
    let nic = guest.nics[0].to_string();
    let sysfs = Sysfs::system();
    sysfs.release(guest.nics[0])?;
    ensure!(run(&["list"])?.contains(&nic), "the NIC is not listed");
    run(&["bind", &nic])?;
    ensure!(
        sysfs.function(guest.nics[0])?.is_bound_to_vfio(),
        "not bound"
    );
    for word in ["info", "queues", "stats", "reset"] {
        run(&[word, "--vfio", &nic])?;
    }
    // It may miss other things (huge pages); these two cannot be tried without a kernel.
    let doctor = examine()?;
    for (name, found) in [("interrupts", "remaps"), ("link", "is up")] {
        let line = doctor.lines().find(|line| line.contains(name));
        ensure!(
            line.is_some_and(|l| l.starts_with("ok") && l.contains(found)),
            "the doctor: {doctor}"
        );
    }
    let host = ["--vfio", &nic, "--address", ADDRESS];
    let ping = run(&[
        &["ping", "192.0.2.2", "--count", "3", "--interval", "10ms"][..],
        &host,
    ]
    .concat())?;
    ensure!(ping.contains("3 answered"), "{ping}");

    // As docs/HOST-SETUP.md advises.
    memory::reserve(32)?;
    // Down and up as a client.
    let (path, sum) = sample::make()?;
    let answer = guest.outside.ask(&format!("serve {}", sample::LEN))?;
    let (url, theirs) = answer.split_once(' ').context("URL and sum")?;
    let copy = "/tmp/fetched";
    run(&[
        &["fetch", url, "--output", copy, "--sha256", theirs][..],
        &host,
    ]
    .concat())?;
    ensure!(
        sample::sum(Path::new(copy))? == theirs,
        "the fetched file is another"
    );
    std::fs::remove_file(copy)?;

    // Down and up as a server.
    let mut serving = Command::new(COMMAND)
        .args([&["serve-file", &path, "--requests", "2"][..], &host].concat())
        .stdout(Stdio::piped())
        .spawn()?;
    // Once it has told where it listens, it does.
    let mut told = BufReader::new(serving.stdout.take().context("its output")?);
    let mut first = String::new();
    told.read_line(&mut first)?;
    let ask = |what: String| guest.outside.ask(&what);
    let answers = ask(format!("download http://192.0.2.1/sample {}", sample::LEN))
        .and_then(|down| Ok((down, ask("upload http://192.0.2.1/upload".into())?)));
    if answers.is_err() {
        serving.kill()?;
    }
    let ended = serving.wait()?;
    let (down, up) = answers?;
    let mut rest = String::new();
    told.read_to_string(&mut rest)?;
    ensure!(
        ended.success(),
        "serve-file ended with {ended}: {first}{rest}"
    );
    ensure!(down == sum && up == sum, "{down} and {up} instead of {sum}");
    eprintln!("serve-file: {rest}");

    memory::reserve(0)?;
    run(&["unbind", &nic])?;
    ensure!(
        sysfs.function(guest.nics[0])?.driver.is_none(),
        "not unbound"
    );
    Ok("list, bind, info, queues, stats, reset, doctor, ping, fetch, serve-file, unbind".into())
}

/// What the doctor says of the card, be it well or not.
fn examine() -> Result<String> {
    let output = Command::new(COMMAND)
        .args(["doctor", "--for", "card"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{said}");
    Ok(said)
}

/// What the command prints; its errors go to the console too.
fn run(arguments: &[&str]) -> Result<String> {
    let started = std::time::Instant::now();
    let output = Command::new(COMMAND)
        .args(arguments)
        .output()
        .with_context(|| format!("starting {COMMAND}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!(
        "longshore {}: {:.1} s\n{said}",
        arguments.join(" "),
        started.elapsed().as_secs_f64()
    );
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "longshore {}: {}: {errors}{said}",
            arguments.join(" "),
            output.status
        );
    }
    Ok(said)
}
