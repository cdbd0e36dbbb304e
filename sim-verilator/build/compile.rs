//! Objects: what each is made from, and making the stale ones on all cores.

use crate::{Config, cache, shim, verilate};
use longshore_hdl::emit::Emitted;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// One object to be made.
pub(crate) struct Job {
    object: PathBuf,
    key: String,
    kind: Kind,
}

enum Kind {
    Module {
        name: String,
        verilog: PathBuf,
        shim: String,
    },
    Runtime {
        source: PathBuf,
    },
}

/// Compiler flags. The Verilated code is optimised in every profile: an unoptimised NIC runs at a twentieth of the speed.
fn flags(config: &Config) -> Vec<String> {
    let mut flags: Vec<String> = [
        "-std=c++17",
        "-O3",
        "-march=native",
        "-fno-strict-aliasing",
        "-w",
        "-fPIC",
        "-c",
    ]
    .map(String::from)
    .to_vec();
    flags.push(format!("-I{}", config.include.display()));
    flags.push(format!("-I{}", config.include.join("vltstd").display()));
    if config.wave {
        flags.extend(["-DVM_TRACE=1".into(), "-DVM_TRACE_FST=1".into()]);
    }
    flags
}

/// The object of a module and its shim.
pub(crate) fn module(config: &Config, module: &Emitted) -> Job {
    let verilog = config
        .out
        .join("verilog")
        .join(format!("{}.v", module.name));
    cache::write_if_different(&verilog, &module.verilog)
        .unwrap_or_else(|e| crate::fail(&format!("cannot write {}: {e}", verilog.display())));
    let shim = shim::cpp(module, config.wave);
    let key = cache::key(&[
        &module.verilog,
        &shim,
        &config.version,
        &verilate::FLAGS.join(" "),
        &flags(config).join(" "),
    ]);
    Job {
        object: config.out.join("obj").join(format!("{}.o", module.name)),
        key,
        kind: Kind::Module {
            name: module.name.clone(),
            verilog,
            shim,
        },
    }
}

/// The objects of Verilator's own runtime.
pub(crate) fn runtime(config: &Config) -> Vec<Job> {
    let mut sources = vec!["verilated.cpp", "verilated_threads.cpp"];
    if config.wave {
        sources.push("verilated_fst_c.cpp");
    }
    sources
        .into_iter()
        .map(|source| Job {
            object: config
                .out
                .join("obj")
                .join(Path::new(source).with_extension("o")),
            key: cache::key(&[source, &config.version, &flags(config).join(" ")]),
            kind: Kind::Runtime {
                source: config.include.join(source),
            },
        })
        .collect()
}

/// Makes what is stale; answers all objects, in the order of the jobs.
pub(crate) fn run_all(
    config: &Config,
    tool: &verilate::Verilator,
    jobs: Vec<Job>,
) -> Result<Vec<PathBuf>, Vec<String>> {
    let stale: Vec<&Job> = jobs
        .iter()
        .filter(|job| !cache::is_fresh(&job.object, &job.key))
        .collect();
    let workers = env::var("NUM_JOBS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
        .min(stale.len());
    let compiler = cc::Build::new()
        .cpp(true)
        .cargo_metadata(false)
        .get_compiler();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = stale.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(message) = make(config, tool, &compiler, job) {
                        failures.lock().expect("no worker panics").push(message);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no worker panics");
    if failures.is_empty() {
        Ok(jobs.into_iter().map(|job| job.object).collect())
    } else {
        Err(failures)
    }
}

fn make(
    config: &Config,
    tool: &verilate::Verilator,
    compiler: &cc::Tool,
    job: &Job,
) -> Result<(), String> {
    let source = match &job.kind {
        Kind::Module {
            name,
            verilog,
            shim,
        } => {
            let folder = config.out.join("cpp").join(name);
            amalgamate(config, tool, name, verilog, shim, &folder)?
        }
        Kind::Runtime { source } => source.clone(),
    };
    let folder = source.parent().map(Path::to_path_buf).unwrap_or_default();
    let output = compile_command(compiler)
        .args(flags(config))
        .arg(format!("-I{}", folder.display()))
        .arg(&source)
        .arg("-o")
        .arg(&job.object)
        .output()
        .map_err(|e| {
            format!("cannot run the C++ compiler: {e}; install it: apt-get install g++")
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said
            .lines()
            .find(|l| l.contains("error"))
            .unwrap_or("no message");
        return Err(format!(
            "C++ of {} does not compile: {first}",
            source.display()
        ));
    }
    cache::stamp(&job.object, &job.key).map_err(|e| e.to_string())
}

/// The compiler without the profile's flags: they would lower the optimisation.
fn compile_command(compiler: &cc::Tool) -> Command {
    Command::new(compiler.path())
}

/// Verilates, then joins the module's sources and its shim to one translation unit: the runtime's headers cost a second.
fn amalgamate(
    config: &Config,
    tool: &verilate::Verilator,
    name: &str,
    verilog: &Path,
    shim: &str,
    folder: &Path,
) -> Result<PathBuf, String> {
    let io = |e: std::io::Error| format!("cannot write {}: {e}", folder.display());
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(io)?;
    tool.run(name, verilog, folder, config.wave)?;
    let mut sources: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(io)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "cpp"))
        .collect();
    sources.sort();
    let mut text: String = sources
        .iter()
        .filter_map(|path| path.file_name())
        .map(|file| format!("#include \"{}\"\n", file.to_string_lossy()))
        .collect();
    text += shim;
    let unit = folder.join("unit.cc");
    fs::write(&unit, text).map_err(io)?;
    Ok(unit)
}
