//! Races around a slot of the NIC's flow table. The host's side is the product's own; the NIC with such a table is
//! [`flow_nic`](crate::flow_nic).

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::sync::thread;
use longshore_sockets::TcpStream;
use longshore_sockets::broken::Rule;
use nic_abi::command::DelMode;

use crate::common::{Plan, data};
use crate::flow_nic::Rss;
use crate::race::{STEP, explore, is_found, listen, start};
use crate::steered::Steered;

const SECOND: Duration = Duration::from_secs(1);

/// Connections from A to B; B's frames without a slot go to queue pair 0.
fn connected(slots: u16, connections: usize) -> (Steered, Vec<(TcpStream, TcpStream)>) {
    let mut hosts = Steered::new(slots, Plan::default());
    let listener = listen(&hosts.world.b);
    let mut pairs = Vec::new();
    for _ in 0..connections {
        let stream = start(&hosts.world.a);
        assert!(hosts.world.run(SECOND, || listener.queued() == 1));
        let (child, _) = listener.accept().unwrap();
        child.set_nonblocking(true).unwrap();
        pairs.push((stream, child));
    }
    drop(listener);
    hosts.world.pass(SECOND / 100);
    hosts.steer(Rss::To(0));
    (hosts, pairs)
}

/// One connection; frames without a slot go to the queue pair that is not its own.
pub(crate) fn connected_once(slots: u16) -> (Steered, TcpStream, TcpStream) {
    let (hosts, mut pairs) = connected(slots, 1);
    let (stream, child) = pairs.pop().unwrap();
    hosts.steer(Rss::To(Steered::queues(&child).1));
    (hosts, stream, child)
}

/// Two connections of one queue pair; frames without a slot go to the other one.
fn neighbours(slots: u16) -> (Steered, [(TcpStream, TcpStream); 2]) {
    let (mut hosts, mut pairs) = connected(slots, 3);
    let queues: Vec<_> = pairs
        .iter()
        .map(|(_, child)| Steered::queues(child).0)
        .collect();
    // Of three at least two are alike.
    let odd = (0..3)
        .find(|&i| queues[(i + 1) % 3] == queues[(i + 2) % 3])
        .unwrap();
    drop(pairs.remove(odd));
    hosts.run(120 * SECOND, || false);
    let [first, second] = <[_; 2]>::try_from(pairs).unwrap();
    hosts.steer(Rss::To(Steered::queues(&first.1).1));
    (hosts, [first, second])
}

/// The connection is in the NIC's table.
fn enter(hosts: &mut Steered, child: &TcpStream) {
    let own = Steered::queues(child).0;
    let steering = Arc::clone(&hosts.steering);
    steering.slots[own].enter(child);
    assert!(hosts.run(SECOND, || steering.nic.lock().flows() == 1));
    // Its completion is taken in, too.
    assert!(hosts.run(SECOND, || steering.nic.lock().is_idle()));
}

fn slot_taken_again(no_fence: bool) {
    let (mut hosts, [(a1, b1), (a2, b2)]) = neighbours(1);
    enter(&mut hosts, &b1);
    hosts.steering.nic.lock().no_fence = no_fence;
    (&a1).write_all(&data(12_000, 1)).unwrap();
    hosts.send();
    hosts.steering.arrive();
    (&a2).write_all(&data(3000, 2)).unwrap();
    let mut race = hosts.start(STEP);
    let steering = Arc::clone(&race.steering);
    race.program(move |_| b1.abort());
    race.program(move |_| {
        let own = Steered::queues(&b2).0;
        for _ in 0..4 {
            steering.slots[own].enter(&b2);
            thread::yield_now();
        }
        drop(b2);
    });
    let mut hosts = race.join();
    drop((a1, a2));
    hosts.assert_nothing_left();
}

/// Looks for a frame that is taken for the slot's next user's: handles come round at once, so that nothing but the
/// fence tells old completions from new ones.
#[test]
fn race_18_slot_deleted_and_added_again_while_old_completions_are_queued() {
    explore(|| slot_taken_again(false));
}

#[test]
fn race_18_is_found_if_the_fence_overtakes_frames() {
    assert!(is_found_in(|| slot_taken_again(true)));
}

/// Whether the checker finds something wrong with a NIC that is broken.
fn is_found_in(race: fn()) -> bool {
    std::panic::catch_unwind(|| explore(race)).is_err()
}

fn time_wait_with_a_live_slot() {
    let (mut hosts, stream, child) = connected_once(1);
    enter(&mut hosts, &child);
    let mut race = hosts.start(STEP);
    race.program(move |_| drop(child));
    race.program(move |_| drop(stream));
    let mut hosts = race.join();
    hosts.assert_nothing_left();
    let deletes = &hosts.steering.nic.lock().deletes;
    assert_eq!(deletes[..], [DelMode::Drain], "what is posted is sent");
}

/// Looks for a slot, and with it a Pcb, that outlives its connection because that ended in TIME-WAIT and not in CLOSED;
/// and for a FIN that comes again and is swallowed by the slot instead of answered by the record.
#[test]
fn race_20_time_wait_begins_while_the_slot_is_live() {
    explore(time_wait_with_a_live_slot);
}

#[test]
fn race_20_is_found_if_time_wait_keeps_its_slot() {
    assert!(is_found(Rule::LeaveAtTimeWait, time_wait_with_a_live_slot));
}

