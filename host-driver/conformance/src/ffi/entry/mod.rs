//! One function for each of the table's: from C's types to values and back. Here is what they share.

pub(super) mod control;
pub(super) mod life;
pub(super) mod net;
pub(super) mod pipe;
pub(super) mod read;
pub(super) mod ready;
pub(super) mod write;

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use libc::{iovec, sockaddr, socklen_t, ssize_t};
use parking_lot::Mutex;

use crate::errno::{Errno, Result};
use crate::ffi::memory;
use crate::port::Port;
use crate::socket::tcp::MOST;

/// All ports by what C has as their `userdata`.
static PORTS: Mutex<BTreeMap<usize, Arc<Port>>> = Mutex::new(BTreeMap::new());

/// The `userdata` of no port.
pub(super) const NOBODY: *mut c_void = std::ptr::null_mut();

/// UIO_MAXIOV
const IOVECS: usize = 1024;
/// Longest `struct sockaddr`.
const NAME: usize = size_of::<libc::sockaddr_storage>();

/// Makes a port; what C gets to know it by.
pub(super) fn open(flags: &str) -> std::result::Result<*mut c_void, String> {
    let port = Arc::new(Port::new(flags)?);
    let mut ports = PORTS.lock();
    let key = ports.last_key_value().map_or(1, |(last, _)| last + 1);
    ports.insert(key, port);
    Ok(std::ptr::without_provenance_mut(key))
}

/// A number that says "failed" by being -1.
trait Answer {
    const FAILED: Self;
}

impl Answer for c_int {
    const FAILED: Self = -1;
}

impl Answer for ssize_t {
    const FAILED: Self = -1;
}

/// Runs a call for a port: a failure becomes -1 and `errno`. So does a panic, which must not reach C.
fn answer<R: Answer>(userdata: *mut c_void, call: impl FnOnce(&Port) -> Result<R>) -> R {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let port = PORTS.lock().get(&userdata.addr()).cloned();
        call(&*port.ok_or(Errno::ENODEV)?)
    }));
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            set_errno(error);
            R::FAILED
        }
        Err(_) => {
            set_errno(Errno::EIO);
            R::FAILED
        }
    }
}

fn set_errno(error: Errno) {
    // SAFETY: no preconditions; the pointer is to this thread's `errno`.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: see above; it is valid as long as the thread is.
    unsafe { *place = error.0 };
}

fn count(n: usize) -> Result<ssize_t> {
    ssize_t::try_from(n).map_err(|_| Errno::EINVAL)
}

/// The bytes of a `struct sockaddr`.
fn name_in(address: *const sockaddr, len: socklen_t) -> Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    if len > NAME {
        return Err(Errno::EINVAL);
    }
    memory::read(address.cast(), len)
}

/// Hands out a `struct sockaddr`, cut to the room there is; its length is told in full. Nothing if nobody asks.
fn name_out(name: &[u8], address: *mut sockaddr, len: *mut socklen_t) -> Result<()> {
    if address.is_null() {
        return Ok(());
    }
    let room = i32::try_from(memory::get(len)?).map_err(|_| Errno::EINVAL)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    memory::write(address.cast(), &name[..name.len().min(room)])?;
    memory::put(len, name.len() as socklen_t)
}

/// The buffers of a vector, and how many bytes they have together.
fn vector(iov: *const iovec, len: usize) -> Result<(Vec<iovec>, usize)> {
    let buffers = memory::get_all(iov, len, IOVECS)?;
    let mut total = 0usize;
    for buffer in &buffers {
        total = total.checked_add(buffer.iov_len).ok_or(Errno::EINVAL)?;
    }
    count(total)?;
    Ok((buffers, total))
}

/// The bytes of all buffers, up to what one call moves.
fn gather(buffers: &[iovec]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for buffer in buffers {
        let len = buffer.iov_len.min(MOST - bytes.len());
        match memory::read(buffer.iov_base, len) {
            Ok(part) => bytes.extend(part),
            // As Linux: what came before the bad buffer is sent.
            Err(_) if !bytes.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Spreads bytes over buffers.
fn scatter(mut bytes: &[u8], buffers: &[iovec]) -> Result<()> {
    for buffer in buffers {
        let (part, rest) = bytes.split_at(bytes.len().min(buffer.iov_len));
        memory::write(buffer.iov_base, part)?;
        bytes = rest;
    }
    Ok(())
}

fn iovec_count(n: c_int) -> Result<usize> {
    usize::try_from(n).map_err(|_| Errno::EINVAL)
}
