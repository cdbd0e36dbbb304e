//! The one call that makes a TAP of a file, which no crate makes for a TAP that is there already.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `TUNSETIFF` (`linux/if_tun.h`): takes a `struct ifreq`, although it is declared with an `int`.
const TUNSETIFF: Opcode = opcode::write::<libc::c_int>(b'T', 202);
/// Names have a 0 at their end.
pub(super) const NAME_MAX: usize = libc::IFNAMSIZ - 1;

// Flags are declared as `int` and have 16 bits in the structure.
const FLAGS: u16 = (libc::IFF_TAP | libc::IFF_NO_PI) as u16;
const FRESH: u16 = libc::IFF_TUN_EXCL as u16;
const QUEUES: u16 = libc::IFF_MULTI_QUEUE as u16;

/// `struct ifreq` (`linux/if.h`): a name, and a union of which the flags are used.
#[repr(C, align(8))]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: u16,
    unused: [u8; 22],
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

/// Opens the TAP `name` without blocking, or creates it (with `fresh` nothing else): Ethernet frames, nothing before them.
///
/// A name that the kernel would cut short is refused as the kernel refuses others (`EINVAL`).
pub(super) fn attach(name: &str, fresh: bool) -> io::Result<OwnedFd> {
    let bytes = name.as_bytes();
    // The kernel takes `%d` for a pattern, and no name for `tap%d`.
    if bytes.is_empty() || bytes.len() > NAME_MAX || bytes.contains(&b'%') || bytes.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = open("/dev/net/tun", flags, Mode::empty())?;
    let mut request = Request {
        name: [0; libc::IFNAMSIZ],
        flags: FLAGS | if fresh { FRESH } else { 0 },
        unused: [0; 22],
    };
    request.name[..bytes.len()].copy_from_slice(bytes);
    match set(&file, &mut request) {
        // One that was made for several queues wants to hear so: we are one of them.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            request.flags |= QUEUES;
            set(&file, &mut request)?;
        }
        done => done?,
    }
    Ok(file)
}

fn set(file: &OwnedFd, request: &mut Request) -> io::Result<()> {
    // SAFETY: the operation code takes a pointer to a `struct ifreq`, which `Request` is in size and layout.
    let call = unsafe { Updater::<TUNSETIFF, _>::new(request) };
    // SAFETY: the file is the TAP driver's; the kernel reads and writes no more than the structure.
    Ok(unsafe { ioctl(file, call) }?)
}
