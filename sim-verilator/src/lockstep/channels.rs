//! The valid/ready protocol (docs/GATEWARE.md) on every channel among a module's ports: once `valid` is high it stays so, and what
//! goes with it does not change, until `ready`. Streams have a checker of their own.

use super::probe::Value;
use longshore_hdl::emit::{Direction, Port};

/// A channel among the ports: those named `<name>$valid`, `<name>$ready` and the rest of `<name>$…` that points as `valid` does.
pub(super) struct Channel {
    pub(super) name: String,
    /// Number of its clock.
    pub(super) clock: usize,
    /// Port of its domain's reset, if it has one.
    pub(super) reset: Option<usize>,
    valid: usize,
    ready: usize,
    payload: Vec<usize>,
    /// What was offered and not taken.
    waiting: Option<Vec<Value>>,
}

/// All channels among `ports`.
pub(super) fn find(ports: &[Port]) -> Vec<Channel> {
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
                waiting: None,
            })
        })
        .collect()
}

impl Channel {
    /// Checks the values before a rising edge of the channel's clock; answers what is wrong. `ports` are all ports.
    pub(super) fn check(&mut self, values: &[Value], ports: &[Port]) -> Result<(), String> {
        let bit = |port: usize| values[port][0] & 1 == 1;
        if self.reset.is_some_and(bit) {
            self.waiting = None;
            return Ok(());
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
