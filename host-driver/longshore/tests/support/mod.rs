//! What the tests of the command share.
#![allow(dead_code, reason = "every test binary uses its own part")]

use snapbox::cmd::Command;
use std::path::Path;
use std::time::Duration;

/// The command, with words split at blanks; it ends within a minute or is ended.
pub(crate) fn longshore(words: &str) -> Command {
    Command::new(snapbox::cmd::cargo_bin!("longshore"))
        .args(words.split_whitespace())
        .timeout(Duration::from_secs(60))
        .env_remove("LONGSHORE_LOG")
}

/// The command on a made-up host.
pub(crate) fn on_host(root: &Path, words: &str) -> Command {
    longshore(words).arg("--host-root").arg(root)
}

/// What the command prints, as JSON documents; it must end with `code`.
pub(crate) fn documents(command: Command, code: i32) -> Vec<serde_json::Value> {
    let output = command.arg("--json").output().expect("it runs");
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&output.stdout)
}

/// Lines of JSON.
pub(crate) fn parse(bytes: &[u8]) -> Vec<serde_json::Value> {
    String::from_utf8_lossy(bytes)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect()
}

/// A file of `len` bytes that nobody foresees.
pub(crate) fn sample(path: &Path, len: usize) -> String {
    use rand::Rng as _;
    use sha2::Digest as _;
    let mut bytes = vec![0; len];
    rand::rng().fill_bytes(&mut bytes);
    std::fs::write(path, &bytes).expect("a file");
    let digest = sha2::Sha256::digest(&bytes);
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
