//! Blocking streams in virtual time: whenever a call would block, the world goes a step on.

use crate::world::pair::Pair;
use longshore_sockets::{TcpListener, TcpStream};
use std::cell::RefCell;
use std::io::{self, Read, Write};

/// A world, and whatever else moves with it.
pub trait World {
    /// One step.
    ///
    /// # Errors
    /// Nothing will happen any more, or what else moves has failed.
    fn step(&mut self) -> io::Result<()>;

    /// The pair, to be told of calls.
    fn pair(&mut self) -> &mut Pair;

    /// Whether there is nothing more to wait for: calls that would block fail then.
    fn is_over(&self) -> bool;
}

/// A non-blocking stream of host `end` that steps the world where it would block.
pub struct SteppingStream<'a, W> {
    stream: TcpStream,
    end: usize,
    world: &'a RefCell<W>,
}

impl<'a, W: World> SteppingStream<'a, W> {
    /// Makes `stream` non-blocking.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn new(stream: TcpStream, end: usize, world: &'a RefCell<W>) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, end, world })
    }
}

/// Steps `world` until `call` does not block.
fn until<W: World, R>(
    world: &RefCell<W>,
    end: usize,
    mut call: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        let result = call();
        let mut world = world.borrow_mut();
        match result {
            // A call that would block has given the host nothing to do.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if world.is_over() {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                world.step()?;
            }
            done => {
                world.pair().called(end);
                return done;
            }
        }
    }
}

impl<W: World> Read for SteppingStream<'_, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        until(self.world, self.end, || self.stream.read(buf))
    }
}

impl<W: World> Write for SteppingStream<'_, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        until(self.world, self.end, || self.stream.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Accepts a connection on host `end`.
///
/// # Errors
/// The listener's.
pub fn accept<'a, W: World>(
    listener: &TcpListener,
    end: usize,
    world: &'a RefCell<W>,
) -> io::Result<SteppingStream<'a, W>> {
    listener.set_nonblocking(true)?;
    let (stream, _) = until(world, end, || listener.accept())?;
    SteppingStream::new(stream, end, world)
}
