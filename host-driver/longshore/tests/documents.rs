//! What is printed for others to read: errors as JSON, manual pages, completions, files for administrators.

mod support;

use support::longshore;

#[test]
fn an_error_is_one_json_document_with_its_exit_code() {
    let output = longshore("bind 03:00.0 --json --host-root /nonexistent")
        .output()
        .unwrap();
    let error = support::parse(&output.stderr).remove(0);
    assert_eq!(error["schema"], "longshore/error/1");
    assert_eq!(error["exit_code"], 3);
    assert_eq!(output.status.code(), Some(3));
    assert!(error["error"].as_str().unwrap().contains("0000:03:00.0"));
}

#[test]
fn every_command_has_its_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    longshore("man").arg(&pages).assert().success();
    let page = |name: &str| {
        std::fs::read_to_string(pages.join(format!("{name}.1")))
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let main = page("longshore");
    assert!(main.contains("interrupted"), "exit codes");
    for command in [
        "list",
        "bind",
        "unbind",
        "info",
        "stats",
        "regs",
        "queues",
        "reset",
        "ping",
        "serve-file",
        "fetch",
        "doctor",
        "host-file",
        "completions",
    ] {
        assert!(page(&format!("longshore-{command}")).contains("SYNOPSIS"));
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = longshore(&format!("completions {shell}")).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("serve-file"), "{shell}");
    }
}

#[test]
fn host_files_are_printed_as_they_are_to_be_installed() {
    for (name, file) in [
        ("udev", "60-longshore.rules"),
        ("limits", "60-longshore.conf"),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("files")
            .join(file);
        let text = std::fs::read_to_string(path).unwrap();
        longshore(&format!("host-file {name}"))
            .assert()
            .success()
            .stdout_eq(snapbox::Data::text(text).raw());
    }
}
