//! System calls: arguments of the script as the table's functions take them, and what they return against the script.

use std::net::SocketAddr;

use super::connection::{self, Connection, Phase};
use super::{Failure, Run};
use crate::ffi::{Buffer, Message, Returned, Table, sockaddr};
use crate::script::{Call, Event, Expr};
use crate::symbols;

/// A call, ready to be made on any thread.
pub(super) type Job = Box<dyn FnOnce(&Table) -> Done + Send>;

/// What a call did.
#[derive(Debug)]
pub(super) struct Done {
    returned: Returned,
    output: Output,
}

impl Default for Done {
    fn default() -> Self {
        Self::of(Returned {
            value: -1,
            errno: 0,
        })
    }
}

impl Done {
    fn of(returned: Returned) -> Self {
        Self {
            returned,
            output: Output::None,
        }
    }
}

/// What a call gave besides its result.
#[derive(Debug)]
enum Output {
    None,
    Value(Vec<u8>),
    Poll(Vec<(i32, i16, i16)>),
    Epoll(Vec<(u32, u64)>),
    Message(Message),
    Pipe([i32; 2]),
}

/// A call whose result is not known yet.
#[derive(Debug)]
pub(super) struct Pending {
    call: Call,
    /// The connection whose descriptor it is about.
    connection: Option<usize>,
}

/// Arguments of a call, one after another.
struct Arguments<'a> {
    run: &'a Run,
    call: &'a Call,
}

impl<'a> Arguments<'a> {
    fn get(&self, index: usize) -> Result<&'a Expr, Failure> {
        self.call.arguments.get(index).ok_or_else(|| {
            Failure::unsupported(format!("{} with so few arguments", self.call.name))
        })
    }

    fn int(&self, index: usize) -> Result<i64, Failure> {
        self.run.number(self.get(index)?)
    }

    fn i32(&self, index: usize) -> Result<i32, Failure> {
        narrow(self.int(index)?)
    }

    fn size(&self, index: usize) -> Result<usize, Failure> {
        usize::try_from(self.int(index)?).map_err(|_| Failure::unsupported("a negative length"))
    }

    /// The stack's descriptor and its connection.
    fn fd(&self, index: usize) -> Result<(i32, Option<usize>), Failure> {
        let script = self.int(index)?;
        Ok(self.run.live(script))
    }

    /// Memory that is there unless the script says NULL.
    fn is_null(&self, index: usize) -> Result<bool, Failure> {
        Ok(matches!(self.get(index)?, Expr::Symbol(name) if name == "NULL"))
    }

    fn buffer(&self, index: usize, len: usize) -> Result<Buffer, Failure> {
        Ok((!self.is_null(index)?).then(|| vec![0; len]))
    }
}

fn narrow(value: i64) -> Result<i32, Failure> {
    i32::try_from(value)
        .or_else(|_| u32::try_from(value).map(u32::cast_signed))
        .map_err(|_| Failure::unsupported(format!("{value} where C has an int")))
}

impl Run {
    /// The stack's descriptor for one of the script's; the same number if the script made it up.
    fn live(&self, script: i64) -> (i32, Option<usize>) {
        self.fds
            .iter()
            .rev()
            .find(|(known, ..)| *known == script)
            .map_or_else(
                || (i32::try_from(script).unwrap_or(-1), None),
                |&(_, live, connection)| (live, connection),
            )
    }

    fn number(&self, expr: &Expr) -> Result<i64, Failure> {
        match expr {
            Expr::Int(value) => Ok(*value),
            Expr::Symbol(name) => {
                let name = self.settings.definitions.get(name).unwrap_or(name);
                symbols::value(name)
                    .ok_or_else(|| Failure::unsupported(format!("the constant {name}")))
            }
            Expr::Or(parts) => parts
                .iter()
                .try_fold(0, |all, part| Ok(all | self.number(part)?)),
            Expr::List(list) => match &list[..] {
                [one] => self.number(one),
                _ => Err(Failure::unsupported("a list where a number should be")),
            },
            other => Err(Failure::unsupported(format!("{other:?} as a number"))),
        }
    }

