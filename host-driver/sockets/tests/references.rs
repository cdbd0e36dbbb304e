//! docs/REFERENCES.md against the code, and rules that a look at the sources can check.
#![cfg(not(any(loom, shuttle)))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use longshore_refs::holder::Name;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Every source file of a folder and of those below it.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join(folder)];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                all.push((path, text));
            }
        }
    }
    assert!(!all.is_empty());
    all
}

/// Words that begin with `race_` and two digits, as `race_NN`.
fn races(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("race_").map(|(at, _)| &text[at..]);
    let names = starts.filter_map(|rest| rest.get(..7));
    let numbered = names.filter(|name| name[5..].bytes().all(|b| b.is_ascii_digit()));
    numbered.map(str::to_owned).collect()
}

/// Names of functions that begin with `race_`.
fn tests() -> BTreeSet<String> {
    let folders = [
        "host-driver/sockets/tests",
        "host-driver/sockets/src",
        "host-driver/refs/tests",
        "host-driver/refs/src",
    ];
    let texts = folders.iter().flat_map(|folder| sources(folder));
    let mut names = BTreeSet::new();
    for (_, text) in texts {
        for (at, _) in text.match_indices("fn race_") {
            let name = text[at + 3..].split('(').next().unwrap_or("");
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn every_holder_has_its_row() {
    let text = read("docs/REFERENCES.md");
    // A program's own chunk is no holder of the model: it is what D is duplicated from.
    for name in Name::ALL.iter().filter(|name| **name != Name::Own) {
        let row = format!("| {name} |");
        let rows = text.lines().filter(|line| line.starts_with(&row)).count();
        assert_eq!(rows, 1, "{row}");
    }
}

#[test]
fn all_thirty_races_have_a_row_and_a_test() {
    let text = read("docs/REFERENCES.md");
    let tests = tests();
    let (_, table) = text.split_once("| race | test |").unwrap();
    for race in 1..=30 {
        let (row, name) = (format!("| {race} "), format!("race_{race:02}"));
        let rows: Vec<_> = table
            .lines()
            .filter(|line| line.starts_with(&row))
            .collect();
        assert_eq!(rows.len(), 1, "rows of race {race}");
        assert!(rows[0].contains(&name), "{}", rows[0]);
        assert!(tests.iter().any(|test| test.starts_with(&name)), "{name}");
    }
    let tested: BTreeSet<_> = tests.iter().flat_map(|test| races(test)).collect();
    assert_eq!(races(&text), tested);
}

#[test]
fn a_race_is_said_to_be_found_when_broken_where_a_test_breaks_it() {
    let broken: BTreeSet<_> = tests()
        .iter()
        .filter(|test| test.contains("_is_found_"))
        .flat_map(|test| races(test))
        .collect();
    let text = read("docs/REFERENCES.md");
    let (_, text) = text.split_once("| race | test |").unwrap();
    let rows = text.lines().filter(|line| line.contains("`race_"));
    let said: BTreeSet<_> = rows
        .filter(|row| row.trim_end_matches(['|', ' ']).split('|').count() == 4)
        .flat_map(races)
        .collect();
    assert_eq!(said, broken);
}

#[test]
fn every_invariant_has_a_row_that_says_where_it_holds() {
    let text = read("docs/REFERENCES.md");
    let (_, text) = text.split_once("## Invariants").unwrap();
    let (text, _) = text.split_once("\n## ").unwrap_or((text, ""));
    for invariant in 1..=20 {
        let row = format!("| {invariant} ");
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with(&row)).collect();
        assert_eq!(rows.len(), 1, "rows of invariant {invariant}");
        assert!(rows[0].contains("]("), "a link: {}", rows[0]);
    }
}

/// Whether a signature speaks of "perhaps a reference", over however many lines.
fn has_optional_reference(signature: &str) -> bool {
    let referents = [
        "Ref",
        "SocketRef",
        "PcbRef",
        "&Pcb",
        "Arc<Pcb",
        "&Socket",
        "Arc<Socket",
    ];
    let flat: String = signature.split_whitespace().collect();
    referents.iter().any(|referent| {
        let optional = format!("Option<{referent}");
        flat.match_indices(&optional).any(|(at, _)| {
            // The whole name: there are settings of sockets, too.
            let behind = flat[at + optional.len()..].chars().next();
            !behind.is_some_and(char::is_alphanumeric)
        })
    })
}

#[test]
fn an_optional_reference_is_found_over_several_lines() {
    assert!(has_optional_reference(
        "fn f(pcb: Option<\n    Ref<holder::P, Pcb>>)"
    ));
    assert!(has_optional_reference("fn f() -> Option<&Pcb>"));
    assert!(!has_optional_reference("fn f(pcb: &Pcb) -> Option<Handle>"));
    assert!(!has_optional_reference(
        "fn f(config: Option<Arc<SocketConfig>>)"
    ));
}

/// Invariant 19. Whoever has a socket has a Pcb, and whoever is handed a reference has one: "perhaps a reference" as
/// argument or result is how the question "is it there?" comes back in. (A look-up by handle, which may find nothing, is
/// the slab's.)
#[test]
fn no_signature_has_an_optional_reference_to_a_pcb_or_a_socket() {
    let mut found = Vec::new();
    for (path, text) in sources("host-driver/sockets/src") {
        for (at, _) in text.match_indices("fn ") {
            let signature = text[at..].split(['{', ';']).next().unwrap_or("");
            if has_optional_reference(signature) {
                found.push(format!("{}: {signature}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_test_of_connections_ends_with_the_census() {
    // The check is in the drop of `common::Host`: a test that makes hosts in another way has none.
    let common = read("host-driver/sockets/tests/common/mod.rs");
    assert!(common.contains("impl Drop for Host"));
    for (path, text) in sources("host-driver/sockets/tests") {
        let makes_its_own = text.contains("Stack::stepped") || text.contains("Stack::new");
        assert!(
            !makes_its_own || path.ends_with("common/mod.rs") || path.ends_with("references.rs"),
            "{}",
            path.display()
        );
    }
}

/// Where docs/LIFE-OF-AN-ABORT.md says "`function`, [file](path)", the file has that function.
#[test]
fn the_functions_of_the_life_of_an_abort_are_where_it_says() {
    let text = read("docs/LIFE-OF-AN-ABORT.md");
    let mut seen = 0;
    for (at, _) in text.match_indices("](../") {
        let path = text[at + 5..].split(')').next().unwrap();
        let before = text[..at].rsplit_once('[').unwrap().0;
        let Some(before) = before.trim_end().strip_suffix("`,") else {
            continue;
        };
        let name = before.rsplit('`').next().unwrap();
        let function = format!("fn {}", name.rsplit("::").next().unwrap());
        let source = read(path);
        let found = source.match_indices(&function).any(|(at, _)| {
            let behind = source[at + function.len()..].chars().next();
            behind.is_some_and(|c| matches!(c, '(' | '<'))
        });
        assert!(found, "{function} in {path}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}
