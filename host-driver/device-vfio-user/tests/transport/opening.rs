//! Opening a device, and all the ways in which that fails.

use std::os::unix::net::UnixListener;

use longshore_device::{Device, DeviceError, Transport};
use longshore_device_vfio_user::{OpenError, VfioUser};
use longshore_vfio_user::{ChannelError, Errno, Header, Version};
use proptest::prelude::*;

use crate::support::{IMPATIENT, Script, World, later};

fn refusal(path: &std::path::Path) -> OpenError {
    VfioUser::connect_with(path, IMPATIENT).err().unwrap()
}

#[test]
fn an_opened_device_tells_what_it_is() {
    let world = World::new();
    let device = world.open();
    let info = device.info();
    assert_eq!((info.transport, info.vectors), (Transport::VfioUser, 4));
    assert_eq!(info.name, world.path.display().to_string());
    let config = device.config_space().unwrap();
    assert_eq!(config.len(), 4096);
    assert_eq!(config[4..6], [6, 0], "memory space and bus mastering");
}

#[test]
fn a_socket_that_is_not_there_and_one_that_nobody_listens_on_are_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("nic.sock");
    assert!(matches!(refusal(&path), OpenError::NoSocket { .. }));
    assert!(refusal(&path).to_string().contains("longshore-sim serve"));
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(refusal(&path), OpenError::Refused { .. }));
}

#[test]
fn a_device_in_use_is_busy_and_free_when_its_client_is_gone() {
    let world = World::new();
    let first = world.open();
    assert!(matches!(refusal(&world.path), OpenError::Busy { .. }));
    drop(first);
    world.open();
}

#[test]
fn a_server_of_another_protocol_is_named_with_its_version() {
    let script = Script::new(|mut client| {
        let asked = client.receive(later()).unwrap();
        let mut version = Version::OURS;
        version.number.major = 3;
        let body = version.encode();
        client
            .send(asked.header.reply(), &[&body], &[], later())
            .unwrap();
    });
    let error = refusal(&script.path);
    assert!(matches!(error, OpenError::Protocol { major: 3, minor: 1 }));
    script.join();
}

#[test]
fn a_refused_handshake_and_nonsense_are_errors() {
    let refusing = Script::new(|mut client| {
        let asked = client.receive(later()).unwrap();
        let refused = asked.header.refusal(Errno::PROTONOSUPPORT);
        client.send(refused, &[], &[], later()).unwrap();
    });
    assert!(matches!(
        refusal(&refusing.path),
        OpenError::Handshake { .. }
    ));
    let babbling = Script::new(|mut client| {
        let asked = client.receive(later()).unwrap();
        client
            .send(asked.header.reply(), &[b"{{{"], &[], later())
            .unwrap();
    });
    assert!(matches!(
        refusal(&babbling.path),
        OpenError::Nonsense { .. }
    ));
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let silent = Script::new(|client| {
        // Until the client has given up and closed.
        let mut client = client;
        while client.receive(later()).is_ok() {}
    });
    assert!(matches!(
        refusal(&silent.path),
        OpenError::Channel(ChannelError::TimedOut)
    ));
    silent.join();
}

#[test]
fn a_server_that_dies_at_any_message_of_the_opening_is_an_error() {
    let world = World::new();
    for messages in 0..12 {
        let mut left = messages;
        let dying = Script::between(
            &world.path,
            move |_| {
                left -= 1;
                left < 0
            },
            drop,
        );
        let error = VfioUser::connect(&dying.path).err();
        assert!(
            matches!(
                error,
                Some(OpenError::Channel(_) | OpenError::Device(DeviceError::Gone)) | None
            ),
            "after {messages}: {error:?}"
        );
        // The opening is shorter than the longest of these lives.
        assert_eq!(error.is_none(), messages >= 9, "after {messages}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Up to `honest` messages are answered by a real server, everything after with garbage.
    #[test]
    fn no_answer_makes_the_client_panic_or_hang(
        honest in 0usize..10, flags in prop::sample::select(vec![1u32, 1, 1, 0x21, 0, 2]), error in 0u32..200,
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let world = World::new();
        let mut left = honest;
        let (tell, told) = std::sync::mpsc::channel();
        let script = Script::between(
            &world.path,
            move |message| {
                let stop = left == 0;
                left = left.saturating_sub(1);
                if stop { tell.send(message.header).unwrap(); }
                stop
            },
            move |mut client| {
                let asked = told.recv().unwrap();
                let reply = |header: Header| Header { flags, error, ..header };
                let mut answered = client.send(reply(asked), &[&body], &[], later());
                while let (Ok(()), Ok(message)) = (answered, client.receive(later())) {
                    answered = client.send(reply(message.header), &[&body], &[], later());
                }
            },
        );
        if let Ok(device) = VfioUser::connect_with(&script.path, IMPATIENT) {
            let _ = device.read32(0);
            let _ = device.config_space();
            let _ = device.reset();
        }
    }
}