    /// An address to bind or connect to; the one that packetdrill would choose for `...`.
    fn address(&self, expr: &Expr, chosen: SocketAddr) -> Result<Vec<u8>, Failure> {
        match expr {
            Expr::Ellipsis => Ok(sockaddr(Some(self.settings.socket_address(chosen)))),
            Expr::Symbol(name) if name == "AF_UNSPEC" => Ok(sockaddr(None)),
            Expr::Struct(_) => {
                let family = expr
                    .field("sa_family")
                    .map(|e| self.number(e))
                    .transpose()?;
                if family == Some(libc::AF_UNSPEC.into()) {
                    return Ok(sockaddr(None));
                }
                let port = match expr.field("sin_port").or_else(|| expr.field("sin6_port")) {
                    Some(Expr::Apply(name, list)) if name == "htons" => {
                        let port = list.first().map(|e| self.number(e)).transpose()?;
                        port.and_then(|port| u16::try_from(port).ok())
                    }
                    _ => None,
                };
                let ip = match expr.field("sin_addr").or_else(|| expr.field("sin6_addr")) {
                    Some(Expr::Apply(_, list)) => list.iter().find_map(|e| match e {
                        Expr::Text(text) => text.parse().ok(),
                        _ => None,
                    }),
                    _ => None,
                };
                match (ip, port) {
                    (Some(ip), Some(port)) => Ok(sockaddr(Some(SocketAddr::new(ip, port)))),
                    _ => Err(Failure::unsupported("such an address")),
                }
            }
            _ => Err(Failure::unsupported("such an address")),
        }
    }

    /// The next bytes of a connection's stream.
    fn stream(&self, connection: Option<usize>, len: usize) -> Vec<u8> {
        let written = connection.map_or(0, |index| self.connections[index].written);
        connection::bytes(written, len)
    }

    pub(super) fn call(&mut self, event: &Event, call: &Call) -> Result<(), Failure> {
        let (job, connection) = self.job(call)?;
        let pending = Pending {
            call: call.clone(),
            connection,
        };
        self.await_worker().map_err(|(line, failure)| {
            self.blamed = Some(line);
            failure
        })?;
        match event.until {
            Some(until) => {
                self.begin(event, until, job, pending);
                Ok(())
            }
            None => {
                let done = job(&self.table);
                self.finish_call(&pending, done)
            }
        }
    }

    /// A call with its arguments.
    fn job(&mut self, call: &Call) -> Result<(Job, Option<usize>), Failure> {
        if call.name == "socket" {
            return self.socket(call);
        }
        if matches!(call.name.as_str(), "poll" | "epoll_create" | "pipe") {
            return Ok((self.on_no_descriptor(call)?, None));
        }
        if matches!(
            call.name.as_str(),
            "open" | "sendfile" | "cap_set" | "clock_gettime"
        ) {
            return Err(Failure::unsupported(format!(
                "{}, which is no function of the table",
                call.name
            )));
        }
        let arguments = Arguments { run: self, call };
        let (fd, connection) = arguments.fd(0)?;
        let job = self.on_descriptor(&arguments, fd, connection)?;
        let remote = self.settings.remote;
        if let Some(index) = connection {
            match call.name.as_str() {
                "listen" => {
                    self.connections[index].phase = Phase::Listening;
                    self.under_test = Some(index);
                }
                "connect" => {
                    let connection = &mut self.connections[index];
                    connection.phase = Phase::Connecting;
                    connection.remote = remote;
                    self.under_test = Some(index);
                }
                "sendto" if self.connections[index].phase == Phase::New => {
                    let connection = &mut self.connections[index];
                    connection.phase = Phase::Connecting;
                    connection.remote = remote;
                    self.under_test = Some(index);
                }
                "bind" if self.connections[index].udp => self.under_test = Some(index),
                _ => {}
            }
        }
        Ok((job, connection))
    }

