//! The C-ABI shim of a Verilated module.

use longshore_hdl::emit::Emitted;
use std::fmt::Write as _;

/// The C++ member Verilator makes of a Verilog name.
fn member(port: &str) -> String {
    let mut text = String::new();
    for c in port.chars() {
        if c == '_' && text.ends_with('_') {
            text.push_str("__05F");
        } else if c.is_ascii_alphanumeric() || c == '_' {
            text.push(c);
        } else {
            let _ = write!(text, "__0{:02X}", c as u32);
        }
    }
    text
}

/// The shim's text. The instance owns its context, so instances share nothing and may live on different threads.
pub(crate) fn cpp(module: &Emitted, wave: bool) -> String {
    let name = &module.name;
    let mut ports = String::new();
    for port in &module.ports {
        let field = member(&port.name);
        let place = if port.width > 64 {
            format!("&top.{field}[0]")
        } else {
            format!("&top.{field}")
        };
        let _ = writeln!(ports, "        *ports++ = {place};");
    }
    let (include, member, dump, open) = if wave {
        (
            "#include \"verilated_fst_c.h\"\n",
            "    VerilatedFstC fst;\n    bool tracing = false;\n    uint64_t dumped = 0;\n",
            // Several evaluations at one time (clocks that coincide, inputs between edges) follow each other by a
            // picosecond in the waveform, which takes each time only once.
            "        if (tracing) {\n            dumped = context.time() > dumped ? context.time() : dumped + 1;\n            \
             fst.dump(dumped);\n        }\n",
            "    it->context.traceEverOn(true);\n    it->top.trace(&it->fst, 99);\n    it->fst.open(path);\n    \
             it->tracing = it->fst.isOpen();\n    return it->tracing ? 0 : 2;\n",
        )
    } else {
        ("", "", "", "    (void)it; (void)path;\n    return 1;\n")
    };
    let close = if wave {
        "    if (it->tracing) it->fst.close();\n"
    } else {
        ""
    };
    // The multi-cycle loop stops after the cycle in which one of the watched one-bit ports is high.
    format!(
        r#"#include "V{name}.h"
{include}#include <cstdint>
#include <cstddef>
namespace {{
struct Instance {{
    VerilatedContext context;
    V{name} top;
{member}    Instance() : top(&context, "{name}") {{}}
    void ports(void** ports) {{
{ports}        (void)ports;
    }}
    void eval() {{
        top.eval();
{dump}    }}
}};
}}
extern "C" {{
void* longshore_{name}_new(void** ports) {{
    Instance* it = new Instance;
    it->ports(ports);
    return it;
}}
void longshore_{name}_free(void* self) {{
    Instance* it = static_cast<Instance*>(self);
{close}    it->top.final();
    delete it;
}}
void longshore_{name}_eval(void* self, uint64_t time) {{
    Instance* it = static_cast<Instance*>(self);
    it->context.time(time);
    it->eval();
}}
uint64_t longshore_{name}_run(void* self, uint8_t* clock, uint64_t cycles, uint64_t time, uint64_t half,
                              const uint8_t* const* stops, size_t stop_count) {{
    Instance* it = static_cast<Instance*>(self);
    for (uint64_t done = 0; done < cycles;) {{
        *clock = 1;
        it->context.time(time);
        it->eval();
        *clock = 0;
        it->context.time(time + half);
        it->eval();
        time += 2 * half;
        ++done;
        for (size_t i = 0; i < stop_count; ++i)
            if (*stops[i]) return done;
    }}
    return cycles;
}}
int longshore_{name}_trace(void* self, const char* path) {{
    Instance* it = static_cast<Instance*>(self);
{open}}}
}}
"#
    )
}
