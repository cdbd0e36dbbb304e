//! How the command ends.

use longshore_device::DeviceError;
use longshore_driver::DriverError;
use longshore_sockets::StackError;
use longshore_sysfs::SysfsError;
use std::process::ExitCode;

/// What `--help` and the manual page end with.
pub(crate) const EPILOGUE: &str = "\
Environment:
  LONGSHORE_LOG  what to log on standard error: warn, debug, longshore_sockets=trace

Exit codes:
  0    done
  1    it failed: no answer, a transfer that broke off, a file that cannot be read
  2    the command line is wrong
  3    the device, or what reaches it, failed
  4    `doctor` found something missing
  130  interrupted";

/// An end that is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// It was done, and the answer is no: nobody answered a ping.
    Negative,
    /// The host lacks something.
    Missing,
    /// Ctrl-C, or a signal that asks to end.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Negative => 1,
            Outcome::Missing => 4,
            Outcome::Interrupted => 130,
        })
    }
}

/// 3 if device, driver or system are the cause, else 1.
pub(crate) fn exit_code_of(error: &anyhow::Error) -> u8 {
    let device = error.chain().any(|cause| {
        #[cfg(feature = "sim")]
        if cause.is::<sim_wire::privileges::Unavailable>() {
            return true;
        }
        cause.is::<DeviceError>()
            || cause.is::<DriverError>()
            || cause.is::<longshore_device_vfio::OpenError>()
            || cause.is::<longshore_device_vfio_user::OpenError>()
            || cause.is::<StackError>()
            || cause.is::<SysfsError>()
    });
    if device { 3 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_device_is_to_blame_however_deep_it_lies() {
        let lost = Err::<(), _>(DriverError::Device(DeviceError::Gone));
        let error = lost.context("opening the NIC").unwrap_err();
        assert_eq!(exit_code_of(&error), 3);
        assert_eq!(exit_code_of(&anyhow::anyhow!("no such file")), 1);
    }
}