    fn socket(&mut self, call: &Call) -> Result<(Job, Option<usize>), Failure> {
        let arguments = Arguments { run: self, call };
        let domain = match arguments.get(0)? {
            Expr::Ellipsis => self.settings.domain(),
            other => narrow(self.number(other)?)?,
        };
        let (kind, protocol) = (arguments.i32(1)?, arguments.i32(2)?);
        let mut connection = Connection::new(self.settings.local, self.settings.remote);
        connection.udp = kind & 15 == libc::SOCK_DGRAM;
        self.connections.push(connection);
        let index = self.connections.len() - 1;
        let job: Job = Box::new(move |table| Done::of(table.socket(domain, kind, protocol)));
        Ok((job, Some(index)))
    }

    fn on_no_descriptor(&self, call: &Call) -> Result<Job, Failure> {
        let arguments = Arguments { run: self, call };
        match call.name.as_str() {
            "poll" => {
                let Expr::List(list) = arguments.get(0)? else {
                    return Err(Failure::unsupported("poll without a list"));
                };
                let mut fds = Vec::new();
                for entry in list {
                    let number = |name: &str| entry.field(name).map_or(Ok(0), |e| self.number(e));
                    let (fd, _) = self.live(number("fd")?);
                    let events = i16::try_from(number("events")?).unwrap_or(0);
                    fds.push((fd, events, 0));
                }
                let timeout = arguments.i32(2)?;
                Ok(Box::new(move |table| {
                    let returned = table.poll(&mut fds, timeout);
                    Done {
                        returned,
                        output: Output::Poll(fds),
                    }
                }))
            }
            "epoll_create" => {
                let size = arguments.i32(0)?;
                Ok(Box::new(move |table| Done::of(table.epoll_create(size))))
            }
            _ => Ok(Box::new(|table| {
                let (returned, ends) = table.pipe();
                Done {
                    returned,
                    output: Output::Pipe(ends),
                }
            })),
        }
    }

