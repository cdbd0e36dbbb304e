//! The protocol checker on every stream among a module's ports.

use crate::probe::Value;
use longshore_hdl::{
    emit::Port,
    stream::checker::{Sample, StreamChecker, Violation},
};

/// A stream among the ports: those named `<name>$tdata`, `<name>$tkeep`, …
pub(crate) struct Stream {
    pub(crate) name: String,
    /// Number of its clock.
    pub(crate) clock: usize,
    /// Port of its domain's reset, if it has one.
    pub(crate) reset: Option<usize>,
    pub(crate) checker: StreamChecker,
    tdata: usize,
    tkeep: usize,
    tlast: usize,
    tvalid: usize,
    tready: usize,
}

/// All streams among `ports`.
pub(crate) fn find(ports: &[Port]) -> Vec<Stream> {
    let at = |name: &str| ports.iter().position(|p| p.name == name);
    let reset = at("reset");
    ports
        .iter()
        .filter_map(|port| port.name.strip_suffix("$tvalid"))
        .filter_map(|name| {
            Some(Stream {
                name: name.to_owned(),
                clock: 0,
                reset,
                checker: StreamChecker::new(name),
                tdata: at(&format!("{name}$tdata"))?,
                tkeep: at(&format!("{name}$tkeep"))?,
                tlast: at(&format!("{name}$tlast"))?,
                tvalid: at(&format!("{name}$tvalid"))?,
                tready: at(&format!("{name}$tready"))?,
            })
        })
        .collect()
}

impl Stream {
    /// Checks the values before a rising edge of the stream's clock.
    pub(crate) fn check(&mut self, values: &[Value]) -> Result<(), Violation> {
        let bit = |port: usize| values[port][0] & 1 == 1;
        let data = &values[self.tdata];
        let sample = Sample {
            tdata: u64::from(data[0]) | u64::from(data[1]) << 32,
            tkeep: values[self.tkeep][0] as u8,
            tlast: bit(self.tlast),
            tvalid: bit(self.tvalid),
            tready: bit(self.tready),
        };
        self.checker.sample(sample, self.reset.is_some_and(bit))
    }
}
