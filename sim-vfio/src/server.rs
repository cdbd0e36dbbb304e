//! One device on one socket and one thread.

use std::{
    fs, io,
    os::unix::{
        fs::FileTypeExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use crate::{
    Bell, Counts, ServedNic, counts::Counters, device::VfioDevice, link::Link, turns::Turns,
};

/// A device cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another server answers there.
    #[error("{} is served already: stop that server or choose another socket", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else lies there.
    #[error("{} exists and is no socket: remove it or choose another path", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The NIC does not answer.
    #[error("the simulated NIC shows no magic word")]
    NoNic,
    /// The operating system said no.
    #[error("{what} for {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The socket.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// A NIC that is being served as a vfio-user device, to one client after the other. Dropping it ends that, and removes
/// the socket.
pub struct Server<N> {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    bell: Bell,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<N>>,
}

impl<N: ServedNic + 'static> Server<N> {
    /// Serves `nic` on a socket at `path`; a socket that a dead server left there is replaced. `bell` is rung by
    /// whoever puts frames on the NIC's wire ([`ringing_pair`](crate::ringing_pair)).
    ///
    /// When this returns, clients can connect.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn start(nic: N, path: &Path, bell: Option<Bell>) -> Result<Self, ServeError> {
        let failed = |what| {
            move |source| ServeError::Io {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let bell = match bell {
            Some(bell) => bell,
            None => Bell::new().map_err(failed("creating an eventfd"))?,
        };
        let outside = nic.outside().map(|fd| fd.try_clone_to_owned());
        let outside = outside
            .transpose()
            .map_err(failed("duplicating the wire's descriptor"))?;
        let link = Arc::new(Link::default());
        let counters = Arc::new(Counters::default());
        let device = VfioDevice::new(nic, Arc::clone(&link), Arc::clone(&counters));
        let device = device.ok_or(ServeError::NoNic)?;
        clear(path)?;
        let listener = UnixListener::bind(path).map_err(failed("binding the socket"))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("preparing the socket"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Turns {
            device,
            link,
            listener,
            bell: bell.clone(),
            stop: Arc::clone(&stop),
            counters: Arc::clone(&counters),
            client: None,
            since: Instant::now(),
            waiting: Vec::new(),
            outside,
        };
        let thread = std::thread::Builder::new()
            .name("vfio-user".into())
            .spawn(move || turns.run())
            .map_err(failed("starting a thread"))?;
        tracing::info!(socket = %path.display(), "serving a NIC");
        Ok(Self {
            path: path.to_owned(),
            stop,
            bell,
            counters,
            thread: Some(thread),
        })
    }
}

impl<N> Server<N> {
    /// Where clients connect.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counters.snapshot()
    }

    /// True while clients can connect: the device's thread has not died.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Ends serving and gives the NIC back; `None` if its thread has panicked.
    pub fn stop(mut self) -> Option<N> {
        self.end()
    }

    fn end(&mut self) -> Option<N> {
        let thread = self.thread.take()?;
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        let nic = thread.join().ok();
        if nic.is_none() {
            tracing::error!("the thread of a served NIC has panicked");
        }
        let _ = fs::remove_file(&self.path);
        nic
    }
}

impl<N> Drop for Server<N> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes room for a socket at `path`.
fn clear(path: &Path) -> Result<(), ServeError> {
    let path = path.to_owned();
    match fs::symlink_metadata(&path) {
        Err(_) => Ok(()),
        Ok(found) if !found.file_type().is_socket() => Err(ServeError::NotASocket { path }),
        Ok(_) if UnixStream::connect(&path).is_ok() => Err(ServeError::InUse { path }),
        Ok(_) => fs::remove_file(&path).map_err(|source| ServeError::Io {
            what: "removing a dead server's socket",
            path,
            source,
        }),
    }
}
