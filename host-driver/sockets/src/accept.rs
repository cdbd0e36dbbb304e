//! `TcpListener`, with `std::net`'s names and semantics.

use longshore_refs::sync::atomic::{AtomicBool, Ordering};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use longshore_refs::{Ref, holder};

use crate::broken::{Rule, keeps};
use crate::config::SocketConfig;
use crate::failure::Failure;
use crate::file::File;
use crate::listener::{Child, Listener, Origin, State};
use crate::lock::{Outermost, Token};
use crate::protocol::Protocol as _;
use crate::ready::{Notify, Readiness};
use crate::records::SynEntry;
use crate::shared::Shared;
use crate::stack::Stack;
use crate::stream::TcpStream;
use crate::tcp::Tcp;

/// A TCP socket that waits for connections.
///
/// As `std::net::TcpListener`: dropping it and its clones ends listening and aborts the connections that nobody
/// has accepted.
///
/// What listens can be neither read nor written, and what can be read and written never begins to listen: a race of
/// `listen` with either on the same socket does not compile.
///
/// ```compile_fail,E0277
/// fn race_13_read(listener: &mut longshore_sockets::TcpListener) {
///     std::io::Read::read(listener, &mut [0; 1]);
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn race_13_write(listener: &mut longshore_sockets::TcpListener) {
///     std::io::Write::write(listener, &[0; 1]);
/// }
/// ```
///
/// ```compile_fail,E0599
/// fn race_13_listen(stream: longshore_sockets::TcpStream) {
///     stream.listen(1);
/// }
/// ```
pub struct TcpListener {
    file: Arc<ListenerFile>,
}

struct ListenerFile {
    shared: Arc<Shared>,
    listener: Ref<holder::F, Listener>,
    address: SocketAddr,
    nonblocking: AtomicBool,
}

impl TcpListener {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# The optional "local IP address" parameter MUST be supported to allow the specification of the local IP
    //# address (MUST-43).
    /// Listens at an own address, or at all of a family (`0.0.0.0`, `[::]`). Port 0 takes a free one.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable` if the address is not ours, `OutOfMemory`.
    pub fn bind(stack: &Stack, address: SocketAddr) -> io::Result<Self> {
        Tcp::bind(stack.shared(), address)
    }

    /// As [`TcpListener::bind`], with settings of its own for the connections that it accepts.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn bind_with(
        stack: &Stack,
        address: SocketAddr,
        config: Option<Arc<SocketConfig>>,
    ) -> io::Result<Self> {
        Self::listen(stack.shared(), address, config)
    }

    /// Bind and listen of the protocols' contract.
    pub(crate) fn listen(
        shared: &Arc<Shared>,
        address: SocketAddr,
        config: Option<Arc<SocketConfig>>,
    ) -> io::Result<Self> {
        if shared.is_down() {
            return Err(Failure::DeviceGone.into());
        }
        let ip = address.ip();
        if !ip.is_unspecified() && !shared.neighbours.config().is_own(ip) {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                format!("{ip} is none of the stack's addresses"),
            ));
        }
        let backlog = shared.config.backlog;
        let listener = shared
            .listeners
            .insert::<holder::F>(|handle, listener: &Listener| {
                let mut state = listener.unpublished();
                state.queue.open(backlog);
                let origin = Origin {
                    listener: handle,
                    settings: config,
                };
                state.origin = Some(Arc::new(origin));
            })
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::OutOfMemory,
                    "as many listeners as the stack was configured for",
                )
            })?;
        let handle = listener.handle();
        let held = &mut Token::root();
        let address = SocketAddr::from((ip, address.port()));
        let bound = if address.port() == 0 {
            (0..16_384).find_map(|_| {
                let port = 49_152 + shared.listen_port.fetch_add(1, Ordering::Relaxed) % 16_384;
                let address = SocketAddr::from((ip, port));
                shared
                    .addresses
                    .insert(held, address, handle)
                    .then_some(address)
            })
        } else {
            shared
                .addresses
                .insert(held, address, handle)
                .then_some(address)
        };
        let Some(address) = bound else {
            // Nobody found it, so nobody is in its queue.
            drop(listener.with(held, |state| state.queue.close()));
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("somebody else listens at {address}"),
            ));
        };
        let file = ListenerFile {
            shared: Arc::clone(shared),
            listener,
            address,
            nonblocking: AtomicBool::new(false),
        };
        Ok(Self {
            file: Arc::new(file),
        })
    }

    /// The next connection.
    ///
    /// # Errors
    /// `WouldBlock` if there is none and the listener is non-blocking; ENODEV when the stack is shut down.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let file = &*self.file;
        let mut root = Token::root();
        let (mut state, mut under) = file.listener.lock(&mut root);
        loop {
            if let Some(child) = state.queue.accept() {
                drop((state, under));
                let Child {
                    socket,
                    listener,
                    peer,
                } = child;
                drop(listener);
                let shared = Arc::clone(&file.shared);
                let stream = TcpStream::new(File::new(shared, socket.transfer()));
                return Ok((stream, peer));
            }
            if !state.queue.is_open() || file.shared.is_down() {
                return Err(Failure::DeviceGone.into());
            }
            if file.nonblocking.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            file.listener.wait(&mut state, &mut under);
        }
    }

    /// Accepts without end.
    pub fn incoming(&self) -> impl Iterator<Item = io::Result<TcpStream>> + '_ {
        std::iter::repeat_with(|| self.accept().map(|(stream, _)| stream))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.file.address)
    }

    /// Another handle to the same listener.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: Arc::clone(&self.file),
        })
    }

    /// Whether accept returns `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// None.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.file.nonblocking.store(nonblocking, Ordering::Relaxed);
        Ok(())
    }

    /// How many connections may wait to be accepted, from now on; at least 1.
    pub fn set_backlog(&self, backlog: usize) {
        self.with(|state| state.queue.set_backlog(backlog));
    }

    /// The settings of connections whose SYN comes from now on; `None`: the stack's.
    pub fn set_config(&self, config: Option<Arc<SocketConfig>>) {
        let origin = Origin {
            listener: self.file.listener.handle(),
            settings: config,
        };
        self.with(|state| state.origin = Some(Arc::new(origin)));
    }

    /// Connections that wait to be accepted.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.with(|state| state.queue.len())
    }

    /// Half-open connections.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.with(|state| state.queue.half_open())
    }

    /// What can be done now without waiting.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.with(|state| Readiness {
            readable: !state.queue.is_empty() || !state.queue.is_open(),
            writable: false,
            closed: !state.queue.is_open(),
        })
    }

    /// Whom to tell when a connection has come; replaces an earlier one.
    pub fn set_notify(&self, notify: Option<Arc<dyn Notify>>) {
        // The earlier one's drop is a program's code, and runs without a lock.
        let earlier = self.with(|state| std::mem::replace(&mut state.notify, notify));
        drop(earlier);
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        self.file.listener.with(&mut Token::root(), work)
    }
}

impl Shared {
    /// Ends listening: takes the queues, lets go of the back references, then aborts the children, without
    /// any lock held. Cannot fail.
    pub(crate) fn close_listener(
        &self,
        held: &mut Token<'_, impl Outermost>,
        listener: &Listener,
        handle: longshore_refs::Handle,
        address: SocketAddr,
    ) {
        self.addresses.remove(held, address, handle);
        let (children, shards, notify) = listener.with(held, |state| {
            let children = state.queue.close();
            (children, state.shards, state.notify.take())
        });
        listener.wake();
        held.outside(|| drop(notify));
        let ours = |syn: Option<&SynEntry>| syn.is_some_and(|syn| syn.origin.listener == handle);
        for (_, entry) in self.take_if(held, shards, ours) {
            self.forget(held, Some(entry));
        }
        for child in children {
            if keeps(Rule::AbortChildren) {
                self.abort_child(held, child);
            }
        }
    }
}

/// The last handle to the listener is gone.
impl Drop for ListenerFile {
    fn drop(&mut self) {
        let handle = self.listener.handle();
        self.shared
            .close_listener(&mut Token::root(), &self.listener, handle, self.address);
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("address", &self.file.address)
            .finish_non_exhaustive()
    }
}
