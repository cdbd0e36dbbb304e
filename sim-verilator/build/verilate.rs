//! The Verilator tool.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Flags besides prefix and paths. Single-threaded: two threads on shared cores are several times slower. Every warning is
/// an error, circles of combinational logic among them: they cost half of the speed. Verilator orders `always` blocks and splits
/// them by what depends on what; tables would join them again. WIDTH is off because rust-hdl prints plain literals, which Verilog takes as 32 bits wide, UNUSED and the
/// naming rules because generated text has unused enum constants and several modules per file, UNSIGNED and CMPCONST because
/// unrolled loops compare with 0 and with the highest number too.
pub(crate) const FLAGS: &[&str] = &[
    "--cc",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "-fno-table",
    "-Wall",
    "-Wno-WIDTH",
    "-Wno-UNUSED",
    "-Wno-DECLFILENAME",
    "-Wno-VARHIDDEN",
    "-Wno-UNSIGNED",
    "-Wno-CMPCONST",
];

/// Where Verilator is.
pub(crate) struct Verilator {
    program: String,
    /// The C++ runtime.
    pub(crate) include: PathBuf,
    /// What `--version` says.
    pub(crate) version: String,
}

impl Verilator {
    /// Finds `$VERILATOR`, or `verilator` on the path.
    pub(crate) fn find() -> Result<Self, String> {
        let program = env::var("VERILATOR").unwrap_or_else(|_| "verilator".into());
        let run = |argument: &[&str]| {
            Command::new(&program)
                .args(argument)
                .output()
                .ok()
                .filter(|o| o.status.success())
                .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
        };
        let missing =
            || format!("Verilator ({program}) does not run; install it: apt-get install verilator");
        let version = run(&["--version"]).ok_or_else(missing)?;
        let root = run(&["--getenv", "VERILATOR_ROOT"]).ok_or_else(missing)?;
        let include = Path::new(&root).join("include");
        if !include.join("verilated.cpp").exists() {
            return Err(format!(
                "Verilator's runtime is not at {}; reinstall: apt-get install verilator",
                include.display()
            ));
        }
        Ok(Self {
            program,
            include,
            version,
        })
    }

    /// Makes C++ of the module `name` in `verilog`, in `folder`; answers what Verilator says if it refuses.
    pub(crate) fn run(
        &self,
        name: &str,
        verilog: &Path,
        folder: &Path,
        wave: bool,
    ) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command
            .args(FLAGS)
            .arg("--top-module")
            .arg(name)
            .arg("--prefix")
            .arg(format!("V{name}"));
        command.arg("--Mdir").arg(folder);
        if wave {
            command.args(["--trace-fst", "--trace-structs"]);
        }
        let output = command
            .arg(verilog)
            .output()
            .map_err(|e| format!("cannot run Verilator: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<&str> = said
            .lines()
            .filter(|l| l.starts_with('%'))
            .take(4)
            .collect();
        Err(format!(
            "Verilator refuses module {name}: {} (Verilog: {})",
            complaints.join(" "),
            verilog.display()
        ))
    }
}
