//! The fields of the JSON documents, and their types.
#![cfg(feature = "sim")]

mod support;

use longshore_sysfs::fake::{Fake, FakeFunction};
use serde_json::Value;
use std::collections::BTreeSet;
use support::{documents, longshore, on_host, sample};

/// Adds `path: type` for everything in `value`. Elements of a list share a path.
fn shape(path: &str, value: &Value, lines: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(list) => {
            list.iter()
                .for_each(|v| shape(&format!("{path}[]"), v, lines));
            "list"
        }
        Value::Object(map) => {
            // Names of counters are the contract's matter.
            if path.ends_with(".counters") {
                shape(
                    &format!("{path}.*"),
                    &map.values().next().cloned().into(),
                    lines,
                );
            } else {
                map.iter()
                    .for_each(|(k, v)| shape(&format!("{path}.{k}"), v, lines));
            }
            "object"
        }
    };
    lines.insert(format!("{path}: {kind}"));
}

/// What scripts rely on. A line that disappears, or changes its type, wants a new version of its schema.
#[test]
fn documents_keep_their_shape() {
    let host = Fake::new();
    let address = "0000:03:00.0";
    for (address, driver) in [(address, Some("vfio-pci")), ("0000:04:00.0", None)] {
        let group = driver.map(|_| 12);
        host.function(
            address,
            &FakeFunction {
                driver,
                group,
                ..FakeFunction::longshore()
            },
        );
    }
    for (name, value) in [
        ("current_link_speed", "5.0 GT/s PCIe"),
        ("current_link_width", "4"),
        ("numa_node", "0"),
    ] {
        host.write(&format!("sys/bus/pci/devices/{address}/{name}"), value);
    }
    let root = host.path("");
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("tide.bin");
    sample(&file, 1000);

    let mut all = Vec::new();
    all.extend(documents(on_host(&root, "list"), 0));
    all.extend(documents(on_host(&root, "bind 03:00.0"), 0));
    all.extend(documents(on_host(&root, "bind 04:00.0 --dry-run"), 0));
    all.extend(documents(on_host(&root, "doctor"), 4));
    all.extend(documents(on_host(&root, "unbind 03:00.0"), 0));
    for words in [
        "info",
        "stats",
        "regs",
        "queues",
        "reset",
        "ping 192.0.2.2 -c 1",
    ] {
        all.extend(documents(longshore(&format!("{words} --sim")), 0));
    }
    all.extend(documents(longshore("ping 192.0.2.77 -c 1 --sim"), 1));
    all.extend(documents(
        longshore("serve-file --sim --requests 1").arg(&file),
        0,
    ));
    let put = longshore("fetch --sim http://192.0.2.2/x")
        .arg("--peer-files")
        .arg(files.path());
    all.extend(documents(put.arg("--upload").arg(&file), 0));

    let mut lines = BTreeSet::new();
    for document in &all {
        let schema = document["schema"].as_str().unwrap();
        shape(schema, document, &mut lines);
    }
    let lines: Vec<_> = lines.into_iter().collect();
    snapbox::assert_data_eq!(lines.join("\n") + "\n", snapbox::file!["schemas.txt"].raw());
}
