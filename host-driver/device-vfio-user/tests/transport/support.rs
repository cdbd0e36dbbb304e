//! Servers, right and wrong.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use longshore_device_vfio_user::{Options, VfioUser};
use longshore_vfio_user::{Channel, Message};
use nic_model::{Config, Model};
use sim_vfio::Server;
use sim_wire::LineConfig;
use sim_wire::pair::{PairEnd, pair};
use tempfile::TempDir;

/// A served model.
pub(crate) struct World {
    pub(crate) server: Server<Model<PairEnd>>,
    pub(crate) path: PathBuf,
    _far: PairEnd,
    _scratch: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("nic.sock");
        let (near, far) = pair(LineConfig::default());
        let model = Model::new(Config::default(), near);
        Self {
            server: Server::start(model, &path, None).unwrap(),
            path,
            _far: far,
            _scratch: scratch,
        }
    }

    pub(crate) fn open(&self) -> VfioUser {
        VfioUser::connect(&self.path).unwrap()
    }
}

/// Gives up soon: for servers that never answer.
pub(crate) const IMPATIENT: Options = Options {
    timeout: Duration::from_millis(200),
    farewell: Duration::from_millis(200),
};

/// A server that does what a script says with the one client it takes.
pub(crate) struct Script {
    pub(crate) path: PathBuf,
    thread: Option<JoinHandle<()>>,
    _scratch: TempDir,
}

impl Script {
    pub(crate) fn new(play: impl FnOnce(Channel) + Send + 'static) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("wrong.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            play(Channel::new(stream).unwrap());
        });
        Self {
            path,
            thread: Some(thread),
            _scratch: scratch,
        }
    }

    /// Plays a man in the middle: passes messages on to the server at `path` until `stop` says so of one.
    pub(crate) fn between(
        path: &Path,
        mut stop: impl FnMut(&Message) -> bool + Send + 'static,
        end: impl FnOnce(Channel) + Send + 'static,
    ) -> Self {
        let mut server = Channel::connect(path, later()).unwrap();
        Self::new(move |mut client| {
            while let Ok(message) = client.receive(later()) {
                if stop(&message) {
                    return end(client);
                }
                pass(&message, &mut server);
                if !message.header.no_reply() {
                    pass(&server.receive(later()).unwrap(), &mut client);
                }
            }
        })
    }

    pub(crate) fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

fn pass(message: &Message, to: &mut Channel) {
    use std::os::fd::AsFd;
    let fds: Vec<_> = message.fds.iter().map(AsFd::as_fd).collect();
    to.send(message.header, &[&message.body], &fds, later())
        .unwrap();
}

pub(crate) fn later() -> Instant {
    Instant::now() + Duration::from_secs(20)
}
