//! Copies from and to a C program's memory, with EFAULT for what it does not have.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::errno::{Errno, Result};

/// Plain C data: any bytes are a value of it, and it has no drop.
///
/// # Safety
/// Every bit pattern must be valid for the type.
pub(super) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($kind:ty),*) => {
        $(
            // SAFETY: made of integers and raw pointers, of which every bit pattern is a value.
            unsafe impl Plain for $kind {}
        )*
    };
}

plain!(
    u8,
    i32,
    u32,
    libc::iovec,
    libc::msghdr,
    libc::pollfd,
    libc::epoll_event,
    libc::timeval
);

/// The kernel's copy, which checks both sides. `None`: it may not be used here.
fn kernel_copy(from: libc::iovec, to: libc::iovec, write: bool) -> Option<Result<()>> {
    let (local, remote) = if write { (from, to) } else { (to, from) };
    // SAFETY: no pointers, no preconditions.
    let pid = unsafe { libc::getpid() };
    let copy = if write {
        libc::process_vm_writev
    } else {
        libc::process_vm_readv
    };
    // SAFETY: the two descriptions of memory are ours and outlive the call. `local` describes our own buffer; whatever
    // `remote` describes, the kernel checks it and copies only if it is mapped.
    let moved = unsafe { copy(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(moved) {
        Ok(n) if n == local.iov_len => Some(Ok(())),
        Ok(_) => Some(Err(Errno::EFAULT)),
        Err(_) => match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EFAULT) => Some(Err(Errno::EFAULT)),
            // A sandbox that has no such call: null is all that can be told then.
            _ => None,
        },
    }
}

fn describe(pointer: *const c_void, len: usize) -> libc::iovec {
    libc::iovec {
        iov_base: pointer.cast_mut(),
        iov_len: len,
    }
}

/// Copies `len` bytes from `from`.
///
/// # Errors
/// EFAULT if they are not there, ENOMEM if there is no room for them here.
pub(super) fn read(from: *const c_void, len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    if len == 0 {
        return Ok(bytes);
    }
    if from.is_null() {
        return Err(Errno::EFAULT);
    }
    bytes.resize(len, 0);
    let to = describe(bytes.as_ptr().cast(), len);
    match kernel_copy(describe(from, len), to, false) {
        Some(result) => result?,
        // SAFETY: the caller's contract is C's: a pointer that is not null is to `len` readable bytes. The vector has as
        // many, and they do not overlap, for it is new.
        None => unsafe {
            std::ptr::copy_nonoverlapping(from.cast::<u8>(), bytes.as_mut_ptr(), len);
        },
    }
    Ok(bytes)
}

/// Copies `bytes` to `to`.
///
/// # Errors
/// EFAULT if there is no such memory.
pub(super) fn write(to: *mut c_void, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    if to.is_null() {
        return Err(Errno::EFAULT);
    }
    let from = describe(bytes.as_ptr().cast(), bytes.len());
    match kernel_copy(from, describe(to, bytes.len()), true) {
        Some(result) => result,
        None => {
            // SAFETY: the caller's contract is C's: a pointer that is not null is to as many writable bytes. They are not
            // ours, so they do not overlap.
            unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast::<u8>(), bytes.len());
            }
            Ok(())
        }
    }
}

/// Copies a value from `from`.
///
/// # Errors
/// As [`read`].
pub(super) fn get<T: Plain>(from: *const T) -> Result<T> {
    let bytes = read(from.cast(), size_of::<T>())?;
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: `bytes` has as many as the value takes.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), value.as_mut_ptr().cast::<u8>(), bytes.len());
    }
    // SAFETY: all its bytes were written, and any bytes are a value of a `Plain` type.
    Ok(unsafe { value.assume_init() })
}

/// Copies `count` values from `from`.
///
/// # Errors
/// As [`read`]; EINVAL for more than `most`.
pub(super) fn get_all<T: Plain>(from: *const T, count: usize, most: usize) -> Result<Vec<T>> {
    if count > most {
        return Err(Errno::EINVAL);
    }
    (0..count).map(|i| get(from.wrapping_add(i))).collect()
}

/// Copies a value to `to`.
///
/// # Errors
/// As [`write()`].
pub(super) fn put<T: Plain>(to: *mut T, value: T) -> Result<()> {
    let from = (&raw const value).cast::<u8>();
    // SAFETY: `value` lives on, and so many bytes are its. Padding, if any, was copied into it from initialised memory or
    // is written by nobody: none of the `Plain` types that are put has any.
    let bytes = unsafe { std::slice::from_raw_parts(from, size_of::<T>()) };
    write(to.cast(), bytes)
}

/// A C string, if it is text.
///
/// # Errors
/// EFAULT if it is not there; EINVAL if it is longer than a command line, or no text.
pub(super) fn text(from: *const c_char) -> Result<String> {
    const MOST: usize = 128 * 1024;
    let mut bytes = Vec::new();
    while bytes.len() < MOST {
        let byte = get(from.cast::<u8>().wrapping_add(bytes.len()))?;
        if byte == 0 {
            return String::from_utf8(bytes).map_err(|_| Errno::EINVAL);
        }
        bytes.push(byte);
    }
    Err(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_copied_and_what_is_not_is_efault() {
        let data = *b"some bytes";
        assert_eq!(read(data.as_ptr().cast(), data.len()).unwrap(), data);
        let mut out = [0u8; 4];
        write(out.as_mut_ptr().cast(), b"more").unwrap();
        assert_eq!(&out, b"more");
        assert_eq!(read(std::ptr::null(), 1), Err(Errno::EFAULT));
        assert_eq!(write(std::ptr::null_mut(), &[1]), Err(Errno::EFAULT));
        assert_eq!(read(std::ptr::null(), 0), Ok(Vec::new()));
        assert_eq!(text(c"flags".as_ptr()).unwrap(), "flags");
        assert_eq!(text(std::ptr::null()), Err(Errno::EFAULT));
        // The first page is nobody's; where the kernel may be asked, it knows.
        if kernel_copy(
            describe(out.as_ptr().cast(), 4),
            describe(data.as_ptr().cast(), 4),
            false,
        )
        .is_some()
        {
            assert_eq!(read(std::ptr::without_provenance(8), 4), Err(Errno::EFAULT));
        }
    }

    #[test]
    fn values_go_there_and_back() {
        let mut value = 7i32;
        put(&raw mut value, 9).unwrap();
        assert_eq!(get(&raw const value), Ok(9));
        let list = [1u32, 2, 3];
        assert_eq!(get_all(list.as_ptr(), 3, 3), Ok(list.to_vec()));
        assert_eq!(get_all(list.as_ptr(), 3, 2), Err(Errno::EINVAL));
    }
}
