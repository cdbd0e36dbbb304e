//! docs/REFERENCES.md against the code.
#![cfg(not(any(loom, shuttle)))]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use longshore_refs::holder::Name;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// Words that begin with `race_` and two digits, as `race_NN`.
fn races(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("race_").map(|(at, _)| &text[at..]);
    let names = starts.filter_map(|rest| rest.get(..7));
    let numbered = names.filter(|name| name[5..].bytes().all(|b| b.is_ascii_digit()));
    numbered.map(str::to_owned).collect()
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
fn the_races_of_the_table_are_those_that_have_tests() {
    let tests = [
        "host-driver/sockets/tests/races.rs",
        "host-driver/refs/tests/transitions.rs",
        "host-driver/refs/tests/loom.rs",
        "host-driver/refs/src/flow.rs",
    ];
    let tested: BTreeSet<String> = tests.iter().flat_map(|path| races(&read(path))).collect();
    assert_eq!(races(&read("docs/REFERENCES.md")), tested);
}
