//! Hosts that the gateware is put into: what it must not depend on.

use super::bench::RigConfig;
use sim_verilator::pcie::HostConfig;
use sim_wire::Picos;

/// Configuration number `n` of a small set: plain; everything at its smallest, memory above 4 GiB; completions split and out of
/// order; memory across the 4 GiB line with slow, jittery reads.
#[must_use]
pub fn host(n: usize, seed: u64) -> RigConfig {
    let mut config = RigConfig::default();
    let plain = HostConfig {
        seed,
        ..HostConfig::default()
    };
    config.sim.host = match n % 4 {
        0 => plain,
        1 => {
            config.iova_base = 0x7a_0000_0000;
            HostConfig {
                mps: 128,
                mrrs: 128,
                completion: 64,
                ..plain
            }
        }
        2 => HostConfig {
            mps: 512,
            mrrs: 512,
            completion: 128,
            jitter: Picos::from_nanos(700),
            reorder: true,
            ..plain
        },
        _ => {
            config.iova_base = 0xffff_8000;
            HostConfig {
                mrrs: 128,
                read_latency: Picos::from_nanos(1_200),
                jitter: Picos::from_nanos(2_000),
                reorder: true,
                ..plain
            }
        }
    };
    config
}
