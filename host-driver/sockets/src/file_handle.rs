//! What every handle of a file has, whatever its protocol.

/// The calls of a handle whose field `file` is an `Arc<File<_>>`: to share it, how long it waits, what it is ready for.
macro_rules! file_handle {
    ($handle:ty) => {
        impl $handle {
            /// Another handle to the same file: its peer, time-outs and blocking mode are shared.
            ///
            /// # Errors
            /// None.
            pub fn try_clone(&self) -> std::io::Result<Self> {
                Ok(Self {
                    file: std::sync::Arc::clone(&self.file),
                })
            }

            /// Whether calls return `WouldBlock` instead of waiting.
            ///
            /// # Errors
            /// None.
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                let flag = &self.file.nonblocking;
                flag.store(nonblocking, longshore_refs::sync::atomic::Ordering::Relaxed);
                Ok(())
            }

            /// How long reading or receiving waits; `None` is without end.
            ///
            /// # Errors
            /// `InvalidInput` for a time-out of 0.
            pub fn set_read_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.file.set_timeout($crate::file::Side::Read, timeout)
            }

            /// How long writing or sending waits; `None` is without end.
            ///
            /// # Errors
            /// `InvalidInput` for a time-out of 0.
            pub fn set_write_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.file.set_timeout($crate::file::Side::Write, timeout)
            }

            /// How long reading or receiving waits.
            ///
            /// # Errors
            /// None.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.file.timeout($crate::file::Side::Read))
            }

            /// How long writing or sending waits.
            ///
            /// # Errors
            /// None.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.file.timeout($crate::file::Side::Write))
            }

            /// Why the connection failed or the socket ended, or what ICMP told of its peer, if nobody was told yet.
            ///
            /// # Errors
            /// None.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                Ok(self.file.take_error())
            }

            /// What can be done now without waiting.
            #[must_use]
            pub fn readiness(&self) -> $crate::ready::Readiness {
                self.file.readiness()
            }

            /// Whom to tell when the readiness may have changed; replaces an earlier one.
            pub fn set_notify(&self, notify: Option<std::sync::Arc<dyn $crate::ready::Notify>>) {
                self.file.set_notify(notify);
            }
        }
    };
}

pub(crate) use file_handle;
