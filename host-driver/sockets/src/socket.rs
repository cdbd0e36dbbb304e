//! Sockets and the references to them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use longshore_refs::{Census, Ref, holder, holder::Holder};

use crate::pcb::Pcb;
use crate::protocol::Protocol;
use crate::tcp::Tcp;

/// A socket: from `socket()` or the end of a passive handshake until its last reference goes.
///
/// It owns its Pcb from attach (its making) to detach (its drop): whoever has a socket has a Pcb. The question
/// is never "is it there?" but "is it dropped?".
#[derive(Debug)]
pub(crate) struct Socket<P: Protocol = Tcp> {
    pcb: Ref<holder::P, Pcb<P>>,
    census: Arc<Census>,
}

impl<P: Protocol> Socket<P> {
    /// Attaches a socket to a Pcb. The first reference is `N`'s.
    pub(crate) fn attach<N: Holder>(
        pcb: Ref<holder::P, Pcb<P>>,
        census: &Arc<Census>,
    ) -> SocketRef<N, P> {
        census.enter(N::NAME);
        let socket = Self {
            pcb,
            census: Arc::clone(census),
        };
        SocketRef {
            socket: Arc::new(socket),
            holder: PhantomData,
        }
    }

    /// The Pcb.
    pub(crate) fn pcb(&self) -> &Ref<holder::P, Pcb<P>> {
        &self.pcb
    }
}

/// A counted reference of holder `N` to a socket. The last one's drop detaches and frees it; nothing else does.
pub(crate) struct SocketRef<N: Holder, P: Protocol = Tcp> {
    socket: Arc<Socket<P>>,
    holder: PhantomData<N>,
}

impl<N: Holder, P: Protocol> SocketRef<N, P> {
    /// Another reference, for holder `M`.
    pub(crate) fn duplicate<M: Holder>(&self) -> SocketRef<M, P> {
        self.socket.census.enter(M::NAME);
        SocketRef {
            socket: Arc::clone(&self.socket),
            holder: PhantomData,
        }
    }

    /// Hands this reference on to holder `M`.
    pub(crate) fn transfer<M: Holder>(self) -> SocketRef<M, P> {
        self.duplicate()
    }
}

impl<N: Holder, P: Protocol> Drop for SocketRef<N, P> {
    fn drop(&mut self) {
        self.socket.census.leave(N::NAME);
    }
}

impl<N: Holder, P: Protocol> Deref for SocketRef<N, P> {
    type Target = Socket<P>;

    fn deref(&self) -> &Socket<P> {
        &self.socket
    }
}

impl<N: Holder, P: Protocol> fmt::Debug for SocketRef<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", N::NAME, self.socket.pcb)
    }
}
