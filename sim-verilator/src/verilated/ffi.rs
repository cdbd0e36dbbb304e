//! The C ABI of the Verilated library: the only unsafe code of this crate.

use super::{Port, PortId, VerilatedError};
use std::ffi::{CString, c_char, c_int, c_void};

/// One module of the library.
struct Module {
    name: &'static str,
    ports: &'static [Port],
    new: unsafe extern "C" fn(*mut *mut c_void) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    eval: unsafe extern "C" fn(*mut c_void, u64),
    run: unsafe extern "C" fn(*mut c_void, *mut u8, u64, u64, u64, *const *const u8, usize) -> u64,
    trace: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
}

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// Outcome of opening a waveform.
pub(super) enum Trace {
    Open,
    NotCompiledIn,
    Failed,
}

/// One instance of a Verilated module.
pub struct Verilated {
    module: &'static Module,
    /// Made by `module.new`, freed by `module.free` in `drop` only.
    instance: *mut c_void,
    /// For each port where the instance keeps it: 1, 2, 4 or 8 bytes up to 8, 16, 32, 64 bits, else 32-bit words.
    places: Vec<*mut c_void>,
    time: u64,
}

// SAFETY: an instance owns its Verilator context and all it points to; the shim has no thread-local or shared state.
unsafe impl Send for Verilated {}

impl Verilated {
    /// A fresh instance of the module `name`, evaluated once with all inputs zero.
    ///
    /// # Errors
    /// [`VerilatedError::NoModule`].
    pub fn new(name: &str) -> Result<Self, VerilatedError> {
        let module = MODULES
            .iter()
            .find(|m| m.name == name)
            .ok_or_else(|| VerilatedError::NoModule(name.to_owned()))?;
        let mut places = vec![std::ptr::null_mut(); module.ports.len()];
        // SAFETY: the shim writes exactly one pointer per port; the table and the shim come from the same list.
        let instance = unsafe { (module.new)(places.as_mut_ptr()) };
        let mut this = Self {
            module,
            instance,
            places,
            time: 0,
        };
        this.eval();
        Ok(this)
    }

