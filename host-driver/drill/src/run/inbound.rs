//! Packets of the script that arrive at the stack.

use etherparse::IpNumber;

use super::connection::{self, Connection, Phase};
use super::{Failure, Run};
use crate::script::{Icmp, IpInfo, Options, Packet, Segment, TcpOption, Transport};
use crate::wire::{self, Seen};

impl Run {
    pub(super) fn inject(&mut self, packet: &Packet) -> Result<(), Failure> {
        match &packet.transport {
            Transport::Tcp(segment) => self.inject_segment(segment, packet.ip),
            Transport::Udp(len) => {
                let connection = self.current()?;
                let payload = connection::bytes(0, *len);
                let (from, to) = (connection.remote, connection.local);
                self.send(wire::datagram(from, to, packet.ip, &payload))
            }
            Transport::Icmp(icmp) => self.inject_icmp(icmp, packet.ip),
        }
    }

    fn send(&self, packet: Option<Vec<u8>>) -> Result<(), Failure> {
        let packet = packet.ok_or_else(|| Failure::unsupported("a packet that cannot be built"))?;
        let sent = self.table.netdev_send(&packet);
        if sent.value < 0 {
            return Err(Failure::failed("a packet can be sent", "netdev_send fails"));
        }
        Ok(())
    }

    fn inject_segment(&mut self, segment: &Segment, ip: IpInfo) -> Result<(), Failure> {
        let starts = match self.under_test {
            None => true,
            Some(index) => self.connections[index].phase == Phase::Listening,
        };
        if starts {
            self.next_port += 1;
            let mut remote = self.settings.remote;
            remote.set_port(self.next_port);
            let mut child = Connection::new(self.settings.local, remote);
            child.phase = Phase::SynReceived;
            child.irs = segment.seq;
            self.under_test = Some(self.connections.len());
            self.connections.push(child);
        }
        let scale = self.settings.scale_echoes;
        let options = match &segment.options {
            Options::Any => {
                return Err(Failure::unsupported("any options in a packet that arrives"));
            }
            Options::These(options) => self.resolve(options)?,
        };
        let connection = self.current_mut()?;
        let syn = segment.has('S');
        if connection.phase == Phase::SynSent && syn && segment.has('.') {
            connection.phase = Phase::Connected;
            connection.irs = segment.seq;
        }
        let ours = connection.local_offset(syn);
        let mut mapped = Vec::new();
        for option in options {
            mapped.push(match option {
                TcpOption::Sack(blocks) => TcpOption::Sack(
                    blocks
                        .iter()
                        .map(|(left, right)| (left.wrapping_add(ours), right.wrapping_add(ours)))
                        .collect(),
                ),
                TcpOption::Timestamp(value, echo) if segment.has('.') => {
                    let live = connection.timestamps.get(&echo).copied().or_else(|| {
                        let (script, actual) = connection.first_timestamp.filter(|_| scale)?;
                        Some(echo.wrapping_sub(script).wrapping_add(actual))
                    });
                    let live = live.ok_or_else(|| {
                        Failure::failed(
                            format!("a packet with the time stamp {echo} has left"),
                            "none has, so that it cannot be echoed",
                        )
                    })?;
                    TcpOption::Timestamp(value, live)
                }
                other => other,
            });
        }
        let seq = segment.seq.wrapping_add(connection.remote_offset(syn));
        let place = if syn {
            segment.seq
        } else {
            segment.seq.wrapping_sub(1)
        };
        let payload = connection::bytes(place as usize, segment.len);
        let mut flags = segment.flags.clone();
        if let Some(ace) = segment.ace {
            flags.extend(
                [('E', 1), ('W', 2), ('A', 4)]
                    .iter()
                    .filter(|(_, bit)| ace & bit != 0)
                    .map(|(letter, _)| letter),
            );
        }
        let whole = Seen {
            from: connection.remote,
            to: connection.local,
            tos: 0,
            ttl: 0,
            flags,
            seq,
            ack: segment.ack.unwrap_or(0).wrapping_add(ours),
            window: segment.window.unwrap_or(0),
            urgent: segment.urgent.unwrap_or(0),
            options: mapped,
            payload,
            is_tcp: true,
            at: 0,
        };
        self.send(wire::segment(&whole, ip))
    }

    /// Options with names replaced by what they stand for.
    pub(super) fn resolve(&self, options: &[TcpOption]) -> Result<Vec<TcpOption>, Failure> {
        const FAST_OPEN: u8 = 34;
        const EXPERIMENT: u8 = 254;
        const MAGIC: [u8; 2] = [0xf9, 0x89];
        let resolve = |option: &TcpOption| {
            let TcpOption::FastOpen(cookie, experimental) = option else {
                return Ok(option.clone());
            };
            let digits = self.settings.definitions.get(cookie).unwrap_or(cookie);
            let cookie = crate::script::hex(digits)
                .ok_or_else(|| Failure::unsupported(format!("the cookie {cookie}")))?;
            Ok(if *experimental {
                TcpOption::Other(EXPERIMENT, [&MAGIC[..], &cookie].concat())
            } else {
                TcpOption::Other(FAST_OPEN, cookie)
            })
        };
        options.iter().map(resolve).collect()
    }

    fn inject_icmp(&mut self, icmp: &Icmp, ip: IpInfo) -> Result<(), Failure> {
        let connection = self.current()?;
        let (seq, len) = icmp.about.unwrap_or((Some(0), 0));
        let ports = [
            connection.local.port().to_be_bytes(),
            connection.remote.port().to_be_bytes(),
        ]
        .concat();
        let (protocol, head, len) = if connection.udp {
            let len = len + 8;
            let rest = [u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes(), [0; 2]].concat();
            (IpNumber::UDP, [ports, rest].concat(), len)
        } else {
            let seq = seq
                .unwrap_or(0)
                .wrapping_add(connection.local_offset(false));
            // A whole header, of which the stack may look at eight octets.
            let mut head = [ports, seq.to_be_bytes().to_vec()].concat();
            head.extend([0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
            (IpNumber::TCP, head, len + 20)
        };
        let ends = (connection.remote.ip(), connection.local.ip());
        self.send(wire::icmp(icmp, ends, ip, protocol, (&head, len)))
    }
}
