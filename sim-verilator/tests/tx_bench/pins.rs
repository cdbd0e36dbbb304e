//! The bench's values at the pins of the module, in rust-hdl and in Verilator.

use super::host::{Host, Inputs, Outputs, QUEUES};
use longshore_hdl::{bits::from_u128, stream::checker::Sample, tx::Tx};
use rand::Rng;
use sim_verilator::verilated::{PortId, Verilated};

/// Sets the inputs of the rust-hdl model.
pub(crate) fn set<const R: usize, const S: usize>(dut: &mut Tx<QUEUES, R, S>, inputs: &Inputs) {
    dut.run.next = u64::from(inputs.run).into();
    dut.whole.next = u64::from(inputs.whole).into();
    dut.open.next = u64::from(inputs.open).into();
    for q in 0..QUEUES {
        let (data, index) = inputs.sq[q].unwrap_or_default();
        dut.sq[q].data.next = from_u128(data);
        dut.sq[q].index.next = u64::from(index).into();
        dut.sq[q].valid.next = inputs.sq[q].is_some();
    }
    dut.rd_req.ready.next = inputs.rd_req_ready;
    let (data, last, err) = inputs.rd_rsp.unwrap_or_default();
    dut.rd_rsp.data.next = data.into();
    dut.rd_rsp.tag.next = 2_u64.into();
    dut.rd_rsp.last.next = last;
    dut.rd_rsp.err.next = err;
    dut.rd_rsp.valid.next = inputs.rd_rsp.is_some();
    dut.m.tready.next = inputs.m_ready;
    dut.completion.ready.next = inputs.completion_ready;
    dut.fault.ready.next = inputs.fault_ready;
}

/// Reads the outputs of the rust-hdl model.
pub(crate) fn get<const R: usize, const S: usize>(dut: &Tx<QUEUES, R, S>) -> Outputs {
    Outputs {
        sq_ready: std::array::from_fn(|q| dut.sq[q].ready.val()),
        rd_req: dut.rd_req.valid.val().then(|| {
            (
                dut.rd_req.addr.val().to_u64(),
                dut.rd_req.len.val().to_u16(),
                dut.rd_req.tag.val().to_u8(),
            )
        }),
        rd_rsp_ready: dut.rd_rsp.ready.val(),
        m: Sample {
            tdata: dut.m.tdata.val().to_u64(),
            tkeep: dut.m.tkeep.val().to_u8(),
            tlast: dut.m.tlast.val(),
            tvalid: dut.m.tvalid.val(),
            tready: false,
        },
        completion: dut.completion.valid.val().then(|| {
            (
                dut.completion.data.val().to_u128(),
                dut.completion.queue.val().to_u8(),
            )
        }),
        fault: dut.fault.valid.val().then(|| {
            (
                dut.fault.queue.val().to_u8(),
                dut.fault.cause.val().to_u8(),
                dut.fault.index.val().to_u16(),
            )
        }),
        stat: dut.stat.val().to_u32(),
        stat_bytes: dut.stat_bytes.val().to_u16(),
        busy: dut.busy.val().to_u8(),
        claim: dut.claim.val().to_u8(),
        waive: dut.waive.val().to_u8(),
    }
}

macro_rules! pins {
    ($($name:ident = $port:literal),+ $(,)?) => {
        struct Pins { sq: [[PortId; 4]; QUEUES], $($name: PortId),+ }
        impl Pins {
            fn new(dut: &Verilated) -> Self {
                let port = |name: &str| dut.port(name).unwrap_or_else(|e| panic!("{e}"));
                Self {
                    sq: std::array::from_fn(|q| {
                        ["data", "index", "valid", "ready"].map(|n| port(&format!("sq${q}${n}")))
                    }),
                    $($name: port($port)),+
                }
            }
        }
    };
}
pins! {
    clock = "clock", reset = "reset", run = "run", busy = "busy",
    whole = "whole", open = "open", claim = "claim", waive = "waive",
    req_addr = "rd_req$addr", req_len = "rd_req$len", req_tag = "rd_req$tag", req_valid = "rd_req$valid", req_ready = "rd_req$ready",
    rsp_data = "rd_rsp$data", rsp_tag = "rd_rsp$tag", rsp_last = "rd_rsp$last", rsp_err = "rd_rsp$err",
    rsp_valid = "rd_rsp$valid", rsp_ready = "rd_rsp$ready",
    tdata = "m$tdata", tkeep = "m$tkeep", tlast = "m$tlast", tvalid = "m$tvalid", tready = "m$tready",
    cpl_data = "completion$data", cpl_queue = "completion$queue", cpl_valid = "completion$valid", cpl_ready = "completion$ready",
    fault_queue = "fault$queue", fault_cause = "fault$cause", fault_index = "fault$index", fault_valid = "fault$valid",
    fault_ready = "fault$ready", stat = "stat", stat_bytes = "stat_bytes",
}