    /// The module's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.module.name
    }

    /// The module's ports.
    #[must_use]
    pub fn ports(&self) -> &'static [Port] {
        self.module.ports
    }

    /// Simulated time in picoseconds: what waveforms show.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Sets the simulated time, in picoseconds, of the evaluations that follow.
    pub fn set_time(&mut self, picoseconds: u64) {
        self.time = picoseconds;
    }

    /// Lets the outputs follow the inputs, and registers the clocks that rose since the last evaluation.
    #[inline]
    pub fn eval(&mut self) {
        // SAFETY: `instance` is alive until `drop`, and `&mut self` makes this the only use of it.
        unsafe { (self.module.eval)(self.instance, self.time) }
    }

    /// The value of a port; of one wider than 64 bits the low 64 bits.
    #[inline]
    #[must_use]
    pub fn get(&self, port: PortId) -> u64 {
        let place = self.places[port.0];
        match self.module.ports[port.0].width {
            // SAFETY: Verilator keeps ports of 1 to 8 bits as one byte, which lives as long as the instance.
            1..=8 => u64::from(unsafe { place.cast::<u8>().read() }),
            // SAFETY: ... of 9 to 16 bits as an aligned u16.
            9..=16 => u64::from(unsafe { place.cast::<u16>().read() }),
            // SAFETY: ... of 17 to 32 bits as an aligned u32.
            17..=32 => u64::from(unsafe { place.cast::<u32>().read() }),
            // SAFETY: ... of 33 to 64 bits as an aligned u64.
            33..=64 => unsafe { place.cast::<u64>().read() },
            _ => {
                let words = self.wide(port);
                u64::from(words[0]) | (u64::from(words[1]) << 32)
            }
        }
    }

    /// Sets an input; bits above its width are dropped, and of one wider than 64 bits the high bits become zero. Effective
    /// at the next evaluation.
    ///
    /// # Panics
    /// If the port is an output: a mistake of the test bench.
    #[inline]
    pub fn set(&mut self, port: PortId, value: u64) {
        let Port { name, width, input } = self.module.ports[port.0];
        assert!(input, "{}: port {name} is an output", self.module.name);
        let value = if width < 64 {
            value & ((1 << width) - 1)
        } else {
            value
        };
        let place = self.places[port.0];
        match width {
            // SAFETY: as in `get`; `&mut self` makes this the only access.
            1..=8 => unsafe { place.cast::<u8>().write(value as u8) },
            // SAFETY: as above.
            9..=16 => unsafe { place.cast::<u16>().write(value as u16) },
            // SAFETY: as above.
            17..=32 => unsafe { place.cast::<u32>().write(value as u32) },
            // SAFETY: as above.
            33..=64 => unsafe { place.cast::<u64>().write(value) },
            _ => {
                let words = self.wide_mut(port);
                words.fill(0);
                words[0] = value as u32;
                words[1] = (value >> 32) as u32;
            }
        }
    }

    /// The value of a port as 32-bit words, the least significant first.
    #[must_use]
    pub fn words(&self, port: PortId) -> Vec<u32> {
        match self.module.ports[port.0].width {
            0..=32 => vec![self.get(port) as u32],
            33..=64 => {
                let value = self.get(port);
                vec![value as u32, (value >> 32) as u32]
            }
            _ => self.wide(port).to_vec(),
        }
    }

    /// Sets an input from 32-bit words, the least significant first; missing words are zero, bits above the width dropped.
    ///
    /// # Panics
    /// If the port is an output: a mistake of the test bench.
    pub fn set_words(&mut self, port: PortId, value: &[u32]) {
        let Port { name, width, input } = self.module.ports[port.0];
        assert!(input, "{}: port {name} is an output", self.module.name);
        let word = |i: usize| value.get(i).copied().unwrap_or(0);
        if width <= 64 {
            self.set(port, u64::from(word(0)) | (u64::from(word(1)) << 32));
            return;
        }
        let words = self.wide_mut(port);
        for (i, place) in words.iter_mut().enumerate() {
            *place = word(i);
        }
        if let Some(last) = words.last_mut().filter(|_| width % 32 != 0) {
            *last &= (1 << (width % 32)) - 1;
        }
    }

    fn wide(&self, port: PortId) -> &[u32] {
        let words = self.module.ports[port.0].width.div_ceil(32);
        // SAFETY: Verilator keeps ports above 64 bits as that many u32, which live as long as the instance.
        unsafe { std::slice::from_raw_parts(self.places[port.0].cast(), words) }
    }

    fn wide_mut(&mut self, port: PortId) -> &mut [u32] {
        let words = self.module.ports[port.0].width.div_ceil(32);
        // SAFETY: as in `wide`; `&mut self` makes this the only access.
        unsafe { std::slice::from_raw_parts_mut(self.places[port.0].cast(), words) }
    }

    /// Runs up to `cycles` cycles of `period` picoseconds in one call: `clock` rises, then falls, with all other inputs
    /// held. Ends early after a cycle in which one of the one-bit ports `stops` is high. Answers the cycles run.
    ///
    /// # Panics
    /// If `clock` is not a one-bit input or a stop is wider than one bit: mistakes of the test bench.
    pub fn run(&mut self, clock: PortId, cycles: u64, period: u64, stops: &[PortId]) -> u64 {
        let ports = self.module.ports;
        assert!(
            ports[clock.0].input && ports[clock.0].width == 1,
            "{} is no clock",
            ports[clock.0].name
        );
        let stops: Vec<*const u8> = stops
            .iter()
            .map(|s| {
                assert_eq!(
                    ports[s.0].width, 1,
                    "{} is wider than one bit",
                    ports[s.0].name
                );
                self.places[s.0].cast_const().cast()
            })
            .collect();
        // SAFETY: `instance` is alive; clock and stops are one-byte ports of it (checked above); the slice outlives the call.
        let done = unsafe {
            (self.module.run)(
                self.instance,
                self.places[clock.0].cast(),
                cycles,
                self.time,
                period / 2,
                stops.as_ptr(),
                stops.len(),
            )
        };
        self.time += done * (period / 2 * 2);
        done
    }

    pub(super) fn open_trace(&mut self, path: &[u8]) -> Trace {
        let Ok(path) = CString::new(path) else {
            return Trace::Failed;
        };
        // SAFETY: `instance` is alive and the path a terminated string that outlives the call.
        match unsafe { (self.module.trace)(self.instance, path.as_ptr()) } {
            0 => Trace::Open,
            1 => Trace::NotCompiledIn,
            _ => Trace::Failed,
        }
    }
}

impl Drop for Verilated {
    fn drop(&mut self) {
        // SAFETY: made by this module's `new` and freed here only; `places` die with it.
        unsafe { (self.module.free)(self.instance) }
    }
}

impl std::fmt::Debug for Verilated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verilated")
            .field("module", &self.module.name)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
