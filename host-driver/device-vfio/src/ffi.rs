//! What the kernel is asked for without a crate in between.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};

use iommufd_bindings::iommufd::{
    IOMMUFD_CMD_IOAS_IOVA_RANGES, IOMMUFD_TYPE, iommu_ioas_iova_ranges, iommu_iova_range,
};
use longshore_device::{DeviceError, Interrupt};
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    ioctl::{NoArg, Opcode, Updater, ioctl, opcode},
};
use std::os::fd::AsFd;
use vfio_bindings::bindings::vfio::{VFIO_BASE, VFIO_TYPE};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioIommufd};
use vmm_sys_util::eventfd::EventFd;

use crate::{
    OpenError,
    iova::{Apertures, parse},
};

/// `VFIO_DEVICE_RESET`: no argument.
const DEVICE_RESET: Opcode = opcode::none(VFIO_TYPE, (VFIO_BASE + 11) as u8);
/// `VFIO_IOMMU_GET_INFO`: an info structure that says how long it may become.
const IOMMU_GET_INFO: Opcode = opcode::none(VFIO_TYPE, (VFIO_BASE + 12) as u8);
/// `IOMMU_IOAS_IOVA_RANGES`: a structure that points at an array.
const IOAS_IOVA_RANGES: Opcode = opcode::none(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES as u8);

/// The device's file, for reads and writes of its regions.
pub(crate) fn file(device: &VfioDevice) -> BorrowedFd<'_> {
    // SAFETY: the file is open as long as `device` lives, and the result does not outlive the borrow.
    unsafe { BorrowedFd::borrow_raw(device.as_raw_fd()) }
}

/// Resets the function. `vfio-ioctls` has a call for it, which keeps the result to itself.
pub(crate) fn reset(device: &VfioDevice) -> Result<(), Errno> {
    // SAFETY: the operation code is VFIO's, and takes no argument.
    let request = unsafe { NoArg::<DEVICE_RESET>::new() };
    // SAFETY: the file is a VFIO device's; the kernel touches no memory of ours.
    unsafe { ioctl(file(device), request) }
}

/// Words of room for a description of an IOMMU: some hundred ranges, where a PC has two.
const INFO_WORDS: usize = 1024;

/// What the IOMMU behind a container can map.
pub(crate) fn container_apertures(container: &VfioContainer) -> Result<Apertures, OpenError> {
    // Its first word tells its length in bytes; as 8-byte words, because it holds such.
    let mut info = [0u64; INFO_WORDS];
    let len = (8 * INFO_WORDS) as u32;
    let mut head = [0; 8];
    head[..4].copy_from_slice(&len.to_ne_bytes());
    info[0] = u64::from_ne_bytes(head);
    // SAFETY: the container's file is open as long as `container` lives.
    let file = unsafe { BorrowedFd::borrow_raw(container.as_raw_fd()) };
    // SAFETY: the operation code is VFIO's, and the kernel writes at most as many bytes as the first word says.
    let request = unsafe { Updater::<IOMMU_GET_INFO, _>::new(&mut info) };
    // SAFETY: the file is a VFIO container's; `info` is as long as it says.
    unsafe { ioctl(file, request) }
        .map_err(|e| DeviceError::io("asking VFIO what the IOMMU maps")(e.into()))?;
    let answer: Vec<u8> = info.iter().flat_map(|word| word.to_ne_bytes()).collect();
    parse(&answer)
}

/// What the IOMMU behind an IOAS can map.
pub(crate) fn iommufd_apertures(iommufd: &VfioIommufd) -> Result<Apertures, OpenError> {
    let mut ranges = [iommu_iova_range::default(); INFO_WORDS / 2];
    let mut query = iommu_ioas_iova_ranges {
        size: size_of::<iommu_ioas_iova_ranges>() as u32,
        ioas_id: iommufd.ioas().id(),
        num_iovas: ranges.len() as u32,
        allowed_iovas: ranges.as_mut_ptr().addr() as u64,
        ..Default::default()
    };
    ranges.as_mut_ptr().expose_provenance();
    // SAFETY: the file is open as long as `iommufd` lives.
    let file = unsafe { BorrowedFd::borrow_raw(iommufd.iommufd().as_raw_fd()) };
    // SAFETY: the operation code is iommufd's, and this is its structure.
    let request = unsafe { Updater::<IOAS_IOVA_RANGES, _>::new(&mut query) };
    // SAFETY: the file is an iommufd; `ranges` is as long as the query says and outlives the call.
    unsafe { ioctl(file, request) }
        .map_err(|e| DeviceError::io("asking iommufd what the IOMMU maps")(e.into()))?;
    let known = ranges.iter().take(query.num_iovas as usize);
    Apertures::new(
        query.out_iova_alignment,
        known.map(|range| range.start..=range.last),
    )
}

/// Another file of the interrupt's eventfd, as `vfio-ioctls` takes it.
pub(crate) fn eventfd(interrupt: &Interrupt) -> Result<EventFd, DeviceError> {
    let fd = fcntl_dupfd_cloexec(interrupt.as_fd(), 0)
        .map_err(|e| DeviceError::io("duplicating an eventfd")(e.into()))?;
    // SAFETY: the descriptor is an eventfd's, and `into_raw_fd` gave up its ownership.
    Ok(unsafe { EventFd::from_raw_fd(fd.into_raw_fd()) })
}
