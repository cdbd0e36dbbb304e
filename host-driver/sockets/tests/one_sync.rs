//! Whatever threads tell each other goes through `longshore_refs::sync`, so that model checkers stand behind it: looked for
//! in the sources.
#![cfg(not(any(loom, shuttle)))]

use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 4] = ["refs", "dma", "driver", "sockets"];

/// The sync module itself.
const DOOR: &str = "refs/src/sync/";

/// What may be taken from elsewhere all the same, where, and why. `std::sync::Arc` may be everywhere: its count decides
/// only when something is freed, whatever that does (a close, an unmapping) begins with a lock or atomic of the sync
/// module, and `loom`'s cannot hold a trait object.
const ALLOWED: [(&str, &str, &str); 6] = [
    (
        "refs/src/census.rs",
        "std::sync::atomic",
        "debug counters, read by people only; they would multiply the interleavings",
    ),
    (
        "refs/src/slab.rs",
        "std::sync::OnceLock",
        "segments, made once; under a checker the first is made before anybody shares the slab",
    ),
    (
        "sockets/src/counters.rs",
        "std::sync::atomic",
        "statistics, read by people only; they would multiply the interleavings",
    ),
    (
        "dma/src/memory.rs",
        "std::sync::atomic",
        "memory that the NIC shares: real addresses, which a checker's atomics do not have",
    ),
    (
        "dma/src/host.rs",
        "parking_lot::RwLock",
        "a simulated device's IOMMU, on the other side of the bus; nothing is called under it",
    ),
    (
        "sockets/src/stack.rs",
        "std::thread",
        "owners' threads of a stack that drives itself; under a checker owners are the test's actors",
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The product's own code: without comments, and without the tests at a file's end.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let test = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
        if test && lines.peek().is_some_and(|next| next.starts_with("mod ")) {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or(""));
        code.push('\n');
    }
    code
}

/// The paths that a tree of imports (what stands behind `use`) names.
fn flatten(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let body = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                flatten(&prefix, &body[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !body[start..].trim().is_empty() {
        flatten(&prefix, &body[start..], paths);
    }
}

/// Paths of synchronisation that go past the sync module.
fn past_the_door(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("use ") {
        let begins = before.is_empty() || before.ends_with(['\n', ' ', '(', ')']);
        if let (true, Some((tree, _))) = (begins, after.split_once(';')) {
            flatten("", tree, &mut paths);
        }
        rest = after;
    }
    // Written out where they are used.
    for root in ["std::", "core::", "parking_lot::", "loom::", "shuttle::"] {
        for (at, _) in code.match_indices(root) {
            let path = code[at..].split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            paths.extend(path.take(1).map(str::to_owned));
        }
    }
    let suspicious = |path: &String| {
        let path = path.replacen("core::", "std::", 1);
        let sync = path.starts_with("std::sync")
            && !["std::sync::", "std::sync::Arc"].contains(&path.as_str())
            && !path.starts_with("std::sync::Arc::");
        let spawned = [
            "std::thread::spawn",
            "std::thread::Builder",
            "std::thread::scope",
        ];
        sync || spawned.iter().any(|s| path.starts_with(s))
            || ["parking_lot", "loom::", "shuttle::"]
                .iter()
                .any(|s| path.starts_with(s))
    };
    paths.retain(suspicious);
    paths
}

#[test]
fn synchronisation_goes_through_the_one_sync_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for name in CRATES {
        sources(&root.join(name).join("src"), &mut files);
    }
    let mut used = [false; ALLOWED.len()];
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        if name.starts_with(DOOR) {
            continue;
        }
        for path in past_the_door(&code(&fs::read_to_string(&file).unwrap())) {
            let allowed = ALLOWED
                .iter()
                .position(|(at, what, _)| *at == name && path.starts_with(what));
            match allowed {
                Some(at) => used[at] = true,
                None => wrong.push(format!("{name}: {path}")),
            }
        }
    }
    assert!(wrong.is_empty(), "past longshore_refs::sync: {wrong:#?}");
    for ((at, what, why), used) in ALLOWED.iter().zip(used) {
        assert!(used, "{at} has no {what} any more ({why})");
    }
}

#[test]
fn imports_past_the_sync_module_are_seen_however_they_are_written() {
    for wrong in [
        "use std::sync::Mutex;",
        "use std::{fmt, sync::{Arc, RwLock}};",
        "use std::sync::{\n    Arc,\n    atomic::{AtomicU16, Ordering},\n};",
        "pub(super) use core::sync::atomic::AtomicBool;",
        "use parking_lot::Mutex;",
        "static CELL: std::sync::OnceLock<u8> = std::sync::OnceLock::new();",
        "fn f() { std::thread::spawn(|| ()); }",
    ] {
        assert!(!past_the_door(&code(wrong)).is_empty(), "{wrong}");
    }
    for right in [
        "use std::{fmt, sync::Arc};",
        "use longshore_refs::sync::{Mutex, atomic::AtomicU16};",
        "use crate::sync::{Arc, tally};",
        "// use std::sync::Mutex;",
        "#[cfg(test)]\nmod tests { use std::sync::Mutex; }",
    ] {
        assert_eq!(past_the_door(&code(right)), Vec::<String>::new(), "{right}");
    }
}
