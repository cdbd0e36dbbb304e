//! Two commands as two processes, over vfio-user sockets, and the wire between their NICs (models) in a third.

mod support;

use nic_model::{Config, Model};
use serde_json::Value;
use sim_vfio::{Ringing, Server, ringing_pair};
use sim_wire::LineConfig;
use sim_wire::pair::PairEnd;
use snapbox::str;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use support::{documents, longshore, parse, sample};

/// Two NICs on one wire, each behind a socket.
struct Lab {
    folder: tempfile::TempDir,
    _servers: Vec<Server<Model<Ringing<PairEnd>>>>,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let servers = ringing_pair(LineConfig::default())
            .unwrap()
            .into_iter()
            .enumerate()
            .map(|(i, (wire, bell))| {
                let nic = Model::new(Config::default(), wire);
                let path = folder.path().join(format!("nic{i}"));
                Server::start(nic, &path, Some(bell)).unwrap()
            })
            .collect();
        Self {
            folder,
            _servers: servers,
        }
    }

    fn socket(&self, nic: usize) -> PathBuf {
        self.folder.path().join(format!("nic{nic}"))
    }

    /// How NIC `nic` is named, with its address.
    fn at(&self, nic: usize) -> String {
        format!(
            "--vfio-user {} --address 192.0.2.{}/24 --address 2001:db8::{}/64",
            self.socket(nic).display(),
            nic + 1,
            nic + 1
        )
    }

    /// Serves `path` on NIC 1; its output after it listens.
    fn serve(&self, path: &Path, more: &str) -> (Child, BufReader<ChildStdout>) {
        let words = format!("serve-file --json {} {more}", self.at(1));
        let mut child = Command::new(snapbox::cmd::cargo_bin!("longshore"))
            .args(words.split_whitespace())
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(line.contains("longshore/listening/1"), "{line}");
        (child, out)
    }
}

fn of<'a>(shown: &'a [Value], schema: &str) -> &'a Value {
    let found = shown.iter().find(|d| d["schema"] == schema);
    found.unwrap_or_else(|| panic!("no {schema} in {shown:?}"))
}

#[test]
fn a_nic_behind_a_socket_is_looked_at_as_any_other() {
    let lab = Lab::new();
    let socket = format!("--vfio-user {}", lab.socket(0).display());
    let info = documents(longshore(&format!("info {socket}")), 0).remove(0);
    assert_eq!(info["device"]["transport"], "vfio-user");
    assert_eq!(info["contract"]["major"], 1);
    assert_eq!(info["pci"]["vendor"], u32::from(nic_abi::pci::VENDOR_ID));
    let queues = documents(longshore(&format!("queues {socket}")), 0).remove(0);
    assert_eq!(queues["queue_pairs"][0]["enabled"], false);
    let reset = documents(longshore(&format!("reset {socket}")), 0).remove(0);
    assert_eq!(
        reset["epoch_after"].as_u64(),
        reset["epoch_before"].as_u64().map(|e| e + 1)
    );
    assert!(!documents(longshore(&format!("regs {socket}")), 0).is_empty());
}

#[test]
fn a_file_goes_both_ways_between_two_processes() {
    let lab = Lab::new();
    let path = lab.folder.path().join("tide.bin");
    let sha256 = sample(&path, 4 << 20);
    let (mut server, mut out) = lab.serve(&path, "--requests 2");
    let copy = lab.folder.path().join("copy");
    let words = format!(
        "fetch {} http://192.0.2.2/tide.bin --sha256 {sha256}",
        lab.at(0)
    );
    let down = documents(longshore(&words).arg("--output").arg(&copy), 0).remove(0);
    assert_eq!(down["bytes"], 4 << 20);
    assert_eq!(
        down["register_reads"], 0,
        "no register read on the data path"
    );
    assert!(std::fs::read(&copy).unwrap() == std::fs::read(&path).unwrap());
    let words = format!("fetch {} http://[2001:db8::2]/up", lab.at(0));
    let up = documents(longshore(&words).arg("--upload").arg(&path), 0).remove(0);
    assert_eq!(up["register_reads"], 0, "no register read on the data path");
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert!(server.wait().unwrap().success());
    assert_eq!(of(&parse(&rest), "longshore/uploaded/1")["sha256"], sha256);
}

