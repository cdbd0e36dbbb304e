//! Clients that send what no client should. After each the server serves the next.

use std::io::{Read, Write};
use std::time::Duration;

use longshore_vfio_user::body::{DmaMap, IrqSet, RegionAccess};
use longshore_vfio_user::{Command, Errno, Header, MAX_DATA, Version};
use proptest::prelude::*;

use crate::client::{Client, World, map_request};

fn header(command: Command, size: u32, flags: u32) -> Vec<u8> {
    Header {
        size,
        flags,
        ..Header::command(1, command)
    }
    .encode()
    .to_vec()
}

/// Sends raw bytes after a handshake; gives what comes back until the server hangs up or says nothing more.
fn say(world: &World, bytes: &[u8], shut: bool) -> Vec<u8> {
    let mut socket = world.raw();
    let version = Version::OURS.encode();
    let mut all = header(Command::Version, (16 + version.len()) as u32, 0);
    all.extend_from_slice(&version);
    all.extend_from_slice(bytes);
    // A server that has hung up already does not take all.
    let _ = socket.write_all(&all);
    if shut {
        let _ = socket.shutdown(std::net::Shutdown::Write);
    }
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut seen = Vec::new();
    // Bytes that were not read when it hung up make this end in an error.
    let _ = socket.read_to_end(&mut seen);
    seen
}

fn is_well(world: &World) {
    assert!(world.server.is_alive());
    let mut client = world.client();
    client.epoch();
}

#[test]
fn a_message_of_an_impossible_size_is_answered_and_ends_the_connection() {
    let world = World::new();
    for size in [0, 15, u32::MAX, MAX_DATA as u32 + 33] {
        let seen = say(&world, &header(Command::Reset, size, 0), false);
        let last: [u8; 16] = seen[seen.len() - 16..].try_into().unwrap();
        let last = Header::decode(&last);
        assert_eq!(
            (last.id, last.failure()),
            (1, Some(Errno::MSGSIZE.raw_os_error() as u32))
        );
    }
    is_well(&world);
}

#[test]
fn headers_with_wrong_flags_end_the_connection() {
    let world = World::new();
    for flags in [2, 3, 0xf, 0xffff_ffff] {
        say(&world, &header(Command::Reset, 16, flags), false);
    }
    is_well(&world);
}

#[test]
fn a_reply_to_nothing_is_ignored() {
    let world = World::new();
    let mut client = world.client();
    let nothing = Header::command(7, Command::DmaRead).reply();
    let soon = crate::client::deadline();
    client
        .channel
        .send(nothing, &[&[0; 99]], &[], soon)
        .unwrap();
    assert_eq!(client.epoch(), 0);
}

#[test]
fn every_command_cut_off_at_every_byte_is_survived() {
    let world = World::new();
    let body = [0u8; 48];
    for command in Command::ALL {
        for cut in (0..16 + body.len()).step_by(7) {
            let mut bytes = header(command, 64, 0);
            bytes.extend_from_slice(&body);
            say(&world, &bytes[..cut], true);
        }
    }
    is_well(&world);
}

#[test]
fn bodies_too_short_for_their_command_are_refused_and_the_connection_goes_on() {
    let world = World::new();
    let mut client = world.client();
    for command in [
        Command::DmaMap,
        Command::DmaUnmap,
        Command::GetInfo,
        Command::GetRegionInfo,
        Command::GetIrqInfo,
        Command::SetIrqs,
        Command::RegionRead,
        Command::RegionWrite,
    ] {
        let refused = client.ask(command, &[&[0; 3]], &[]);
        assert_eq!(refused, Err(Errno::INVAL.raw_os_error() as u32));
    }
    for command in [
        Command::GetRegionIoFds,
        Command::DmaRead,
        Command::DirtyPages,
        Command::DeviceFeature,
    ] {
        let refused = client.ask(command, &[&[0; 64]], &[]);
        assert_eq!(refused, Err(Errno::OPNOTSUPP.raw_os_error() as u32));
    }
    client.epoch();
}

#[test]
fn huge_counts_are_refused() {
    let world = World::new();
    let mut client = world.client();
    let access = |count| RegionAccess {
        offset: 0,
        region: 0,
        count,
    };
    let read = client.ask(Command::RegionRead, &[&access(u32::MAX).encode()], &[]);
    assert_eq!(read, Err(Errno::MSGSIZE.raw_os_error() as u32));
    let write = client.ask(Command::RegionWrite, &[&access(99).encode(), &[0; 8]], &[]);
    assert_eq!(write, Err(Errno::INVAL.raw_os_error() as u32));
    let set = IrqSet {
        argsz: 20,
        flags: 0x22,
        index: 2,
        start: 0,
        count: u32::MAX,
    };
    let bools = client.ask(Command::SetIrqs, &[&set.encode()], &[]);
    assert_eq!(bools, Err(Errno::INVAL.raw_os_error() as u32));
    let map = map_request(0x1000, u64::MAX);
    let map = client.ask(Command::DmaMap, &[&map.encode()], &[]);
    assert_eq!(map, Err(Errno::INVAL.raw_os_error() as u32));
}

#[test]
fn a_flood_without_reading_the_answers_costs_the_connection_alone() {
    let world = World::new();
    let mut client = world.client();
    let access = RegionAccess {
        offset: 0,
        region: 7,
        count: 4096,
    };
    // The server gives up when nobody reads its answers; sending fails or times out some time.
    for id in 0..200_000u32 {
        let header = Header::command(id as u16, Command::RegionRead);
        let soon = std::time::Instant::now() + Duration::from_secs(20);
        if client
            .channel
            .send(header, &[&access.encode()], &[], soon)
            .is_err()
        {
            break;
        }
    }
    is_well(&world);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_garbage_ends_the_server(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let world = World::new();
        say(&world, &bytes, true);
        is_well(&world);
    }

    #[test]
    fn no_well_framed_nonsense_ends_the_server(
        messages in prop::collection::vec((0u16..20, any::<bool>(), prop::collection::vec(any::<u8>(), 0..64)), 1..20),
    ) {
        let world = World::new();
        let mut bytes = Vec::new();
        for (command, silent, body) in messages {
            let header = Header {
                command, size: 16 + body.len() as u32, flags: if silent { 0x10 } else { 0 }, ..Header::command(0, Command::Reset)
            };
            bytes.extend_from_slice(&header.encode());
            bytes.extend_from_slice(&body);
        }
        say(&world, &bytes, true);
        is_well(&world);
    }

    #[test]
    fn no_numbers_in_the_right_places_end_the_server(
        maps in prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..10),
        irqs in prop::collection::vec((0u32..64, 0u32..6, any::<u32>(), any::<u32>()), 0..10),
        accesses in prop::collection::vec((any::<u64>(), 0u32..10, any::<u32>()), 0..10),
    ) {
        let world = World::new();
        let mut client: Client = world.client();
        for (flags, offset, address, size) in maps {
            let map = DmaMap { argsz: 32, flags: flags % 8, offset, address, size };
            let _ = client.ask(Command::DmaMap, &[&map.encode()], &[]);
        }
        for (flags, index, start, count) in irqs {
            let set = IrqSet { argsz: 20, flags, index, start, count };
            let _ = client.ask(Command::SetIrqs, &[&set.encode()], &[]);
        }
        for (offset, region, count) in accesses {
            let access = RegionAccess { offset, region, count };
            let _ = client.ask(Command::RegionRead, &[&access.encode()], &[]);
        }
        client.epoch();
    }
}
