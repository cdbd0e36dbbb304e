//! The NICs that can be put on the bench.

use super::bench::RigConfig;
use longshore_device::LocalNic;
use nic_model::Model;
use sim_verilator::nic::SimulatedNic;
use sim_wire::Station;
use sim_wire::pair::PairEnd;

/// The executable model at the end of a pair.
pub type ModelNic = Model<PairEnd>;

/// The gateware in Verilator at the end of a pair.
pub type GatewareNic = SimulatedNic<PairEnd>;

/// A NIC that the bench can drive.
pub trait Nic: LocalNic + Station + Sized {
    /// What it is called in messages.
    const NAME: &'static str;

    /// The NIC after power-on at the end of `wire`.
    fn power_on(config: &RigConfig, wire: PairEnd) -> Self;

    /// Rules of the bus or of its streams that it broke.
    fn violations(&self) -> Vec<String>;
}

impl Nic for ModelNic {
    const NAME: &'static str = "model";

    fn power_on(config: &RigConfig, wire: PairEnd) -> Self {
        Self::new(config.model.clone(), wire)
    }

    /// The model has no bus that it could misuse.
    fn violations(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Nic for GatewareNic {
    const NAME: &'static str = "gateware";

    fn power_on(config: &RigConfig, wire: PairEnd) -> Self {
        Self::new(config.sim.clone(), wire).unwrap_or_else(|e| panic!("{e}"))
    }

    fn violations(&self) -> Vec<String> {
        Self::violations(self)
    }
}

/// Tests that every NIC must pass: each body runs on each NIC with `$rig` a fresh bench of the reference configuration, and
/// ends with [`Rig::check`](super::Rig::check).
#[macro_export]
macro_rules! on_every_nic {
    ($($(#[$meta:meta])* fn $name:ident($rig:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "not every body needs all")]
            use super::*;
            use $crate::rig::{Nic, Rig, RigConfig, nics};

            fn body<N: Nic>($rig: &mut Rig<N>) $body

            fn on<N: Nic>() {
                let mut rig = Rig::<N>::new(&RigConfig::default());
                body(&mut rig);
                rig.check();
            }

            #[test]
            fn model() {
                on::<nics::ModelNic>();
            }

            #[test]
            fn gateware() {
                on::<nics::GatewareNic>();
            }
        }
    )*};
}