#[test]
fn a_ping_crosses_processes_and_a_server_answers_it_while_it_serves() {
    let lab = Lab::new();
    let (mut server, _out) = lab.serve(lab.folder.path(), "");
    let words = format!("ping {} 192.0.2.2 --count 2 --interval 1ms", lab.at(0));
    let shown = documents(longshore(&words), 0);
    assert_eq!(of(&shown, "longshore/ping/1")["received"], 2);
    server.kill().unwrap();
    server.wait().unwrap();
}

/// The NIC is found in order by the next program, and the file arrives whole.
#[test]
fn a_server_that_is_killed_in_the_middle_of_a_transfer_is_started_again() {
    let lab = Lab::new();
    let path = lab.folder.path().join("tide.bin");
    let sha256 = sample(&path, 4 << 20);
    let (mut server, _out) = lab.serve(&path, "");
    // The pipe takes 64 KiB and no more: the transfer is under way, and stays so.
    let mut client = Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args(
            format!(
                "fetch {} http://192.0.2.2/ --output - --timeout 2s",
                lab.at(0)
            )
            .split(' '),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut body = client.stdout.take().unwrap();
    let mut some = [0; 1000];
    body.read_exact(&mut some).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let mut rest = Vec::new();
    body.read_to_end(&mut rest).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(1));
    assert!(
        rest.len() < 4 << 20,
        "the transfer was over before the server was killed"
    );

    let (mut server, _out) = lab.serve(&path, "");
    let copy = lab.folder.path().join("copy");
    let words = format!("fetch {} http://192.0.2.2/ --sha256 {sha256}", lab.at(0));
    documents(longshore(&words).arg("--output").arg(&copy), 0);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_socket_without_a_server_is_told_with_the_remedy() {
    longshore("info --vfio-user /nonexistent/socket").assert().code(3).stderr_eq(str![[r#"
longshore: there is no vfio-user socket /nonexistent/socket: start a server (longshore-sim serve --socket /nonexistent/socket)

"#]]);
    let lab = Lab::new();
    longshore("ping 192.0.2.2 --vfio-user")
        .arg(lab.socket(0))
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
longshore: the NIC has no IP address: give it one of its network with --address 10.0.0.2/24

"#]]);
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_server_that_falls_silent_is_given_up_with_the_reason() {
    let lab = Lab::new();
    let path = lab.folder.path().join("tide.bin");
    sample(&path, 4 << 20);
    let (mut server, _out) = lab.serve(&path, "");
    let words = format!(
        "fetch {} http://192.0.2.2/ --output - --timeout 1s",
        lab.at(0)
    );
    let mut client = Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args(words.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut body = client.stdout.take().unwrap();
    body.read_exact(&mut [0; 1000]).unwrap();
    signal(&server, "STOP");
    std::io::copy(&mut body, &mut std::io::sink()).unwrap();
    let end = client.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(1));
    let said = String::from_utf8_lossy(&end.stderr).into_owned();
    assert!(said.contains("nothing moved for 1s"), "{said}");

    longshore(&words).assert().code(1).stderr_eq(str![[r#"
longshore: connecting to 192.0.2.2:80: the peer did not answer within the time given to connect

"#]]);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn an_interrupted_fetch_ends_at_once_and_leaves_no_file() {
    let lab = Lab::new();
    let files = tempfile::tempdir().unwrap();
    let (mut server, _out) = lab.serve(lab.folder.path(), "");
    // Nobody answers, and the client would wait for an hour.
    signal(&server, "STOP");
    let words = format!("fetch {} http://192.0.2.2/x --timeout 1h", lab.at(0));
    let mut client = Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args(words.split(' '))
        .arg("--output")
        .arg(files.path().join("x"))
        .spawn()
        .unwrap();
    // Its file has appeared: it listens for signals.
    while std::fs::read_dir(files.path()).unwrap().count() == 0 {
        assert!(client.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    signal(&client, "INT");
    assert_eq!(client.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 0);
    server.kill().unwrap();
    server.wait().unwrap();
}
