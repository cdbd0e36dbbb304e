//! Sockets and the references to them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use longshore_refs::{Census, Ref, holder, holder::Holder};

use crate::pcb::Pcb;

/// A socket: from `socket()` or the end of a passive handshake until its last reference goes.
///
/// It owns its Pcb from attach (its making) to detach (its drop): whoever has a socket has a Pcb. The question
/// is never "is it there?" but "is it dropped?".
#[derive(Debug)]
pub(crate) struct Socket {
    pcb: Ref<holder::P, Pcb>,
    census: Arc<Census>,
}

impl Socket {
    /// Attaches a socket to a Pcb. The first reference is `N`'s.
    pub(crate) fn attach<N: Holder>(
        pcb: Ref<holder::P, Pcb>,
        census: &Arc<Census>,
    ) -> SocketRef<N> {
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
    pub(crate) fn pcb(&self) -> &Ref<holder::P, Pcb> {
        &self.pcb
    }
}

/// A counted reference of holder `N` to a socket. The last one's drop detaches and frees it; nothing else does.
pub(crate) struct SocketRef<N: Holder> {
    socket: Arc<Socket>,
    holder: PhantomData<N>,
}

impl<N: Holder> SocketRef<N> {
    /// Another reference, for holder `M`.
    pub(crate) fn duplicate<M: Holder>(&self) -> SocketRef<M> {
        self.socket.census.enter(M::NAME);
        SocketRef {
            socket: Arc::clone(&self.socket),
            holder: PhantomData,
        }
    }

    /// Hands this reference on to holder `M`.
    pub(crate) fn transfer<M: Holder>(self) -> SocketRef<M> {
        self.duplicate()
    }
}

impl<N: Holder> Drop for SocketRef<N> {
    fn drop(&mut self) {
        self.socket.census.leave(N::NAME);
    }
}

impl<N: Holder> Deref for SocketRef<N> {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl<N: Holder> fmt::Debug for SocketRef<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", N::NAME, self.socket.pcb)
    }
}