fn words(value: u128) -> [u32; 4] {
    std::array::from_fn(|i| (value >> (32 * i)) as u32)
}

/// The module in Verilator alone: for long runs.
pub(crate) struct Fast {
    dut: Verilated,
    pins: Pins,
}

impl Fast {
    /// The module `name`, out of reset.
    pub(crate) fn new(name: &str) -> Self {
        let mut dut = Verilated::new(name).unwrap_or_else(|e| panic!("{e}"));
        let pins = Pins::new(&dut);
        dut.set(pins.reset, 1);
        dut.run(pins.clock, 3, 4_000, &[]);
        dut.set(pins.reset, 0);
        Self { dut, pins }
    }

    /// One cycle of host and module.
    pub(crate) fn cycle(&mut self, host: &mut Host, rng: &mut impl Rng) {
        let (inputs, p) = (host.drive(rng), &self.pins);
        let dut = &mut self.dut;
        dut.set(p.run, inputs.run.into());
        dut.set(p.whole, inputs.whole.into());
        dut.set(p.open, inputs.open.into());
        for q in 0..QUEUES {
            let (data, index) = inputs.sq[q].unwrap_or_default();
            dut.set_words(p.sq[q][0], &words(data));
            dut.set(p.sq[q][1], index.into());
            dut.set(p.sq[q][2], inputs.sq[q].is_some().into());
        }
        let (data, last, err) = inputs.rd_rsp.unwrap_or_default();
        for (port, value) in [
            (p.req_ready, inputs.rd_req_ready.into()),
            (p.rsp_data, data),
            (p.rsp_tag, 2),
            (p.rsp_last, last.into()),
            (p.rsp_err, err.into()),
            (p.rsp_valid, inputs.rd_rsp.is_some().into()),
            (p.tready, inputs.m_ready.into()),
            (p.cpl_ready, inputs.completion_ready.into()),
            (p.fault_ready, inputs.fault_ready.into()),
        ] {
            dut.set(port, value);
        }
        dut.eval();
        let outputs = self.outputs();
        self.dut.run(self.pins.clock, 1, 4_000, &[]);
        host.observe(&outputs, rng);
    }

    fn outputs(&self) -> Outputs {
        let (dut, p) = (&self.dut, &self.pins);
        let get = |port| dut.get(port);
        let high = |port| dut.get(port) == 1;
        Outputs {
            sq_ready: std::array::from_fn(|q| high(p.sq[q][3])),
            rd_req: high(p.req_valid)
                .then(|| (get(p.req_addr), get(p.req_len) as u16, get(p.req_tag) as u8)),
            rd_rsp_ready: high(p.rsp_ready),
            m: Sample {
                tdata: get(p.tdata),
                tkeep: get(p.tkeep) as u8,
                tlast: high(p.tlast),
                tvalid: high(p.tvalid),
                tready: false,
            },
            completion: high(p.cpl_valid).then(|| {
                let entry = dut
                    .words(p.cpl_data)
                    .iter()
                    .rev()
                    .fold(0, |value, word| value << 32 | u128::from(*word));
                (entry, get(p.cpl_queue) as u8)
            }),
            fault: high(p.fault_valid).then(|| {
                (
                    get(p.fault_queue) as u8,
                    get(p.fault_cause) as u8,
                    get(p.fault_index) as u16,
                )
            }),
            stat: get(p.stat) as u32,
            stat_bytes: get(p.stat_bytes) as u16,
            busy: get(p.busy) as u8,
            claim: get(p.claim) as u8,
            waive: get(p.waive) as u8,
        }
    }

    /// Runs until all is done.
    pub(crate) fn finish(&mut self, host: &mut Host, rng: &mut impl Rng) {
        let (mut quiet, limit) = (0, host.cycle + 2_000_000);
        while quiet < 200 {
            self.cycle(host, rng);
            quiet = if host.idle() { quiet + 1 } else { 0 };
            assert!(host.cycle < limit, "the datapath hangs");
        }
    }
}
