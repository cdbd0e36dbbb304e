//! Packets that leave the stack, against those of the script.

use super::connection::{self, Connection, Phase};
use super::{Failure, Run};
use crate::script::{Ecn, Event, Options, Packet, Segment, TcpOption, Transport};
use crate::wire::{LETTERS, Seen};

impl Run {
    /// The next packet has to be this one, at its time.
    pub(super) fn expect(&mut self, event: &Event, packet: &Packet) -> Result<(), Failure> {
        match &packet.transport {
            Transport::Tcp(segment) => {
                let seen = self.sniff(packet, segment)?;
                self.compare(packet, segment, &seen)?;
                self.check_time(event, seen.at - self.start, "a packet leaves")
            }
            Transport::Udp(len) => {
                let seen = self.next()?;
                if seen.is_tcp || seen.payload.len() != *len {
                    return Err(Failure::failed(
                        format!("udp ({len})"),
                        format!("a packet with {} bytes of payload", seen.payload.len()),
                    ));
                }
                self.check_time(event, seen.at - self.start, "a packet leaves")
            }
            Transport::Icmp(_) => Err(Failure::unsupported("ICMP that leaves")),
        }
    }

    /// The next packet of the connection that is looked at; others are nobody's business.
    fn next(&mut self) -> Result<Seen, Failure> {
        loop {
            self.catch_up();
            let (bytes, at) = self
                .table
                .netdev_receive()
                .map_err(|_| Failure::failed("a packet leaves", "none ever does"))?;
            let seen =
                Seen::read(&bytes, at).map_err(|e| Failure::failed("a correct packet", e))?;
            let connection = self.current_mut()?;
            let opens = connection.phase == Phase::SynSent
                && seen.has('S')
                && !seen.has('.')
                && seen.to == connection.remote;
            if opens || (connection.udp && seen.to == connection.remote) {
                connection.local = seen.from;
                connection.iss = seen.seq;
                return Ok(seen);
            }
            if seen.from == connection.local && seen.to == connection.remote {
                return Ok(seen);
            }
        }
    }

    /// Packets until they carry as much as the script says: a super-segment leaves as the segments that the NIC cut.
    fn sniff(&mut self, packet: &Packet, segment: &Segment) -> Result<Seen, Failure> {
        let connection = self.current_mut()?;
        let (syn, ack) = (segment.has('S'), segment.has('.'));
        if connection.phase == Phase::Connecting && syn && !ack {
            connection.phase = Phase::SynSent;
            connection.script_iss = segment.seq;
        }
        if connection.phase == Phase::SynReceived && syn && ack {
            connection.script_iss = segment.seq;
        }
        let mut whole: Option<Seen> = None;
        loop {
            let seen = self.next()?;
            let connection = self.current_mut()?;
            if connection.phase == Phase::SynReceived && syn && ack {
                connection.phase = Phase::SynAckSent;
                connection.iss = seen.seq;
            }
            let merged = match whole {
                None => seen,
                Some(mut whole) => {
                    follows(&whole, &seen, segment.len).map_err(|why| {
                        Failure::failed(self.script_text(packet), format!("segments, {why}"))
                    })?;
                    // Of FIN and PSH the last one's count.
                    whole.flags = seen.flags;
                    whole.payload.extend(seen.payload);
                    whole
                }
            };
            if merged.payload.len() >= segment.len || self.settings.strict_segments {
                return Ok(merged);
            }
            if merged.payload.is_empty() {
                // Not the beginning of what is wanted.
                return Ok(merged);
            }
            whole = Some(merged);
        }
    }

