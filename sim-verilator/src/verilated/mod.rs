//! The gateware's modules as compiled by Verilator.
//!
//! All modules of `longshore_hdl::catalog` are in one library. A [`Verilated`] is one instance of one module: set its
//! inputs, evaluate, read its outputs. Instances share nothing.
//!
//! ```
//! use sim_verilator::verilated::Verilated;
//! let mut skid = Verilated::new("axis_skid").unwrap();
//! let [clock, ready] = [skid.port("clock").unwrap(), skid.port("s$tready").unwrap()];
//! assert_eq!(skid.run(clock, 10, 4_000, &[ready]), 1); // ready after the first rising edge
//! assert_eq!(skid.get(ready), 1);
//! ```

#[allow(
    unsafe_code,
    reason = "the C ABI of the Verilated library, and nothing else"
)]
mod ffi;

use std::path::Path;
use thiserror::Error;

pub use ffi::Verilated;

/// A port of a Verilated module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its Verilog name; parts of an interface or an array are joined by `$`, as in `s$tdata`.
    pub name: &'static str,
    /// In bits.
    pub width: usize,
    /// Whether it is driven from outside.
    pub input: bool,
}

/// A port of one instance's module, by index into [`Verilated::ports`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortId(pub usize);

/// What can go wrong around a Verilated module.
#[derive(Debug, Error)]
pub enum VerilatedError {
    /// The library has no such module.
    #[error(
        "no Verilated module {0:?}; list it in its folder's catalogue (docs/GATEWARE-TESTING.md)"
    )]
    NoModule(String),
    /// The module has no such port.
    #[error("module {module} has no port {port:?}; it has {ports}")]
    NoPort {
        /// The module.
        module: &'static str,
        /// The name asked for.
        port: String,
        /// The names there are.
        ports: String,
    },
    /// Built without waveforms.
    #[error("waveforms are not compiled in; build with --features wave")]
    NoWave,
    /// The waveform file cannot be written.
    #[error("cannot write the waveform {0}; check the folder")]
    Trace(String),
}

impl Verilated {
    /// The port of that name.
    ///
    /// # Errors
    /// [`VerilatedError::NoPort`].
    pub fn port(&self, name: &str) -> Result<PortId, VerilatedError> {
        self.ports()
            .iter()
            .position(|p| p.name == name)
            .map(PortId)
            .ok_or_else(|| VerilatedError::NoPort {
                module: self.name(),
                port: name.to_owned(),
                ports: self
                    .ports()
                    .iter()
                    .map(|p| p.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// Writes every signal's changes to the FST file `path` from now on; the time unit is one picosecond.
    ///
    /// # Errors
    /// [`VerilatedError::NoWave`] without the `wave` feature, [`VerilatedError::Trace`] if the file cannot be written.
    pub fn trace(&mut self, path: &Path) -> Result<(), VerilatedError> {
        let text = path.display().to_string();
        match self.open_trace(path.as_os_str().as_encoded_bytes()) {
            ffi::Trace::Open => Ok(()),
            ffi::Trace::NotCompiledIn => Err(VerilatedError::NoWave),
            ffi::Trace::Failed => Err(VerilatedError::Trace(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_module_is_an_error() {
        let error = Verilated::new("no_such_module").err().unwrap();
        assert!(error.to_string().contains("no_such_module"), "{error}");
    }

    #[test]
    fn an_unknown_port_is_an_error_that_lists_the_ports() {
        let error = Verilated::new("axis_skid")
            .unwrap()
            .port("tdatta")
            .unwrap_err();
        assert!(error.to_string().contains("s$tdata"), "{error}");
    }

    #[test]
    fn values_above_64_bits_go_in_and_come_out() {
        let mut ram = Verilated::new("bram_72x9").unwrap();
        let p = |ram: &Verilated, name| ram.port(name).unwrap();
        let (clock, wdata, rdata, wen) = (
            p(&ram, "clock"),
            p(&ram, "wdata"),
            p(&ram, "rdata"),
            p(&ram, "wen"),
        );
        ram.set_words(wdata, &[0x8899_aabb, 0x4455_6677, 0x33]);
        ram.set(wen, 1);
        ram.run(clock, 1, 8_000, &[]);
        ram.set(wen, 0);
        ram.run(clock, 2, 8_000, &[]);
        assert_eq!(ram.words(rdata), [0x8899_aabb, 0x4455_6677, 0x33]);
    }

    #[cfg(not(feature = "wave"))]
    #[test]
    fn a_waveform_without_the_feature_is_an_error() {
        let mut skid = Verilated::new("axis_skid").unwrap();
        assert!(matches!(
            skid.trace(Path::new("skid.fst")),
            Err(VerilatedError::NoWave)
        ));
    }

    #[cfg(feature = "wave")]
    #[test]
    fn a_waveform_is_written() {
        let path = std::env::temp_dir().join(format!("longshore-wave-{}.fst", std::process::id()));
        let mut skid = Verilated::new("axis_skid").unwrap();
        skid.trace(&path).unwrap();
        let clock = skid.port("clock").unwrap();
        skid.run(clock, 100, 8_000, &[]);
        drop(skid);
        let size = std::fs::metadata(&path).unwrap().len();
        std::fs::remove_file(&path).unwrap();
        assert!(size > 100, "{size} bytes");
    }
}
