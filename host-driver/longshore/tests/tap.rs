//! An unmodified curl and a Linux kernel at the other end of a TAP.
#![cfg(feature = "sim")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use support::{documents, longshore, parse, sample};

#[test]
fn curl_downloads_the_served_file_and_uploads_it() {
    if !sim_wire::privileges::probe_or_skip("curl_downloads_the_served_file_and_uploads_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tide.bin");
    let sha256 = sample(&path, 4 << 20);
    let mut child = Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args([
            "serve-file",
            "--json",
            "--sim",
            "--wire",
            "tap",
            "--requests",
            "2",
        ])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let listening = &parse(line.as_bytes())[0];
    let namespace = listening["namespace"].as_str().unwrap();
    let copy = folder.path().join("copy");
    let curl = |words: &[&str]| {
        let status = Command::new("ip")
            .args([
                "netns",
                "exec",
                namespace,
                "curl",
                "--globoff",
                "--silent",
                "--show-error",
            ])
            .args(["--fail", "--max-time", "60"])
            .args(words)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "curl {words:?}");
    };
    let urls = listening["urls"].as_array().unwrap();
    let (v4, v6) = (urls[0].as_str().unwrap(), urls[1].as_str().unwrap());
    curl(&["--output", copy.to_str().unwrap(), v6]);
    assert!(std::fs::read(&copy).unwrap() == std::fs::read(&path).unwrap());
    curl(&["--upload-file", path.to_str().unwrap(), v4]);
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let shown = parse(&rest);
    let upload = shown
        .iter()
        .find(|d| d["schema"] == "longshore/uploaded/1")
        .unwrap();
    assert_eq!(upload["sha256"], sha256);
    let gone = Command::new("ip").args(["netns", "list"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&gone.stdout).contains(namespace));
}

#[test]
fn the_kernel_answers_our_ping() {
    if !sim_wire::privileges::probe_or_skip("the_kernel_answers_our_ping") {
        return;
    }
    for host in ["192.0.2.2", "2001:db8::2"] {
        let words = format!("ping --sim --wire tap {host} --count 3 --interval 1ms");
        let shown = documents(longshore(&words), 0);
        assert_eq!(shown[3]["received"], 3, "{shown:?}");
    }
}
