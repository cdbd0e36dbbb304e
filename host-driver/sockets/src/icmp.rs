//! What routers and hosts say of our segments.

use std::time::Duration;

use ip_core::{IcmpError, IcmpErrorKind};
use tcp_core::{ConnectionError, Events, SeqNumber, State};

use crate::failure::Failure;
use crate::lock::{Outermost, Token};
use crate::pcb::Live;
use crate::shared::Shared;
use crate::tuple::Tuple;

impl Live {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
    //# it SHOULD make the information available to the application (SHLD-25).
    /// What a program is told when TCP has ended the connection: if it was given up, the reason why nothing came through.
    pub(crate) fn reason(&self, error: ConnectionError) -> Failure {
        match (error, self.soft) {
            (ConnectionError::TimedOut, Some(soft)) => soft,
            // As Linux (tcp_reset in CLOSE-WAIT): whoever reads has had his end of file, so it concerns writers.
            (ConnectionError::Reset, _)
                if self.connection.is_peer_closed() && !self.connection.is_write_closed() =>
            {
                Failure::ResetAfterEnd
            }
            _ => Failure::Tcp(error),
        }
    }
}

/// What an error means to a program; that a packet was too big is not for it.
fn failure(kind: IcmpErrorKind) -> Failure {
    match kind {
        IcmpErrorKind::NetworkUnreachable => Failure::NetworkUnreachable,
        IcmpErrorKind::HostUnreachable
        | IcmpErrorKind::Prohibited
        | IcmpErrorKind::TimeExceeded => Failure::HostUnreachable,
        IcmpErrorKind::ProtocolUnreachable | IcmpErrorKind::PortUnreachable => {
            Failure::Tcp(ConnectionError::Refused)
        }
        IcmpErrorKind::ParameterProblem => Failure::ParameterProblem,
        IcmpErrorKind::PacketTooBig { .. } => Failure::MessageTooLong,
    }
}

impl Shared {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
    //# Since these Unreachable messages indicate soft error conditions, a TCP implementation MUST NOT abort the
    //# connection (MUST-56)
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
    //# TCP implementations MUST act on an ICMP error message passed up from the IP layer, directing it to the
    //# connection that created the error (MUST-54).
    /// RFC 9293 §3.9.2.2: an error ends an attempt to connect; an established connection carries on.
    pub(crate) fn on_icmp(&self, held: &mut Token<'_, impl Outermost>, error: &IcmpError) {
        let tuple = Tuple {
            local: error.quoted.local,
            remote: error.quoted.remote,
        };
        let pcb = self.table.pcb(held, &tuple).and_then(|h| self.pcbs.get(h));
        // Anybody can forge an error; hardly anybody our sequence number.
        let (Some(pcb), Some(sequence)) = (pcb, error.quoted.sequence) else {
            return;
        };
        let sequence = SeqNumber(sequence);
        self.update_in(held, &pcb, |live, now, under| {
            let ours = !live.dropped && live.tuple() == tuple;
            if !ours {
                return ((), Events::empty());
            }
            if let IcmpErrorKind::PacketTooBig { mtu } = error.kind {
                on_packet_too_big(live, now, sequence, mtu);
            } else if live.connection.state() == State::SynSent {
                let passes = matches!(
                    error.kind,
                    IcmpErrorKind::TimeExceeded | IcmpErrorKind::ParameterProblem
                );
                if live.syn != Some(sequence) {
                    // Not of this attempt.
                } else if passes {
                    live.soft = Some(failure(error.kind));
                } else {
                    self.fail(under, live, failure(error.kind));
                }
            } else if live.connection.is_in_flight(sequence) {
                live.soft = Some(failure(error.kind));
            }
            ((), Events::empty())
        });
    }
}

/// RFC 1191, RFC 8201: a router tells that a packet did not fit.
fn on_packet_too_big(live: &mut Live, now: Duration, sequence: SeqNumber, mtu: u32) {
    let headers = if live.tuple().local.is_ipv4() { 40 } else { 60 };
    let mss = u16::try_from(mtu.saturating_sub(headers)).unwrap_or(u16::MAX);
    live.connection.on_packet_too_big(now, sequence, mss);
}
