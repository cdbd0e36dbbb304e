//! The valid/ready protocol (docs/GATEWARE.md) on every channel among a module's ports: once `valid` is high it stays so, and what
//! goes with it does not change, until `ready`. A channel with a gate (descriptors and `run`) is withdrawn while the gate is low, and
//! only then. Streams have a checker of their own.

use crate::probe::Value;
use longshore_hdl::emit::{Direction, Port};

/// A channel among the ports: those named `<name>$valid`, `<name>$ready` and the rest of `<name>$…` that points as `valid` does.
pub(crate) struct Channel {
    pub(crate) name: String,
    /// Number of its clock.
    pub(crate) clock: usize,
    /// Port of its domain's reset, if it has one.
    pub(crate) reset: Option<usize>,
    valid: usize,
    ready: usize,
    payload: Vec<usize>,
    /// Port and bit without which nothing is offered, and in whose low cycles an offer is withdrawn.
    pub(crate) gate: Option<(usize, usize)>,
    /// What was offered and not taken.
    waiting: Option<Vec<Value>>,
}

/// All channels among `ports`.
pub(crate) fn find(ports: &[Port]) -> Vec<Channel> {
    let at = |name: &str| ports.iter().position(|p| p.name == name);
    ports
        .iter()
        .enumerate()
        .filter_map(|(valid, port)| Some((valid, port.name.strip_suffix("$valid")?)))
        .filter_map(|(valid, name)| {
            let ready = at(&format!("{name}$ready"))?;
            let direction: Direction = ports[valid].direction;
            let part = |p: &Port| {
                p.name
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('$'))
            };
            let payload = ports
                .iter()
                .enumerate()
                .filter(|(i, p)| *i != valid && *i != ready && p.direction == direction && part(p))
                .map(|(i, _)| i)
                .collect();
            Some(Channel {
                name: name.to_owned(),
                clock: 0,
                reset: at("reset"),
                valid,
                ready,
                payload,
                gate: None,
                waiting: None,
            })
        })
        .collect()
}

impl Channel {
    /// Checks the values before a rising edge of the channel's clock; answers what is wrong. `ports` are all ports.
    pub(crate) fn check(&mut self, values: &[Value], ports: &[Port]) -> Result<(), String> {
        let bit = |port: usize| values[port][0] & 1 == 1;
        if self.reset.is_some_and(bit) {
            self.waiting = None;
            return Ok(());
        }
        if let Some((port, place)) = self.gate
            && values[port][place / 32] >> (place % 32) & 1 == 0
        {
            self.waiting = None;
            return if bit(self.valid) {
                Err(format!("valid without bit {place} of {}", ports[port].name))
            } else {
                Ok(())
            };
        }
        let payload: Vec<Value> = self.payload.iter().map(|&i| values[i].clone()).collect();
        if let Some(before) = self.waiting.take() {
            if !bit(self.valid) {
                return Err("valid fell before ready".into());
            }
            if let Some(i) = (0..payload.len()).find(|&i| payload[i] != before[i]) {
                return Err(format!(
                    "{} changed while valid was high and ready low",
                    ports[self.payload[i]].name
                ));
            }
        }
        self.waiting = (bit(self.valid) && !bit(self.ready)).then_some(payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports() -> Vec<Port> {
        let port = |name: &str, direction| Port {
            name: name.into(),
            width: 8,
            direction,
        };
        vec![
            port("reset", Direction::Input),
            port("wr$addr", Direction::Output),
            port("wr$valid", Direction::Output),
            port("wr$ready", Direction::Input),
            port("wr2$addr", Direction::Output),
        ]
    }

    #[test]
    fn a_gate_withdraws_what_is_offered_and_nothing_else_does() {
        let ports = ports();
        let gated = |cycles: &[(u32, u32, u32)]| {
            let mut channel = find(&ports).remove(0);
            // Bit 1 of the port behind the channel's own.
            channel.gate = Some((4, 1));
            cycles
                .iter()
                .map(|&(valid, ready, gate)| {
                    let values = [0, 6, valid, ready, gate << 1].map(|v| vec![v]);
                    channel.check(&values, &ports)
                })
                .find_map(Result::err)
        };
        assert_eq!(gated(&[(1, 0, 1), (0, 0, 0), (1, 0, 1), (1, 1, 1)]), None);
        assert_eq!(
            gated(&[(1, 0, 1), (0, 0, 1)]).unwrap(),
            "valid fell before ready"
        );
        assert_eq!(
            gated(&[(1, 0, 1), (1, 0, 0)]).unwrap(),
            "valid without bit 1 of wr2$addr"
        );
    }

    /// Feeds `(addr, valid, ready)` per cycle; answers the last check's complaint, the others must have none.
    fn complaint(cycles: &[(u32, u32, u32)]) -> Option<String> {
        let ports = ports();
        let mut channels = find(&ports);
        assert_eq!(channels.len(), 1);
        let mut last = None;
        for &(addr, valid, ready) in cycles {
            assert_eq!(last, None);
            let values = [0, addr, valid, ready, addr].map(|v| vec![v]);
            last = channels[0].check(&values, &ports).err();
        }
        last
    }

    #[test]
    fn a_value_that_waits_unchanged_is_fine() {
        assert_eq!(
            complaint(&[
                (5, 0, 0),
                (6, 1, 0),
                (6, 1, 0),
                (6, 1, 1),
                (7, 1, 1),
                (0, 0, 1)
            ]),
            None
        );
    }

    #[test]
    fn a_value_withdrawn_is_found() {
        assert_eq!(
            complaint(&[(6, 1, 0), (6, 0, 0)]).unwrap(),
            "valid fell before ready"
        );
    }

    #[test]
    fn a_value_changed_while_it_waits_is_found() {
        assert_eq!(
            complaint(&[(6, 1, 0), (7, 1, 1)]).unwrap(),
            "wr$addr changed while valid was high and ready low"
        );
    }
}