    fn compare(&mut self, packet: &Packet, segment: &Segment, seen: &Seen) -> Result<(), Failure> {
        let options = match &segment.options {
            Options::Any => None,
            Options::These(options) => Some(self.resolve(options)?),
        };
        let tick = self.settings.timestamp_tick;
        let tolerance = self.settings.tolerance;
        let connection = self.current_mut()?;
        let actual = relative(connection, segment, seen);
        let expected = self.script_text(packet);
        let fail = |what: &str| {
            Err(Failure::failed(
                expected.clone(),
                format!("{}: {what}", text(&actual)),
            ))
        };
        // Where AccECN's counter is told, its bits are no flags.
        let is_counter = |c: &char| segment.ace.is_some() && "EWA".contains(*c);
        let sorted = |flags: &str| -> String {
            LETTERS
                .chars()
                .filter(|c| flags.contains(*c) && !is_counter(c))
                .collect()
        };
        if sorted(&actual.flags) != sorted(&segment.flags) {
            return fail("flags");
        }
        let counter = u8::from(actual.has('E'))
            | u8::from(actual.has('W')) << 1
            | u8::from(actual.has('A')) << 2;
        if segment.ace.is_some_and(|ace| ace != counter) {
            return fail("AccECN's counter");
        }
        if actual.seq != segment.seq {
            return fail("sequence number");
        }
        if actual.payload.len() != segment.len {
            return fail("length");
        }
        if actual.has('.') && actual.ack != segment.ack.unwrap_or(0) {
            return fail("acknowledgement");
        }
        if segment.window.is_some_and(|window| window != actual.window) {
            return fail("window");
        }
        if actual.urgent != segment.urgent.unwrap_or(0) {
            return fail("urgent pointer");
        }
        let ecn = match packet.ip.ecn {
            None => true,
            Some(Ecn::Ect01) => matches!(seen.tos & 3, 1 | 2),
            Some(ecn) => ecn.bits() == seen.tos & 3,
        };
        if !ecn || packet.ip.tos.is_some_and(|tos| tos != seen.tos) {
            return fail(&format!("traffic class {:#04x}", seen.tos));
        }
        if packet.ip.ttl.is_some_and(|ttl| ttl != seen.ttl) {
            return fail(&format!("TTL {}", seen.ttl));
        }
        if let Some(options) = options {
            let same = options.len() == actual.options.len()
                && options
                    .iter()
                    .zip(&actual.options)
                    .all(|pair| same_option(pair, tick, tolerance));
            if !same {
                return fail("options");
            }
        }
        let place = segment.seq.wrapping_sub(u32::from(!segment.has('S'))) as usize;
        let written = actual.payload.iter().enumerate();
        if written
            .into_iter()
            .any(|(n, byte)| *byte != connection::byte(place.wrapping_add(n)))
        {
            return fail("payload");
        }
        Ok(())
    }

    fn script_text(&self, packet: &Packet) -> String {
        match &packet.transport {
            Transport::Tcp(segment) => {
                let options = match &segment.options {
                    Options::Any => Vec::new(),
                    Options::These(options) => {
                        self.resolve(options).unwrap_or_else(|_| options.clone())
                    }
                };
                segment_text(segment, &options)
            }
            other => format!("{other:?}"),
        }
    }
}

/// What is compared of a time stamp is its value, and only if the script says how fast its clock runs.
fn same_option((expected, actual): (&TcpOption, &TcpOption), tick: i64, tolerance: i64) -> bool {
    match (expected, actual) {
        (TcpOption::Timestamp(expected, _), TcpOption::Timestamp(actual, _)) => {
            let apart = i64::from(expected.wrapping_sub(*actual).cast_signed()).abs();
            apart * tick <= tolerance
        }
        _ => expected == actual,
    }
}