/// Looks for a slot that stays, and for H released twice or never, if the DEL is queued behind an ADD that is not
/// executed yet.
#[test]
fn race_25_close_while_the_add_is_pending() {
    explore(|| {
        let (hosts, stream, child) = connected_once(1);
        let mut race = hosts.start(STEP);
        let steering = Arc::clone(&race.steering);
        race.program(move |_| {
            steering.slots[Steered::queues(&child).0].enter(&child);
            thread::yield_now();
            child.abort();
        });
        race.program(move |_| {
            let _ = (&stream).write(b"meanwhile");
            drop(stream);
        });
        race.join().assert_nothing_left();
    });
}

/// Looks for a reference that a full table gives back twice (by FULL and by the DEL) or not at all, and for a late close
/// that deletes the next user of the slot.
#[test]
fn race_26_table_full_and_close() {
    explore(|| {
        let (mut hosts, [(a1, b1), (a2, b2)]) = neighbours(2);
        enter(&mut hosts, &b1);
        let mut race = hosts.start(STEP);
        let steering = Arc::clone(&race.steering);
        race.program(move |_| {
            let own = Steered::queues(&b2).0;
            // Full: it goes on without, and may ask again.
            steering.slots[own].enter(&b2);
            thread::yield_now();
            steering.slots[own].enter(&b2);
            drop(b2);
        });
        race.program(move |_| drop(b1));
        let mut hosts = race.join();
        drop((a1, a2));
        hosts.assert_nothing_left();
    });
}

/// Looks for a slot taken by the next connection before the NIC has let go of it: then the last ACK, which still bears
/// the old handle, would be the next one's.
#[test]
fn race_27_last_ack_and_del() {
    explore(|| {
        let (mut hosts, [(a1, b1), (a2, b2)]) = neighbours(1);
        enter(&mut hosts, &b1);
        // B's end is the one that waits for the last ACK.
        drop(a1);
        hosts.run(SECOND / 100, || false);
        let mut race = hosts.start(STEP);
        let steering = Arc::clone(&race.steering);
        race.program(move |_| drop(b1));
        race.program(move |_| {
            let own = Steered::queues(&b2).0;
            for _ in 0..4 {
                steering.slots[own].enter(&b2);
                let _ = (&a2).write(b"next");
                thread::yield_now();
            }
            drop((a2, b2));
        });
        race.join().assert_nothing_left();
    });
}

/// Looks for H given back before the device is quiet, and for a completion of its earlier life that is acted upon.
#[test]
fn race_28_stale_completions_after_a_reset() {
    explore(|| {
        let (mut hosts, stream, child) = connected_once(1);
        enter(&mut hosts, &child);
        let mut race = hosts.start(STEP);
        let steering = Arc::clone(&race.steering);
        race.program(move |_| steering.reset());
        race.program(move |_| {
            let _ = (&stream).write(&[7; 3000]);
            thread::yield_now();
            drop(child);
            drop(stream);
        });
        race.join().assert_nothing_left();
    });
}

/// Looks for a DEL that waits behind frames which wait for buffers, and for a buffer that is lost with a frame that
/// nobody wants any more.
#[test]
fn race_29_no_receive_buffers_and_del() {
    explore(|| {
        let (mut hosts, stream, child) = connected_once(1);
        enter(&mut hosts, &child);
        hosts.steering.nic.lock().buffers = [1, 1];
        (&stream).write_all(&data(6000, 29)).unwrap();
        let mut race = hosts.start(STEP);
        race.program(move |_| child.abort());
        race.program(move |_| drop(stream));
        let mut hosts = race.join();
        hosts.assert_nothing_left();
        let nic = hosts.steering.nic.lock();
        assert_eq!(nic.buffers, [1, 1], "every buffer is posted again");
        assert_eq!(nic.deletes, [DelMode::Cancel], "nothing more is sent");
        assert_eq!(nic.delivered + nic.no_buffer, nic.arrived);
    });
}

fn add_moves_a_flow() {
    let (hosts, stream, child) = connected_once(1);
    let out = data(12_000, 30);
    (&stream).write_all(&out).unwrap();
    let mut race = hosts.start(STEP);
    let steering = Arc::clone(&race.steering);
    let other = child.try_clone().unwrap();
    race.program(move |_| steering.slots[Steered::queues(&other).0].enter(&other));
    let mut hosts = race.join();
    let (mut heard, mut buf) = (Vec::new(), [0; 4096]);
    let resets = hosts.world.b.stack.counters().resets_out;
    let whole = hosts.run(100 * SECOND, || {
        while let Ok(n @ 1..) = (&child).read(&mut buf) {
            heard.extend_from_slice(&buf[..n]);
        }
        heard.len() >= out.len() || stream.readiness().closed
    });
    assert!(whole && heard == out, "{} of {}", heard.len(), out.len());
    assert_eq!((resets, stream.readiness().closed), (1, false));
    drop((stream, child));
    hosts.assert_nothing_left();
}

/// Looks for bytes in the wrong order, and for a reset of a connection whose segments are still queued where its tuple
/// alone finds it.
#[test]
fn race_30_add_moves_a_flow_from_its_rss_queue_to_its_own() {
    explore(add_moves_a_flow);
}

#[test]
fn race_30_is_found_if_a_connection_with_a_slot_has_no_tuple() {
    assert!(is_found(Rule::StayHashed, add_moves_a_flow));
}