    /// A call whose first argument is a descriptor.
    #[allow(clippy::too_many_lines, reason = "a list of calls")]
    fn on_descriptor(
        &self,
        arguments: &Arguments<'_>,
        fd: i32,
        connection: Option<usize>,
    ) -> Result<Job, Failure> {
        let of = |call: Box<dyn FnOnce(&Table) -> Returned + Send>| -> Job {
            Box::new(move |table| Done::of(call(table)))
        };
        let a = arguments;
        Ok(match a.call.name.as_str() {
            "bind" => {
                let name = self.address(a.get(1)?, self.settings.local)?;
                of(Box::new(move |t| t.bind(fd, &name)))
            }
            "connect" => {
                let name = self.address(a.get(1)?, self.settings.remote)?;
                of(Box::new(move |t| t.connect(fd, &name)))
            }
            "listen" => {
                let backlog = a.i32(1)?;
                of(Box::new(move |t| t.listen(fd, backlog)))
            }
            "accept" => of(Box::new(move |t| t.accept(fd).0)),
            "read" => {
                let len = a.size(2)?;
                let mut buffer = a.buffer(1, len)?;
                of(Box::new(move |t| t.read(fd, &mut buffer, len)))
            }
            "recv" => {
                let (len, flags) = (a.size(2)?, a.i32(3)?);
                let mut buffer = a.buffer(1, len)?;
                of(Box::new(move |t| t.recv(fd, &mut buffer, len, flags)))
            }
            "recvfrom" => {
                let (len, flags) = (a.size(2)?, a.i32(3)?);
                let mut buffer = a.buffer(1, len)?;
                of(Box::new(move |t| t.recvfrom(fd, &mut buffer, len, flags)))
            }
            "readv" => {
                let mut parts = self.parts(a.get(1)?, None)?;
                of(Box::new(move |t| t.readv(fd, &mut parts)))
            }
            "recvmsg" => {
                let mut message = self.message(a.get(1)?, None)?;
                let flags = a.i32(2)?;
                Box::new(move |t| {
                    let returned = t.recvmsg(fd, &mut message, flags);
                    Done {
                        returned,
                        output: Output::Message(message),
                    }
                })
            }
            "write" => {
                let len = a.size(2)?;
                let data = (!a.is_null(1)?).then(|| self.stream(connection, len));
                of(Box::new(move |t| t.write(fd, data.as_deref(), len)))
            }
            "send" => {
                let (len, flags) = (a.size(2)?, a.i32(3)?);
                let data = (!a.is_null(1)?).then(|| self.stream(connection, len));
                of(Box::new(move |t| t.send(fd, data.as_deref(), len, flags)))
            }
            "sendto" => {
                let (len, flags) = (a.size(2)?, a.i32(3)?);
                let data = (!a.is_null(1)?).then(|| self.stream(connection, len));
                let name = self.address(a.get(4)?, self.settings.remote)?;
                of(Box::new(move |t| {
                    t.sendto(fd, data.as_deref(), (len, flags), &name)
                }))
            }
            "writev" => {
                let mut parts = self.parts(a.get(1)?, Some(connection))?;
                of(Box::new(move |t| t.writev(fd, &mut parts)))
            }
            "sendmsg" => {
                let mut message = self.message(a.get(1)?, Some(connection))?;
                let flags = a.i32(2)?;
                of(Box::new(move |t| t.sendmsg(fd, &mut message, flags)))
            }
            "fcntl" => {
                let command = a.i32(1)?;
                let argument = match a.call.arguments.get(2) {
                    Some(argument) => self.number(argument)?,
                    None => 0,
                };
                let argument = usize::try_from(argument).unwrap_or(0);
                of(Box::new(move |t| t.fcntl(fd, command, argument)))
            }
            "ioctl" => {
                let request = a.int(1)?.cast_unsigned();
                let mut value = a.i32(2)?;
                Box::new(move |t| {
                    let returned = t.ioctl(fd, request, &mut value);
                    Done {
                        returned,
                        output: Output::Value(value.to_ne_bytes().to_vec()),
                    }
                })
            }
            "close" => of(Box::new(move |t| t.close(fd))),
            "shutdown" => {
                let how = a.i32(1)?;
                of(Box::new(move |t| t.shutdown(fd, how)))
            }
            "getsockopt" => {
                let (level, option) = (a.i32(1)?, a.i32(2)?);
                let mut value = vec![0; a.size(4)?];
                Box::new(move |t| {
                    let returned = t.getsockopt(fd, level, option, &mut value);
                    Done {
                        returned,
                        output: Output::Value(value),
                    }
                })
            }
            "setsockopt" => {
                let (level, option) = (a.i32(1)?, a.i32(2)?);
                let len = u32::try_from(a.size(4)?).unwrap_or(u32::MAX);
                let value = match a.get(3)? {
                    Expr::Symbol(name) if name == "NULL" => None,
                    value => Some(self.option_value(value, len)?),
                };
                of(Box::new(move |t| {
                    t.setsockopt(fd, (level, option), value.as_deref(), len)
                }))
            }
            "epoll_ctl" => {
                let operation = a.i32(1)?;
                let (watched, _) = a.fd(2)?;
                let event = self.epoll_event(a.get(3)?)?;
                of(Box::new(move |t| {
                    t.epoll_ctl(fd, operation, watched, event)
                }))
            }
            "epoll_wait" => {
                let (most, timeout) = (a.i32(2)?, a.i32(3)?);
                Box::new(move |t| {
                    let (returned, events) = t.epoll_wait(fd, most, timeout);
                    Done {
                        returned,
                        output: Output::Epoll(events),
                    }
                })
            }
            "splice" => {
                let (to, _) = a.fd(2)?;
                let (len, flags) = (a.size(4)?, a.i32(5)?);
                if !a.is_null(1)? || !a.is_null(3)? {
                    return Err(Failure::unsupported("splice at a place"));
                }
                let flags = flags.cast_unsigned();
                of(Box::new(move |t| t.splice(fd, to, len, flags)))
            }
            other => return Err(Failure::unsupported(format!("the call {other}"))),
        })
    }

