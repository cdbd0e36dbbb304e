//! A module as Verilog text.

use rust_hdl_core::check_error::{CheckError, PathedName};
use rust_hdl_core::prelude::*;
use thiserror::Error;

/// Which way a port of the top module points.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Driven from outside.
    Input,
    /// Driven by the module.
    Output,
}

/// A port of the top module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its Verilog name; parts of an interface or an array are joined by `$`, as in `s$tdata`.
    pub name: String,
    /// In bits.
    pub width: usize,
    /// Which way it points.
    pub direction: Direction,
}

/// A module and all below it as Verilog.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// Name of the top module; modules below it are named `top$field$…`.
    pub name: String,
    /// The text: deterministic, so equal designs give equal bytes.
    pub verilog: String,
    /// Ports in the order of declaration.
    pub ports: Vec<Port>,
}

/// Why a module cannot be emitted.
#[derive(Debug, Error)]
pub enum EmitError {
    /// A signal has no driver.
    #[error(
        "{module}: nothing drives {signals}; assign every output, every Local and every input of a sub-module"
    )]
    Undriven {
        /// The top module.
        module: String,
        /// The signals, by path.
        signals: String,
    },
    /// Combinational logic feeds itself.
    #[error("{module}: combinational loop through {signals}; break it with a register")]
    Loop {
        /// The top module.
        module: String,
        /// The signals, by path.
        signals: String,
    },
    /// A kernel assigns its own input.
    #[error("{module}: kernel writes its own inputs {signals}; drive an output or a Local")]
    WritesInput {
        /// The top module.
        module: String,
        /// The signals, by path.
        signals: String,
    },
    /// The name is no Verilog identifier.
    #[error(
        "{name:?} cannot name a module: use lower-case letters, digits and '_', a letter first"
    )]
    Name {
        /// The name given.
        name: String,
    },
}

fn paths<'a>(names: impl Iterator<Item = &'a PathedName>) -> String {
    let mut list: Vec<String> = names.map(|n| format!("{}.{}", n.path, n.name)).collect();
    list.sort();
    list.join(", ")
}

fn explain(module: &str, error: CheckError) -> EmitError {
    let module = module.to_owned();
    match error {
        CheckError::OpenSignal(map) => EmitError::Undriven {
            module,
            signals: paths(map.values()),
        },
        CheckError::LogicLoops(list) => EmitError::Loop {
            module,
            signals: paths(list.iter()),
        },
        CheckError::WritesToInputs(list) => EmitError::WritesInput {
            module,
            signals: paths(list.iter()),
        },
    }
}

/// Connects and checks `top` and prints it, with everything below it, as Verilog under `name`.
///
/// # Errors
/// See [`EmitError`].
pub fn emit<T: Block>(name: &str, top: &mut T) -> Result<Emitted, EmitError> {
    let mut chars = name.chars();
    if !chars.next().is_some_and(|c| c.is_ascii_lowercase())
        || !chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    {
        return Err(EmitError::Name {
            name: name.to_owned(),
        });
    }
    top.connect_all();
    check_all(top).map_err(|e| explain(name, e))?;
    let mut defines = ModuleDefines::default();
    top.accept(name, &mut defines);
    Ok(Emitted {
        name: name.to_owned(),
        verilog: tidy(&defines.defines()),
        ports: ports(top),
    })
}

/// The ports of `top`, in the order of declaration.
pub fn ports<T: Block>(top: &T) -> Vec<Port> {
    let mut list = PortList::default();
    top.accept("top", &mut list);
    list.ports
}

/// rust-hdl leaves trailing blanks and runs of blank lines; without them differences read better.
fn tidy(verilog: &str) -> String {
    let mut text = String::with_capacity(verilog.len());
    let mut blank = true;
    for line in verilog.lines().map(str::trim_end) {
        if !(line.is_empty() && blank) {
            text.push_str(line);
            text.push('\n');
        }
        blank = line.is_empty();
    }
    text
}

#[derive(Default)]
struct PortList {
    depth: usize,
    namespace: Vec<String>,
    ports: Vec<Port>,
}

impl Probe for PortList {
    fn visit_start_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth += 1;
    }
    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth -= 1;
    }
    fn visit_start_namespace(&mut self, name: &str, _node: &dyn Block) {
        self.namespace.push(name.to_owned());
    }
    fn visit_end_namespace(&mut self, _name: &str, _node: &dyn Block) {
        self.namespace.pop();
    }
    fn visit_atom(&mut self, name: &str, signal: &dyn Atom) {
        if self.depth != 1 || !signal.kind().is_parameter() {
            return;
        }
        let mut full = self.namespace.clone();
        full.push(name.to_owned());
        let direction = if signal.kind() == AtomKind::InputParameter {
            Direction::Input
        } else {
            Direction::Output
        };
        self.ports.push(Port {
            name: full.join("$"),
            width: signal.bits(),
            direction,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::skid::AxisSkid;

    #[test]
    fn emitting_twice_gives_equal_text() {
        let first = emit("axis_skid", &mut AxisSkid::default()).unwrap();
        let second = emit("axis_skid", &mut AxisSkid::default()).unwrap();
        assert_eq!(first.verilog, second.verilog);
        assert!(first.verilog.contains("module axis_skid("));
    }

    #[test]
    fn interface_ports_are_listed_with_their_full_names() {
        let ports = ports(&AxisSkid::default());
        assert_eq!(
            ports[2],
            Port {
                name: "s$tdata".into(),
                width: 64,
                direction: Direction::Input
            }
        );
        assert!(ports.contains(&Port {
            name: "m$tready".into(),
            width: 1,
            direction: Direction::Input
        }));
        assert!(ports.contains(&Port {
            name: "s$tready".into(),
            width: 1,
            direction: Direction::Output
        }));
    }

    #[derive(LogicBlock, Default)]
    struct Open {
        a: Signal<In, Bit>,
        y: Signal<Out, Bit>,
    }
    impl Logic for Open {
        #[hdl_gen]
        fn update(&mut self) {}
    }

    #[test]
    fn an_undriven_output_is_an_error_that_names_it() {
        #[derive(LogicBlock, Default)]
        struct Outer {
            a: Signal<In, Bit>,
            y: Signal<Out, Bit>,
            open: Open,
        }
        impl Logic for Outer {
            #[hdl_gen]
            fn update(&mut self) {
                self.open.a.next = self.a.val();
                self.y.next = self.open.y.val();
            }
        }
        let message = emit("outer", &mut Outer::default())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("open") && message.contains("drive"),
            "{message}"
        );
    }

    #[test]
    fn a_name_that_is_no_identifier_is_refused() {
        assert!(matches!(
            emit("9x", &mut Open::default()),
            Err(EmitError::Name { .. })
        ));
        assert!(matches!(
            emit("", &mut Open::default()),
            Err(EmitError::Name { .. })
        ));
    }
}
