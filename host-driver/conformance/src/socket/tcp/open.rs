//! Listening, accepting and connecting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use longshore_sockets::{Stack, TcpListener, TcpStream};
use tcp_core::State as Tcb;

use super::{State, Tcp};
use crate::address::any;
use crate::errno::{Errno, Result};
use crate::port::Attempt;

impl Tcp {
    /// The addresses at which it would listen.
    pub(crate) fn listen_addresses(&self) -> Vec<SocketAddr> {
        let local = self
            .local
            .unwrap_or_else(|| SocketAddr::new(any(self.family), 0));
        let mut list = vec![local];
        if local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !self.options.only_v6 {
            list.push((Ipv4Addr::UNSPECIFIED, local.port()).into());
        }
        list
    }

    /// Begins to listen.
    pub(crate) fn listen(&mut self, stack: &Stack, backlog: usize) -> Result<()> {
        if let State::Listening(listeners) = &self.state {
            for listener in listeners {
                listener.set_backlog(backlog);
            }
            return Ok(());
        }
        let mut listeners: Vec<TcpListener> = Vec::new();
        for mut address in self.listen_addresses() {
            if let Some(first) = listeners.first() {
                address.set_port(first.local_addr()?.port());
            }
            let listener = TcpListener::bind_with(stack, address, Some(self.config()))?;
            listener.set_nonblocking(true)?;
            listener.set_backlog(backlog);
            listeners.push(listener);
        }
        self.local = Some(listeners[0].local_addr()?);
        self.state = State::Listening(listeners);
        Ok(())
    }

    /// Takes a connection out of the queue.
    pub(crate) fn accept(&mut self) -> Result<Attempt<(Self, SocketAddr)>> {
        let State::Listening(listeners) = &self.state else {
            return Err(Errno::EINVAL);
        };
        for listener in listeners {
            match listener.accept() {
                Ok((stream, peer)) => {
                    let child = self.child(stream)?;
                    return Ok(Attempt::Done((child, peer)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Attempt::Wait)
    }

    fn child(&self, stream: TcpStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        let mut child = Self::new(self.family, self.defaults.clone());
        child.options = self.options.clone();
        child.options.apply(&child.defaults, &stream)?;
        child.local = Some(stream.local_addr()?);
        child.state = State::Connected(stream);
        Ok(child)
    }

    /// Begins to connect.
    pub(crate) fn start_connect(&mut self, stack: &Stack, peer: SocketAddr) -> Result<()> {
        let from = self.local.filter(|local| {
            // Bound to all of IPv6, it connects to IPv4 all the same.
            local.is_ipv4() == peer.is_ipv4() || local.port() != 0
        });
        let from = from.map(|local| {
            if local.is_ipv4() == peer.is_ipv4() {
                local
            } else {
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port())
            }
        });
        let config = self.config();
        let stream = TcpStream::start_connect_with(stack, from, peer, Some(&config))?;
        stream.set_nonblocking(true)?;
        self.options.apply(&self.defaults, &stream)?;
        self.local = Some(stream.local_addr()?);
        self.state = State::Connecting(stream);
        Ok(())
    }

    /// How the attempt to connect stands. Once it has failed, another may follow.
    pub(crate) fn poll_connect(&mut self) -> Result<Attempt<()>> {
        let State::Connecting(stream) = &self.state else {
            return Err(Errno::EISCONN);
        };
        let status = stream.status();
        if status.failed || status.over {
            let error = stream.take_error()?;
            self.state = State::Fresh;
            return Err(error.map_or(Errno::ECONNABORTED, Errno::from));
        }
        if matches!(status.state, Tcb::SynSent | Tcb::SynReceived) {
            return Ok(Attempt::Wait);
        }
        let State::Connecting(stream) = std::mem::replace(&mut self.state, State::Fresh) else {
            return Err(Errno::EISCONN);
        };
        self.state = State::Connected(stream);
        Ok(Attempt::Done(()))
    }
}
