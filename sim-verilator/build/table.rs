//! The Rust table of the modules in the library.

use longshore_hdl::emit::{Direction, Emitted};
use std::fmt::Write as _;

/// Declarations of all shims and `MODULES`, for the `ffi` module to include.
pub(crate) fn rust(modules: &[Emitted]) -> String {
    let mut text = String::from("unsafe extern \"C\" {\n");
    for m in modules {
        let name = &m.name;
        let _ = write!(
            text,
            "    fn longshore_{name}_new(ports: *mut *mut c_void) -> *mut c_void;
    fn longshore_{name}_free(instance: *mut c_void);
    fn longshore_{name}_eval(instance: *mut c_void, time: u64);
    fn longshore_{name}_run(instance: *mut c_void, clock: *mut u8, cycles: u64, time: u64, half: u64, \
             stops: *const *const u8, stop_count: usize) -> u64;
    fn longshore_{name}_trace(instance: *mut c_void, path: *const c_char) -> c_int;
"
        );
    }
    text += "}\nstatic MODULES: &[Module] = &[\n";
    for m in modules {
        let name = &m.name;
        let _ = write!(
            text,
            "    Module {{ name: \"{name}\", new: longshore_{name}_new, free: longshore_{name}_free, eval: longshore_{name}_eval, \
             run: longshore_{name}_run, trace: longshore_{name}_trace, ports: &["
        );
        for p in &m.ports {
            let _ = write!(
                text,
                "Port {{ name: \"{}\", width: {}, input: {} }}, ",
                p.name,
                p.width,
                p.direction == Direction::Input
            );
        }
        text += "] },\n";
    }
    text + "];\n"
}
