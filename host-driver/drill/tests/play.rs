//! The runner with the project's own scripts: what is right passes in every version, what is wrong is found.

use std::path::Path;

use longshore_drill::script::parse;
use longshore_drill::{IpVersion, Outcome, play};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn run(text: &str, version: IpVersion) -> Outcome {
    play(&parse(text).unwrap(), folder(), version)
}

#[track_caller]
fn passes(name: &str) {
    for version in IpVersion::ALL {
        assert_eq!(run(&text(name), version), Outcome::Passed, "{version:?}");
    }
}

#[test]
fn a_client_connects_and_leaves_in_every_version() {
    passes("connect.pkt");
}

#[test]
fn a_server_repeats_what_is_lost_in_every_version() {
    passes("accept.pkt");
}

#[test]
fn a_send_without_a_copy_is_told_of_in_every_version() {
    passes("zero_copy.pkt");
}

/// Replaces something in a script that passes; the line where the runner finds it.
#[track_caller]
fn fails(name: &str, from: &str, to: &str) -> (usize, String) {
    let text = text(name);
    assert!(text.contains(from), "{from}");
    match run(&text.replacen(from, to, 1), IpVersion::V4) {
        Outcome::Failed { line, actual, .. } => (line, actual),
        other => panic!("{from} -> {to}: {other:?}"),
    }
}

#[test]
fn every_field_of_a_packet_is_compared() {
    let wanted = "> P. 1:3001(3000) ack 1";
    for (to, what) in [
        ("> . 1:3001(3000) ack 1", "flags"),
        ("> PU. 1:3001(3000) ack 1", "flags"),
        ("> P. 2:3002(3000) ack 1", "sequence number"),
        ("> P. 1:2501(2500) ack 1", "together 3000 bytes"),
        ("> P. 1:3001(3000) ack 2", "acknowledgement"),
        ("> P. 1:3001(3000) ack 1 win 1", "window"),
        ("> P. 1:3001(3000) ack 1 urg 1", "urgent pointer"),
        ("> P. 1:3001(3000) ack 1 <nop>", "options"),
        ("> [ect0] P. 1:3001(3000) ack 1", "traffic class"),
        ("> [ttl 1] P. 1:3001(3000) ack 1", "TTL"),
    ] {
        let (line, actual) = fails("connect.pkt", wanted, to);
        assert_eq!(line, 12, "{to}");
        assert!(actual.contains(what), "{to}: {actual}");
    }
    let (line, _) = fails("accept.pkt", "mss 1460,sackOK,TS", "sackOK,mss 1460,TS");
    assert_eq!(line, 8, "the order of options counts");
}

#[test]
fn times_results_errors_and_assertions_are_compared() {
    // The call returns when the answer comes, 20 ms after it began.
    let (line, actual) = fails("connect.pkt", "+.02...0.04", "+.02...0.05");
    assert_eq!(line, 6, "{actual}");
    let (line, _) = fails(
        "connect.pkt",
        "read(3, ..., 200) = 100",
        "read(3, ..., 200) = 99",
    );
    assert_eq!(line, 21);
    let (line, _) = fails("accept.pkt", "EAGAIN", "ECONNRESET");
    assert_eq!(line, 12);
    let (line, actual) = fails(
        "connect.pkt",
        "tcpi_snd_mss == 1000",
        "tcpi_snd_mss == 1001",
    );
    assert_eq!(line, 16);
    assert!(actual.contains("tcpi_snd_mss = 1000"), "{actual}");
    let (line, _) = fails("connect.pkt", "revents=POLLIN", "revents=POLLOUT");
    assert_eq!(line, 15);
    let (line, _) = fails("connect.pkt", "TCP_NODELAY, [0]", "TCP_NODELAY, [1]");
    assert_eq!(line, 10);
    // The first repetition comes a retransmission time-out later, not at once.
    let (line, actual) = fails("accept.pkt", "   * > P.", "  +0 > P.");
    assert_eq!(line, 15, "{actual}");
}

#[test]
fn events_and_the_members_of_an_extended_error_are_compared() {
    let (line, _) = fails(
        "zero_copy.pkt",
        "{events=0, ptr=0}, 1, 0) = 0",
        "{events=0, ptr=0}, 1, 0) = 1",
    );
    assert_eq!(line, 18);
    let (line, _) = fails("zero_copy.pkt", "EPOLLOUT|EPOLLET", "EPOLLIN|EPOLLET");
    assert_eq!(line, 13);
    for member in ["ee_errno", "ee_type", "ee_info", "ee_data"] {
        let (line, _) = fails(
            "zero_copy.pkt",
            &format!("{member}=0"),
            &format!("{member}=1"),
        );
        assert_eq!(line, 19, "{member}");
    }
}

#[test]
fn what_the_runner_does_not_know_is_no_failure_of_the_stack() {
    for text in [
        "0 sendfile(1, 2, [0], 5) = 5\n",
        "0 `rm -rf x`\n",
        "--no_such_option\n0 close(3) = 0\n",
        "0 socket(..., SOCK_NO_SUCH, 0) = 3\n",
    ] {
        let outcome = run(text, IpVersion::V4);
        assert!(
            matches!(outcome, Outcome::Unsupported { .. }),
            "{outcome:?}"
        );
    }
}
