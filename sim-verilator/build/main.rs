//! Emits the Verilog of every module of the gateware's catalogue, Verilates it, and links all of it as one library.
//!
//! Each module is Verilated with its own prefix and compiled as one translation unit together with its C-ABI shim. Objects
//! are cached under a hash of everything they depend on, so that a change in one module costs that module only.

mod cache;
mod compile;
mod shim;
mod table;
mod verilate;

use longshore_hdl::{catalog, emit::Emitted, witness};
use std::{env, fs, path::PathBuf, process::exit};

/// Ends the build with one line that says what to do.
fn fail(message: &str) -> ! {
    println!("cargo::error={}", message.replace('\n', " | "));
    exit(1)
}

/// What the build depends on besides the gateware.
struct Config {
    out: PathBuf,
    /// `$VERILATOR_ROOT/include`.
    include: PathBuf,
    version: String,
    wave: bool,
}

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=VERILATOR");
    let tool = verilate::Verilator::find().unwrap_or_else(|e| fail(&e));
    let config = Config {
        out: PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")),
        include: tool.include.clone(),
        version: tool.version.clone(),
        wave: env::var_os("CARGO_FEATURE_WAVE").is_some(),
    };
    for folder in ["verilog", "cpp", "obj"] {
        fs::create_dir_all(config.out.join(folder))
            .unwrap_or_else(|e| fail(&format!("cannot write OUT_DIR: {e}")));
    }
    let modules: Vec<Emitted> = catalog::entries()
        .iter()
        .chain(witness::CATALOG)
        .map(|entry| (entry.emit)().unwrap_or_else(|e| fail(&format!("cannot emit Verilog: {e}"))))
        .collect();

    let mut jobs: Vec<compile::Job> = modules
        .iter()
        .map(|m| compile::module(&config, m))
        .collect();
    jobs.extend(compile::runtime(&config));
    let objects = compile::run_all(&config, &tool, jobs).unwrap_or_else(|failures| {
        let (last, others) = failures.split_last().expect("a failure");
        for failure in others {
            println!("cargo::error={}", failure.replace('\n', " | "));
        }
        fail(last)
    });

    let mut library = cc::Build::new();
    library.cpp(true);
    for object in &objects {
        library.object(object);
    }
    library.compile("longshore_verilated");
    if config.wave {
        println!("cargo::rustc-link-lib=z");
    }
    fs::write(config.out.join("modules.rs"), table::rust(&modules))
        .unwrap_or_else(|e| fail(&e.to_string()));
}