    /// `{events=EPOLLIN, fd=4}`: what to watch for, and the number that comes back with it.
    fn epoll_event(&self, expr: &Expr) -> Result<(u32, u64), Failure> {
        let number = |name: &str| expr.field(name).map(|e| self.number(e)).transpose();
        // EPOLLET is bit 31, and so a negative int.
        let events = narrow(number("events")?.unwrap_or(0))?.cast_unsigned();
        let mut data = 0;
        for name in ["fd", "ptr", "u32", "u64"] {
            if let Some(value) = number(name)? {
                data = value.cast_unsigned();
            }
        }
        Ok((events, data))
    }

    /// The octets of an option's value.
    fn option_value(&self, value: &Expr, len: u32) -> Result<Vec<u8>, Failure> {
        let int = |expr: &Expr| -> Result<[u8; 4], Failure> {
            Ok(narrow(self.number(expr)?)?.to_ne_bytes())
        };
        let mut bytes = match value {
            Expr::Text(text) => self.text_value(text),
            Expr::Struct(_) => {
                let mut bytes = Vec::new();
                for name in ["onoff", "linger"] {
                    let member = value
                        .field(name)
                        .ok_or_else(|| Failure::unsupported("such a value of an option"))?;
                    bytes.extend(int(member)?);
                }
                bytes
            }
            Expr::List(list) => {
                let mut bytes = Vec::new();
                for number in list {
                    bytes.extend(int(number)?);
                }
                bytes
            }
            other => int(other)?.to_vec(),
        };
        // What the call says of the length counts; behind the value is nothing of interest.
        let len = usize::try_from(len).unwrap_or(0);
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Ok(bytes)
    }

