//! The main job between two NICs in virtual time: an HTTP server on one, a client on the other.

use super::client::Client;
use super::progress;
use super::sample::Sample;
use super::stepping::{World, accept};
use super::summary::{NicReport, Transfer};
use crate::world::pair::{ENDS, Pair, addresses};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use longshore_http::Server;
use longshore_sockets::{TcpListener, TcpStream};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

const SERVER: usize = 0;
const CLIENT: usize = 1;
const PORT: u16 = 80;

/// What the job gives.
pub struct Outcome {
    /// Download and upload.
    pub transfers: [Transfer; 2],
    /// Both NICs.
    pub nics: [NicReport; 2],
}

/// The pair and the client, which moves with it.
struct Moving {
    pair: Pair,
    client: Client,
    bars: [ProgressBar; 2],
}

impl World for Moving {
    fn step(&mut self) -> io::Result<()> {
        self.pair.step().map_err(io::Error::other)?;
        let moved = self
            .client
            .advance(self.pair.now())
            .map_err(io::Error::other)?;
        if moved {
            self.pair.called(CLIENT);
            let (down, up) = self.client.moved();
            self.bars[0].set_position(down);
            self.bars[1].set_position(up);
        }
        Ok(())
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn is_over(&self) -> bool {
        self.client.is_done()
    }
}

/// Downloads `sample` from one NIC's server to the other's client and uploads it back, over IPv4 or IPv6.
///
/// # Errors
/// A connection failed, or nothing happens any more.
pub fn run(pair: Pair, sample: &Sample, ipv6: bool) -> Result<Outcome> {
    let address = SocketAddr::new(addresses(SERVER as u8)[usize::from(ipv6)], PORT);
    let listener = TcpListener::bind(&pair.hosts[SERVER].stack, address).context("listening")?;
    let stream =
        TcpStream::start_connect(&pair.hosts[CLIENT].stack, address).context("connecting")?;
    let body = std::fs::read(&sample.path)?;
    let client = Client::new(stream, sample.name()?, body)?;
    let since = [pair.hosts[0].mmio(), pair.hosts[1].mmio()];
    let start = Instant::now();
    let moving = RefCell::new(Moving {
        pair,
        client,
        bars: [
            progress::bar("download", sample.len),
            progress::bar("upload", sample.len),
        ],
    });
    moving.borrow_mut().pair.called(CLIENT);
    let server = Arc::new(Server::new(sample.folder()));
    let connection = accept(&listener, SERVER, &moving).context("accepting")?;
    // The server's calls move the world; it is over when the client is done.
    let served = server.serve(connection);
    let wall = start.elapsed();
    let Moving { pair, client, bars } = moving.into_inner();
    for bar in &bars {
        bar.finish();
    }
    if !client.is_done() {
        served.context("serving")?;
    }
    let down = client.sha256() == sample.sha256;
    let up = server
        .uploads()
        .last()
        .is_some_and(|u| u.sha256 == sample.sha256);
    let transfer = |i: usize, what: &str, equal| {
        let span = client.spans()[i];
        Transfer {
            what: what.to_owned(),
            bytes: sample.len,
            equal,
            simulated: Some(span.to - span.from),
            wall: wall / 2,
        }
    };
    let report = |end: usize| NicReport::of(ENDS[end], &pair.hosts[end], since[end]);
    let outcome = Outcome {
        transfers: [transfer(0, "download", down), transfer(1, "upload", up)],
        nics: [report(0)?, report(1)?],
    };
    // Sockets go before their stacks.
    drop((client, listener));
    Ok(outcome)
}
