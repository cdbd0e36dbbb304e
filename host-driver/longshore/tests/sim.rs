//! Every subcommand over a simulated NIC (the model) in its own process.
#![cfg(feature = "sim")]

mod support;

use snapbox::str;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use support::{documents, longshore, parse, sample};

#[test]
fn info_shows_identity_contract_and_features() {
    longshore("info --sim")
        .assert()
        .success()
        .stdout_eq(str![[r#"
device       in-process 0
pci          1234:4c53, subsystem 1234:0001, class 020000, revision 1
contract     1.0
epoch        0
queues       2 queue pairs, 4 interrupt vectors
core clock   250 MHz
frame limit  1518 bytes
mac          not set
link         up, 10000 Mb/s
features     PORT STATS QUEUES CHECKSUM TSO MSIX
dma          0x1000..=0xfedfffff, 0xfef00000..=0x7fffffffff, pages of 4096 bytes

"#]]);
}

#[test]
fn regs_are_decoded_field_by_field() {
    longshore("regs --sim --block device")
        .assert()
        .success()
        .stdout_eq(str![[r#"
Device 0 at 0x0000
  0x0000  MAGIC                  0x474e4f4c
  0x0004  VERSION                0x00010000  VERSION_MINOR=0x0 VERSION_MAJOR=0x1
  0x0008  EPOCH                  0x00000000
  0x000c  CONTROL                0x00000000  CONTROL_ENABLE=0x0 CONTROL_QUIESCE=0x0
  0x0010  QUIESCED               0x00000000
  0x0014  SCRATCH                0x00000000
  0x0018  QUEUE_PAIRS            0x00000002
  0x001c  VECTORS                0x00000004
  0x0020  CORE_CLOCK             0x0003d090
  0x0024  DIRECTORY              0x00000100

"#]]);
    longshore("regs --sim --block nothing")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: no block is called so; there are: Device, [..]

"#]]);
}

/// Every register of the contract that this NIC has is shown once, at the place that the contract gives it.
#[test]
fn regs_shows_every_register_of_the_contract() {
    use nic_abi::block::{DEVICE, PORT, QUEUE};
    let dump = documents(longshore("regs --sim"), 0).remove(0);
    let mut shown = Vec::new();
    for block in dump["blocks"].as_array().unwrap() {
        for register in block["registers"].as_array().unwrap() {
            shown.push(register["offset"].as_u64().unwrap());
        }
    }
    let mut distinct = shown.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), shown.len(), "none twice");
    for (block, instances) in [(DEVICE, 1), (PORT, 1), (QUEUE, 2)] {
        for instance in 0..instances {
            for register in block.registers {
                let at = u64::from(block.at(instance, *register));
                assert!(shown.contains(&at), "{} {}", block.name, register.name);
            }
        }
    }
    let stats = nic_abi::stats::Stat::ALL;
    assert!(stats.iter().all(|s| shown.contains(&s.offset().into())));
}

#[test]
fn stats_bear_the_contracts_names_and_repeat_as_often_as_asked() {
    let shown = documents(longshore("stats --sim --interval 1ms --count 3"), 0);
    assert_eq!(shown.len(), 3);
    let counters = shown[2]["counters"].as_object().unwrap();
    let names: Vec<_> = nic_abi::stats::COUNTERS.iter().map(|c| c.name).collect();
    assert_eq!(counters.len(), names.len());
    assert!(names.iter().all(|n| counters[*n].is_u64()));
    longshore("stats --sim")
        .assert()
        .success()
        .stdout_eq("all counters are 0\n");
}

#[test]
fn queues_and_reset_tell_the_state_before_and_after() {
    longshore("queues --sim")
        .assert()
        .success()
        .stdout_eq(str![[r#"
PAIR  STATE  SQ  RQ  CQ  VECTOR
0     off    -   -   -   0
1     off    -   -   -   0

"#]]);
    longshore("reset --sim")
        .assert()
        .success()
        .stdout_eq(str![[r#"
in-process 0 is reset: epoch 0 -> 1

"#]]);
}

#[test]
fn ping_is_answered_over_both_families() {
    for host in ["192.0.2.2", "2001:db8::2"] {
        let words = format!("ping --sim {host} --count 3 --interval 1ms --size 1400");
        let shown = documents(longshore(&words), 0);
        assert_eq!(shown.len(), 4);
        for (answer, sequence) in shown.iter().zip(1..=3) {
            assert_eq!(answer["result"], "reply");
            assert_eq!(answer["sequence"], sequence);
            assert_eq!(answer["bytes"], 1400);
        }
        assert_eq!(
            (&shown[3]["sent"], &shown[3]["received"]),
            (&3.into(), &3.into())
        );
    }
    longshore("ping --sim 10.9.8.7 --peer 10.9.8.7/16 --address 10.9.0.1/16 --count 1")
        .assert()
        .success()
        .stdout_eq(str![[r#"
56 bytes from 10.9.8.7: seq=1 ttl=64 time=[..] ms
10.9.8.7: 1 sent, 1 answered, 0 % lost; [..]

"#]]);
}

#[test]
fn ping_of_nobody_and_of_nowhere_end_with_the_reason() {
    longshore("ping --sim 192.0.2.77 --count 1")
        .assert()
        .code(1)
        .stdout_eq(str![[r#"
192.0.2.77: seq=1 nobody on the link answers for the next hop's address
192.0.2.77: 1 sent, 0 answered, 100 % lost

"#]]);
    longshore("ping --sim 8.8.8.8")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: no way to 8.8.8.8: configure an address of its network, or a gateway

"#]]);
    longshore("ping --sim 192.0.2.2 --size 1500")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: 1500 bytes of echo data do not fit a packet of the MTU: at most 1472

"#]]);
    longshore("ping --sim 192.0.2.2 --gateway 10.0.0.1")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: gateway 10.0.0.1 is on none of the interface's networks: add an address of its network

"#]]);
}

#[test]
fn a_file_is_fetched_and_put_whole_over_both_families() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let source = files.join("tide.bin");
    let sha256 = sample(&source, 4 << 20);
    for host in ["192.0.2.2", "[2001:db8::2]"] {
        let copy = folder.path().join("copy");
        let command = longshore(&format!(
            "fetch --sim http://{host}/tide.bin --sha256 {sha256}"
        ))
        .arg("--peer-files")
        .arg(&files)
        .arg("--output")
        .arg(&copy);
        let fetched = documents(command, 0).remove(0);
        assert_eq!(fetched["sha256"], sha256);
        assert_eq!(fetched["bytes"], 4 << 20);
        assert_eq!(
            fetched["register_reads"], 0,
            "no register read on the data path"
        );
        assert_eq!(
            std::fs::read(&copy).unwrap(),
            std::fs::read(&source).unwrap()
        );
        std::fs::remove_file(&copy).unwrap();
        let command = longshore(&format!("fetch --sim http://{host}/up"))
            .arg("--peer-files")
            .arg(&files)
            .arg("--upload")
            .arg(&source);
        let put = documents(command, 0).remove(0);
        assert_eq!(
            (&put["direction"], &put["sha256"]),
            (&"upload".into(), &sha256.clone().into())
        );
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the folder of files: {left:?}");
}

#[test]
fn a_fetch_goes_to_standard_output_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t"), [0, 255, 10, 13, 0]).unwrap();
    let output = longshore("fetch --sim http://192.0.2.2/t --output -")
        .arg("--peer-files")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, [0, 255, 10, 13, 0]);
}

#[test]
fn a_fetch_that_fails_says_why_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t"), "tide").unwrap();
    let copy = folder.path().join("copy");
    let fetch = |words: &str| {
        longshore(words)
            .arg("--peer-files")
            .arg(folder.path())
            .arg("--output")
            .arg(&copy)
            .assert()
    };
    fetch("fetch --sim http://192.0.2.2/none")
        .code(1)
        .stderr_eq(str![[r#"
longshore: the server answered 404 Not Found

"#]]);
    fetch("fetch --sim http://192.0.2.2:81/t")
        .code(1)
        .stderr_eq(str![[r#"
longshore: connecting to 192.0.2.2:81: connection refused[..]

"#]]);
    fetch("fetch --sim http://192.0.2.77/t")
        .code(1)
        .stderr_eq(str![[r#"
longshore: connecting to 192.0.2.77:80: host unreachable: nobody answers for its address on the link

"#]]);
    let wrong = format!(
        "fetch --sim http://192.0.2.2/t --sha256 {}",
        "00".repeat(32)
    );
    fetch(&wrong).code(1).stderr_eq(str![[r#"
longshore: the file has the SHA-256 [..], not the one that was asked for: it is not kept

"#]]);
    fetch("fetch --sim http://example.org/t").code(2);
    assert!(!copy.exists());
    let names = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(names.count(), 1);
}

#[test]
fn a_served_file_is_what_the_second_nic_fetches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tide.bin");
    let sha256 = sample(&path, 4 << 20);
    let shown = documents(longshore("serve-file --sim --requests 1").arg(&path), 0);
    assert_eq!(shown[0]["urls"][0], "http://192.0.2.1/tide.bin");
    let of = |schema: &str| {
        let found = shown.iter().find(|d| d["schema"] == schema);
        found.unwrap_or_else(|| panic!("no {schema} in {shown:?}"))
    };
    assert_eq!(of("longshore/peer-fetched/1")["sha256"], sha256);
    assert_eq!(of("longshore/served/1")["bytes_sent"], 4 << 20);
    let summary = of("longshore/serve-file/1");
    assert_eq!(summary["requests"], 1);
    assert_eq!(
        summary["register_reads"], 0,
        "no register read on the data path"
    );
    // A link is served under its own name.
    let link = folder.path().join("link.bin");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let shown = documents(longshore("serve-file --sim --requests 1").arg(&link), 0);
    assert_eq!(shown[0]["urls"][0], "http://192.0.2.1/link.bin");
    longshore("serve-file --sim /nonexistent/file")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: cannot serve /nonexistent/file: No such file or directory (os error 2)

"#]]);
}

/// Starts a server and waits until it listens; gives the rest of its output.
fn server(words: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = std::process::Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args(words.split_whitespace())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("longshore/listening/1"), "{line}");
    (child, out)
}

#[test]
fn an_interrupted_server_ends_in_order_with_its_summary() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["INT", "TERM"] {
        let words = format!("serve-file --json --sim {}", folder.path().display());
        let (mut child, mut out) = server(&words);
        let kill = std::process::Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "SIG{signal}");
        let last = parse(&rest).pop().unwrap();
        assert_eq!(last["schema"], "longshore/serve-file/1");
    }
}

/// As `longshore … | head -c 1`.
#[test]
fn whoever_reads_only_the_beginning_causes_no_error() {
    let folder = tempfile::tempdir().unwrap();
    sample(&folder.path().join("tide.bin"), 4 << 20);
    for words in [
        "regs --sim",
        "regs --sim --json",
        "fetch --sim http://192.0.2.2/tide.bin --output - --peer-files",
    ] {
        let mut command = std::process::Command::new(snapbox::cmd::cargo_bin!("longshore"));
        command
            .args(words.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if words.ends_with("files") {
            command.arg(folder.path());
        }
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let end = child.wait_with_output().unwrap();
        assert!(
            end.status.success(),
            "{words}: {}",
            String::from_utf8_lossy(&end.stderr)
        );
        assert_eq!(end.stderr, b"", "{words}");
    }
}

#[test]
fn an_interrupted_ping_ends_with_its_summary() {
    let mut child = std::process::Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args("ping --json --sim 192.0.2.2 --count 0 --interval 1h".split(' '))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(parse(&rest)[0]["received"], 1);
}

#[test]
fn stats_are_shown_while_a_file_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tide.bin");
    sample(&path, 1 << 20);
    let words = format!("serve-file --json --sim --stats 20ms {}", path.display());
    let (mut child, out) = server(&words);
    let mut delivered = 0;
    for line in out.lines() {
        let line = line.unwrap();
        let document = &parse(line.as_bytes())[0];
        if document["schema"] == "longshore/stats/1" {
            delivered = document["counters"]["rx_delivered"].as_u64().unwrap();
            if delivered > 0 {
                break;
            }
        }
    }
    assert!(delivered > 0);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(not(feature = "rtl"))]
#[test]
fn the_gateware_is_told_to_be_missing_where_it_was_not_built_in() {
    longshore("info --sim --nic rtl")
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: this `longshore` was built without the gateware: [..]--features rtl[..]

"#]]);
}

#[cfg(feature = "rtl")]
#[test]
fn the_gateware_answers_a_ping_and_gives_a_file() {
    let shown = documents(
        longshore("ping --sim --nic rtl 192.0.2.2 --count 2 --interval 1ms"),
        0,
    );
    assert_eq!(shown[2]["received"], 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tide.bin");
    let sha256 = sample(&path, 256 << 10);
    let shown = documents(
        longshore("serve-file --sim --nic rtl --requests 1").arg(&path),
        0,
    );
    let fetched = shown
        .iter()
        .find(|d| d["schema"] == "longshore/peer-fetched/1");
    assert_eq!(fetched.unwrap()["sha256"], sha256);
}