    /// A string's octets, with C's escapes `\x00`.
    fn text_value(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let digits = rest.strip_prefix("\\x").and_then(|rest| rest.get(..2));
            if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                bytes.push(byte);
                rest = &rest[4..];
            } else {
                bytes.extend(c.to_string().bytes());
                rest = &rest[c.len_utf8()..];
            }
        }
        bytes
    }

    /// `[{..., 10}, {..., 20}]`: memory; with the connection's next bytes if it is to be sent.
    fn parts(&self, list: &Expr, to_send: Option<Option<usize>>) -> Result<Vec<Vec<u8>>, Failure> {
        let Expr::List(list) = list else {
            return Err(Failure::unsupported("a vector that is none"));
        };
        let mut place = to_send
            .flatten()
            .map_or(0, |index| self.connections[index].written);
        let mut parts = Vec::new();
        for part in list {
            let Expr::Struct(members) = part else {
                return Err(Failure::unsupported("a vector that is none"));
            };
            let [_, len] = &members[..] else {
                return Err(Failure::unsupported("a vector that is none"));
            };
            let len = usize::try_from(self.number(&len.value)?).unwrap_or(0);
            parts.push(connection::bytes(place, len));
            place += len;
        }
        Ok(parts)
    }

    fn message(&self, expr: &Expr, to_send: Option<Option<usize>>) -> Result<Message, Failure> {
        let parts = match expr.field("msg_iov") {
            Some(list) => self.parts(list, to_send)?,
            None => Vec::new(),
        };
        if to_send.is_some() && expr.field("msg_control").is_some() {
            return Err(Failure::unsupported("control messages to send"));
        }
        let flags = expr.field("msg_flags").map_or(Ok(0), |e| self.number(e))?;
        let udp = to_send
            .flatten()
            .is_some_and(|index| self.connections[index].udp && expr.field("msg_name").is_some());
        Ok(Message {
            parts,
            name: udp.then(|| self.settings.socket_address(self.settings.remote)),
            flags: narrow(flags)?,
            control: Vec::new(),
        })
    }

    /// What has been returned, against the script.
    pub(super) fn finish_call(&mut self, pending: &Pending, done: Done) -> Result<(), Failure> {
        let call = &pending.call;
        let Returned { value, errno } = done.returned;
        let shown = if value < 0 {
            format!("{value} {}", symbols::errno(errno))
        } else {
            value.to_string()
        };
        let wanted = match &call.result {
            None => None,
            Some(result) => Some(self.number(result)?),
        };
        if let Some(wanted) = wanted {
            let makes = matches!(call.name.as_str(), "socket" | "accept" | "epoll_create");
            let same = if makes && wanted >= 0 {
                value >= 0
            } else {
                value == wanted
            };
            let error = match &call.errno {
                Some(name) if value == -1 => {
                    let number = symbols::value(name)
                        .ok_or_else(|| Failure::unsupported(format!("the error {name}")))?;
                    number == i64::from(errno)
                }
                _ => true,
            };
            if !same || !error {
                let errno = call.errno.as_deref().unwrap_or_default();
                return Err(Failure::failed(
                    format!("{}() = {wanted} {errno}", call.name).trim_end(),
                    shown,
                ));
            }
            if makes && wanted >= 0 {
                self.made(call, pending.connection, (wanted, value))?;
            }
        }
        if value > 0
            && matches!(
                call.name.as_str(),
                "write" | "writev" | "send" | "sendto" | "sendmsg"
            )
            && let Some(index) = pending.connection
        {
            self.connections[index].written += usize::try_from(value).unwrap_or(0);
        }
        self.judge_output(call, value, done.output)
    }

    /// A descriptor has been made.
    fn made(
        &mut self,
        call: &Call,
        connection: Option<usize>,
        (script, live): (i64, i64),
    ) -> Result<(), Failure> {
        let live = narrow(live)?;
        let connection = match call.name.as_str() {
            "socket" => connection,
            "accept" => {
                // The connection that the packets have told of, if nobody has taken it.
                let waiting = |c: &Connection| {
                    c.fd.is_none() && matches!(c.phase, Phase::SynReceived | Phase::SynAckSent)
                };
                let index = self.connections.iter().position(waiting);
                if let Some(index) = index {
                    self.connections[index].phase = Phase::Accepted;
                    self.under_test = Some(index);
                }
                index
            }
            _ => None,
        };
        if let Some(index) = connection {
            self.connections[index].fd = Some(live);
        }
        self.fds.push((script, live, connection));
        Ok(())
    }

    /// What a call gave besides its result.
    fn judge_output(&mut self, call: &Call, value: i64, output: Output) -> Result<(), Failure> {
        match output {
            Output::None => Ok(()),
            Output::Pipe(ends) => {
                if let Some(Expr::List(list)) = call.arguments.first() {
                    for (script, live) in list.iter().zip(ends) {
                        let script = self.number(script)?;
                        self.fds.push((script, live, None));
                    }
                }
                Ok(())
            }
            _ if value < 0 => Ok(()),
            Output::Value(actual) => {
                let (index, len) = if call.name == "ioctl" {
                    (2, 4)
                } else {
                    (3, actual.len())
                };
                let Some(expected) = call.arguments.get(index) else {
                    return Ok(());
                };
                if *expected == Expr::Ellipsis {
                    return Ok(());
                }
                let len = u32::try_from(len).unwrap_or(0);
                let expected = self.option_value(expected, len)?;
                let shown = |bytes: &[u8]| match bytes.try_into() {
                    Ok(word) => format!("[{}]", i32::from_ne_bytes(word)),
                    Err(_) => format!("{bytes:?}"),
                };
                if expected == actual {
                    Ok(())
                } else {
                    Err(Failure::failed(shown(&expected), shown(&actual)))
                }
            }
            Output::Poll(entries) => {
                let Some(Expr::List(list)) = call.arguments.first() else {
                    return Ok(());
                };
                for (expected, (_, _, actual)) in list.iter().zip(entries) {
                    let wanted = expected
                        .field("revents")
                        .map_or(Ok(0), |e| self.number(e))?;
                    if wanted != i64::from(actual) {
                        return Err(Failure::failed(
                            format!("revents {wanted:#x}"),
                            format!("{actual:#x}"),
                        ));
                    }
                }
                Ok(())
            }
            Output::Epoll(events) => {
                let list = match call.arguments.get(1) {
                    Some(Expr::List(list)) => list.iter().collect(),
                    Some(one) => vec![one],
                    None => Vec::new(),
                };
                for (expected, actual) in list.into_iter().zip(events) {
                    let wanted = self.epoll_event(expected)?;
                    if wanted != actual {
                        return Err(Failure::failed(
                            format!("events {:#x} of {}", wanted.0, wanted.1),
                            format!("{:#x} of {}", actual.0, actual.1),
                        ));
                    }
                }
                Ok(())
            }
            Output::Message(message) => self.judge_message(call, &message),
        }
    }

    fn judge_message(&self, call: &Call, message: &Message) -> Result<(), Failure> {
        let Some(expected) = call.arguments.get(1) else {
            return Ok(());
        };
        if let Some(flags) = expected.field("msg_flags") {
            let wanted = narrow(self.number(flags)?)?;
            if wanted != message.flags {
                return Err(Failure::failed(
                    format!("msg_flags {wanted:#x}"),
                    format!("{:#x}", message.flags),
                ));
            }
        }
        let Some(Expr::List(list)) = expected.field("msg_control") else {
            return Ok(());
        };
        let mut wanted = Vec::new();
        for entry in list {
            let number = |name: &str| entry.field(name).map_or(Ok(0), |e| self.number(e));
            let data = match entry.field("cmsg_data") {
                Some(data @ Expr::Struct(_)) => self.extended_error(data)?,
                Some(data) => narrow(self.number(data)?)?.to_ne_bytes().to_vec(),
                None => Vec::new(),
            };
            let (level, kind) = (number("cmsg_level")?, number("cmsg_type")?);
            wanted.push((narrow(level)?, narrow(kind)?, data));
        }
        // Behind a `struct sock_extended_err` is an address, of which scripts do not speak.
        let same = |(wanted, actual): (&ControlMessage, &ControlMessage)| {
            let address = wanted.2.len() == EXTENDED_ERROR;
            (wanted.0, wanted.1) == (actual.0, actual.1)
                && (wanted.2 == actual.2 || address && actual.2.starts_with(&wanted.2))
        };
        if wanted.len() == message.control.len() && wanted.iter().zip(&message.control).all(same) {
            Ok(())
        } else {
            Err(Failure::failed(
                format!("control messages {wanted:?}"),
                format!("{:?}", message.control),
            ))
        }
    }

    /// The octets of a `struct sock_extended_err`.
    fn extended_error(&self, data: &Expr) -> Result<Vec<u8>, Failure> {
        let number = |name: &str| match data.field(name) {
            Some(value) => Ok(narrow(self.number(value)?)?.cast_unsigned()),
            None => Err(Failure::unsupported(format!(
                "a control message's struct without {name}"
            ))),
        };
        let mut bytes = number("ee_errno")?.to_ne_bytes().to_vec();
        for name in ["ee_origin", "ee_type", "ee_code"] {
            let octet = u8::try_from(number(name)?)
                .map_err(|_| Failure::unsupported(format!("{name} of more than an octet")))?;
            bytes.push(octet);
        }
        bytes.push(0); // ee_pad
        bytes.extend(number("ee_info")?.to_ne_bytes());
        bytes.extend(number("ee_data")?.to_ne_bytes());
        Ok(bytes)
    }
}

/// Level, type and data.
type ControlMessage = (i32, i32, Vec<u8>);

/// `sizeof(struct sock_extended_err)`
const EXTENDED_ERROR: usize = 16;
