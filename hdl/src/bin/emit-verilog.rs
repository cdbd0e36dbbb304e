//! Writes the Verilog of every module of the catalogue into a folder, one file per module.
//!
//! A file whose text has not changed is left alone, so that its time of change still tells something.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: emit-verilog FOLDER");
        return ExitCode::FAILURE;
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> Result<(), String> {
    std::fs::create_dir_all(folder)
        .map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    for entry in longshore_hdl::catalog::entries() {
        let emitted = (entry.emit)().map_err(|e| e.to_string())?;
        let path = folder.join(format!("{}.v", emitted.name));
        if std::fs::read_to_string(&path).is_ok_and(|old| old == emitted.verilog) {
            continue;
        }
        std::fs::write(&path, emitted.verilog)
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}