/// Whether a segment continues the one before, as what a NIC cuts does. The error says why not.
fn follows(before: &Seen, this: &Seen, wanted: usize) -> Result<(), String> {
    let len = u32::try_from(before.payload.len()).unwrap_or(u32::MAX);
    let lenient = |flags: &str| -> String {
        LETTERS
            .chars()
            .filter(|c| flags.contains(*c) && !"FPW".contains(*c))
            .collect()
    };
    if this.seq != before.seq.wrapping_add(len) {
        return Err(format!(
            "{} bytes, then a packet that starts elsewhere",
            before.payload.len()
        ));
    }
    if lenient(&this.flags) != lenient(&before.flags) {
        return Err(format!("then one with flags {}", this.flags));
    }
    if this.ack != before.ack || this.window != before.window {
        return Err("then one with another acknowledgement or window".to_owned());
    }
    if before.payload.len() + this.payload.len() > wanted {
        return Err(format!(
            "together {} bytes",
            before.payload.len() + this.payload.len()
        ));
    }
    if this.payload.is_empty() {
        return Err("then one without payload".to_owned());
    }
    Ok(())
}

/// The packet in the script's numbers.
fn relative(connection: &mut Connection, segment: &Segment, seen: &Seen) -> Seen {
    let mut actual = seen.clone();
    let syn = seen.has('S');
    actual.seq = seen.seq.wrapping_sub(connection.local_offset(syn));
    let theirs = connection.remote_offset(syn);
    actual.ack = seen.ack.wrapping_sub(theirs);
    let script_stamp = match &segment.options {
        Options::These(options) => options.iter().find_map(|option| match option {
            TcpOption::Timestamp(value, _) => Some(*value),
            _ => None,
        }),
        Options::Any => None,
    };
    for option in &mut actual.options {
        match option {
            TcpOption::Sack(blocks) => {
                for (left, right) in blocks {
                    *left = left.wrapping_sub(theirs);
                    *right = right.wrapping_sub(theirs);
                }
            }
            TcpOption::Timestamp(value, _) => {
                if let Some(script) = script_stamp {
                    connection.timestamps.insert(script, *value);
                    let (first, live) = *connection.first_timestamp.get_or_insert((script, *value));
                    *value = value.wrapping_sub(live).wrapping_add(first);
                }
            }
            _ => {}
        }
    }
    actual
}

fn option_text(option: &TcpOption) -> String {
    match option {
        TcpOption::Eol => "eol".to_owned(),
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackOk => "sackOK".to_owned(),
        TcpOption::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(l, r)| format!("{l}:{r}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        TcpOption::Timestamp(value, echo) => format!("TS val {value} ecr {echo}"),
        TcpOption::FastOpen(cookie, _) => format!("FO {cookie}"),
        TcpOption::Other(kind, data) => {
            let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("kind {kind} {digits}")
        }
    }
}

fn options_text(options: &[TcpOption]) -> String {
    if options.is_empty() {
        return String::new();
    }
    let options: Vec<String> = options.iter().map(option_text).collect();
    format!(" <{}>", options.join(","))
}

/// A segment in the script's notation.
pub(super) fn text(seen: &Seen) -> String {
    let flags: String = LETTERS.chars().filter(|c| seen.has(*c)).collect();
    let len = seen.payload.len();
    let end = seen.seq.wrapping_add(u32::try_from(len).unwrap_or(0));
    let ack = if seen.has('.') {
        format!(" ack {}", seen.ack)
    } else {
        String::new()
    };
    format!(
        "{flags} {}:{end}({len}){ack} win {}{}",
        seen.seq,
        seen.window,
        options_text(&seen.options)
    )
}

fn segment_text(segment: &Segment, options: &[TcpOption]) -> String {
    let len = segment.len;
    let end = segment.seq.wrapping_add(u32::try_from(len).unwrap_or(0));
    let mut line = segment.flags.clone();
    if let Some(ace) = segment.ace {
        line += &ace.to_string();
    }
    line += &format!(" {}:{end}({len})", segment.seq);
    if let Some(ack) = segment.ack {
        line += &format!(" ack {ack}");
    }
    if let Some(window) = segment.window {
        line += &format!(" win {window}");
    }
    if segment.options == Options::Any {
        line + " <...>"
    } else {
        line + &options_text(options)
    }
}
