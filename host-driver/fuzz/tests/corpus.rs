//! Every input that is kept still passes: what once made a target panic, and what reaches most of the code.

use std::fs;
use std::path::{Path, PathBuf};

use longshore_fuzz::{TARGETS, Target};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

fn replay(target: Target, inputs: &[PathBuf]) {
    for input in inputs {
        // Shown if the target panics.
        println!("{}", input.display());
        target(&fs::read(input).unwrap());
    }
}

#[test]
fn every_input_of_the_corpora_passes() {
    for (name, target) in TARGETS {
        let inputs = inputs(&folder("corpus").join(name));
        assert!(inputs.len() > 10, "{name} has no corpus");
        replay(target, &inputs);
    }
}

#[test]
fn what_was_found_stays_mended() {
    let mut replayed = 0;
    for (name, target) in TARGETS {
        let regressions = folder("regressions").join(name);
        if regressions.exists() {
            let inputs = inputs(&regressions);
            replay(target, &inputs);
            replayed += inputs.len();
        }
    }
    assert!(replayed > 0, "the folder has moved");
}

#[test]
fn every_corpus_has_a_target_and_every_target_a_program() {
    let names = TARGETS.map(|(name, _)| name);
    for kind in ["corpus", "regressions"] {
        for of in inputs(&folder(kind)) {
            let known = names.iter().any(|name| of.ends_with(name));
            assert!(known, "{}", of.display());
        }
    }
    for name in names {
        let program = folder("fuzz_targets").join(format!("{name}.rs"));
        assert!(program.exists(), "{name}");
    }
}

#[test]
fn one_input() {
    let Some(path) = std::env::var_os("LONGSHORE_INPUT") else {
        return;
    };
    let path = PathBuf::from(path);
    let bytes = fs::read(&path).unwrap();
    // A folder of its path says of which target it is.
    let text = path.display().to_string();
    let (name, target) = TARGETS
        .into_iter()
        .find(|(name, _)| text.split('/').any(|part| part == *name))
        .expect("a folder of the path has a target's name");
    println!("{name}: {}", path.display());
    target(&bytes);
}
