//! An unmodified curl against the server over the kernel's TCP.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::Arc;

use longshore_http::{Server, hex};
use sha2::{Digest, Sha256};

struct Site {
    server: Arc<Server>,
    root: tempfile::TempDir,
    base: String,
}

fn site() -> Site {
    let root = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::new(root.path()).upload_max(10_000_000));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let running = Arc::clone(&server);
    std::thread::spawn(move || running.run(&listener));
    Site { server, root, base }
}

fn curl(arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["-sS", "--max-time", "20", "--noproxy", "*"])
        .args(arguments)
        .output()
        .expect("curl cannot be run; install it with: apt-get install curl")
}

fn bytes(len: usize) -> Vec<u8> {
    let mut x = 1u32;
    let next = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn a_file_comes_down_as_it_is_and_two_on_one_connection() {
    let site = site();
    let data = bytes(3_000_001);
    std::fs::write(site.root.path().join("file"), &data).unwrap();
    let url = format!("{}/file", site.base);
    let output = curl(&[&url, &url, "-w", "%{stderr}%{num_connects}"]);
    assert_eq!(output.stdout.len(), 2 * data.len());
    assert!(output.stdout[..data.len()] == data && output.stdout[data.len()..] == data);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "10");
}

#[test]
fn an_upload_arrives_as_it_was_with_100_continue() {
    let site = site();
    let data = bytes(2_500_000);
    let path = site.root.path().join("up");
    std::fs::write(&path, &data).unwrap();
    let sum: [u8; 32] = Sha256::digest(&data).into();
    let url = format!("{}/in", site.base);
    let file = path.to_str().unwrap();
    let arguments = ["-v", "-H", "Expect: 100-continue", "-T", file, &url];
    let output = curl(&arguments);
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(answer, format!("{} {} /in\n", hex(&sum), data.len()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("100 Continue"));
    let uploads = site.server.uploads();
    assert_eq!((uploads.len(), uploads[0].sha256), (1, sum));
}

#[test]
fn errors_are_answered_and_the_connection_survives_them() {
    let site = site();
    std::fs::write(site.root.path().join("file"), b"good").unwrap();
    let none = format!("{}/none", site.base);
    let good = format!("{}/file", site.base);
    let format = "%{stderr}%{http_code} ";
    let output = curl(&["-w", format, &none, &good]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "404 200 ");
    assert!(output.stdout.ends_with(b"good"));
    let code = |arguments: &[&str]| {
        let mut all = vec!["-o", "/dev/null", "-w", "%{http_code}"];
        all.extend(arguments);
        String::from_utf8(curl(&all).stdout).unwrap()
    };
    let dir = format!("{}/", site.base);
    assert_eq!(code(&[&dir]), "403");
    assert_eq!(code(&["-X", "DELETE", &good]), "405");
    assert_eq!(code(&["-I", &good]), "200");
    assert_eq!(
        code(&["-H", "Transfer-Encoding: chunked", "-d", "x", &good]),
        "411"
    );
    assert_eq!(
        code(&[
            "-H",
            "Content-Length: 99999999",
            "-X",
            "PUT",
            "-H",
            "Expect: 100-continue",
            "-d",
            "x",
            &good
        ]),
        "413"
    );
}
