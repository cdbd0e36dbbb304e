//! `getsockopt`, `setsockopt`, `ioctl`.

use crate::errno::Result;
use crate::port::Port;

impl Port {
    /// getsockopt(2): the value's bytes.
    pub(crate) fn get_option(&self, fd: i32, level: i32, option: i32) -> Result<Vec<u8>> {
        self.call(|core| {
            if let Some(udp) = core.files.udp(fd)? {
                return udp.get_option(level, option);
            }
            core.files.tcp(fd)?.get_option(level, option)
        })
    }

    /// setsockopt(2), with the bytes of the value if they could be read.
    pub(crate) fn set_option(
        &self,
        fd: i32,
        level: i32,
        option: i32,
        value: Result<Vec<u8>>,
    ) -> Result<()> {
        self.call(|core| {
            if let Some(udp) = core.files.udp(fd)? {
                return udp.set_option(level, option, &value?);
            }
            let tcp = core.files.tcp(fd)?;
            tcp.set_option(level, option, &value?)
        })
    }

    /// ioctl(2): the int to hand out, if any; `argument` reads the one that was handed in.
    pub(crate) fn ioctl(
        &self,
        fd: i32,
        request: libc::c_ulong,
        argument: impl FnOnce() -> Result<i32>,
    ) -> Result<Option<i32>> {
        self.call(|core| {
            let file = core.files.get_mut(fd)?;
            if request == libc::FIONBIO {
                file.nonblocking = argument()? != 0;
                return Ok(None);
            }
            core.files.queued(fd, request).map(Some)
        })
    }
}
