//! The order in which things are dropped.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_last_user_of_a_pool_gives_its_buffers_back_before_the_pool_goes() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let bench = Bench::new();
        let queue = bench.queue();
        let Bench { rx, tx, nic, card } = bench;
        drop((rx, tx, nic, card));
        tracing::warn!("the subscriber listens");
        drop(queue);
    });
    let said = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(said.contains("the subscriber listens"), "{said}");
    assert!(!said.contains("references live"), "{said}");
}
