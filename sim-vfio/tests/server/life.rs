//! Clients that come and go.

use std::io::Write;

use longshore_vfio_user::body::RegionAccess;
use longshore_vfio_user::{Command, Errno, Header, Version};
use nic_abi::block::{DEVICE, device};
use nic_model::{Config, Model};
use sim_vfio::{ServeError, Server};
use sim_wire::LineConfig;
use sim_wire::pair::pair;

use crate::client::{Client, World, deadline};

#[test]
fn every_client_finds_the_device_reset_and_one_epoch_on() {
    let world = World::new();
    for epoch in 0..5 {
        let mut client = world.enabled();
        assert_eq!(client.epoch(), epoch);
        let scratch = DEVICE.at(0, device::SCRATCH);
        assert_eq!(client.register(scratch), 0);
        client.set_register(scratch, 99);
        assert_eq!(client.config_read(4, 2), [6, 0]);
    }
    assert_eq!(world.server.counts().clients, 5);
    let mut last = world.client();
    assert_eq!(last.config_read(4, 2), [0, 0], "nobody masters the bus");
}

#[test]
fn a_second_client_is_told_that_the_device_is_busy() {
    let world = World::new();
    let mut first = world.client();
    let mut second = Client::new(world.raw());
    let answer = second.ask(Command::Version, &[&Version::OURS.encode()], &[]);
    assert_eq!(answer, Err(Errno::BUSY.raw_os_error() as u32));
    assert!(second.receive().is_err(), "and hung up on");
    assert_eq!(first.epoch(), 0);
    assert_eq!(world.server.counts().turned_away, 1);
}

#[test]
fn a_client_that_waited_silently_is_served_when_the_first_one_goes() {
    let world = World::new();
    let first = world.client();
    let mut second = Client::new(world.raw());
    drop(first);
    let answer = second.ask(Command::Version, &[&Version::OURS.encode()], &[]);
    assert!(answer.is_ok());
    assert_eq!(second.epoch(), 1);
}

#[test]
fn a_client_that_never_shakes_hands_does_not_keep_others_out_for_long() {
    let world = World::new();
    let _silent = world.raw();
    // Turned away at first, for a short while.
    let limit = deadline();
    loop {
        let mut client = Client::new(world.raw());
        let answer = client.ask(Command::Version, &[&Version::OURS.encode()], &[]);
        if answer.is_ok() {
            break;
        }
        assert_eq!(answer, Err(Errno::BUSY.raw_os_error() as u32));
        assert!(std::time::Instant::now() < limit, "kept out");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn the_next_client_is_not_busied_by_what_a_dead_one_still_had_to_say() {
    let world = World::new();
    // Reads of all registers, which take their time, and whose answers nobody wants.
    let all = RegionAccess {
        offset: 0,
        region: 0,
        count: nic_abi::pci::BAR0_SIZE,
    };
    let access = all.encode();
    let silent = Header {
        size: (Header::LEN + access.len()) as u32,
        ..Header::command(0, Command::RegionRead).without_reply()
    };
    let commands = [&silent.encode()[..], &access].concat().repeat(300);
    for epoch in 0..3 {
        let mut socket = world.raw();
        let mut dying = Client::new(socket.try_clone().unwrap());
        let hello = dying.ask(Command::Version, &[&Version::OURS.encode()], &[]);
        assert!(hello.is_ok(), "{hello:?}");
        assert_eq!(dying.epoch(), epoch);
        socket.write_all(&commands).unwrap();
    }
    assert_eq!(world.client().epoch(), 3);
    assert_eq!(world.server.counts().turned_away, 0);
}

#[test]
fn nothing_is_answered_before_the_handshake_but_that_it_is_missing() {
    let world = World::new();
    let mut client = Client::new(world.raw());
    let refused = client.ask(Command::Reset, &[], &[]);
    assert_eq!(refused, Err(Errno::PROTO.raw_os_error() as u32));
    let mut other = Version::OURS;
    other.number.major = 9;
    let refused = client.ask(Command::Version, &[&other.encode()], &[]);
    assert_eq!(refused, Err(Errno::PROTONOSUPPORT.raw_os_error() as u32));
    let answer = client.ask(Command::Version, &[&Version::OURS.encode()], &[]);
    assert!(answer.is_ok());
}

#[test]
fn a_command_that_wants_no_reply_gets_none() {
    let world = World::new();
    let mut client = world.client();
    let silent = Header::command(1, Command::Reset).without_reply();
    client.channel.send(silent, &[], &[], deadline()).unwrap();
    // The next reply is that to the next question.
    assert_eq!(client.epoch(), 1);
}

#[test]
fn several_devices_in_one_process_do_not_disturb_each_other() {
    let worlds = [(); 3].map(|()| World::new());
    let mut clients: Vec<Client> = worlds.iter().map(World::client).collect();
    let scratch = DEVICE.at(0, device::SCRATCH);
    for (i, client) in clients.iter_mut().enumerate() {
        client.set_register(scratch, i as u32);
    }
    drop(clients.remove(1));
    assert_eq!(clients[0].register(scratch), 0);
    assert_eq!(clients[1].register(scratch), 2);
    assert_eq!(clients[1].epoch(), 0);
}

#[test]
fn a_dead_servers_socket_is_replaced_and_a_live_ones_is_not() {
    let world = World::new();
    let model = || Model::new(Config::default(), pair(LineConfig::default()).0);
    assert!(matches!(
        Server::start(model(), &world.path, None),
        Err(ServeError::InUse { .. })
    ));
    let dead = world.path.with_file_name("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let server = Server::start(model(), &dead, None).unwrap();
    assert!(server.is_alive());
    drop(server);
    assert!(!dead.exists());
    let file = world.path.with_file_name("file");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(
        Server::start(model(), &file, None),
        Err(ServeError::NotASocket { .. })
    ));
}

#[test]
fn the_nic_comes_back_when_the_server_stops() {
    let world = World::new();
    let client = world.client();
    assert!(world.server.stop().is_some());
    drop(client);
}
