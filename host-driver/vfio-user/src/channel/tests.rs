use std::io::Write;

use super::*;
use crate::Command;
use proptest::prelude::*;

fn channels() -> (Channel, Channel) {
    let (a, b) = UnixStream::pair().unwrap();
    (Channel::new(a).unwrap(), Channel::new(b).unwrap())
}

/// A raw socket and the channel it talks to.
fn raw() -> (UnixStream, Channel) {
    let (a, b) = UnixStream::pair().unwrap();
    (a, Channel::new(b).unwrap())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn encoded(body: &[u8]) -> Vec<u8> {
    let header = Header {
        size: (Header::LEN + body.len()) as u32,
        ..Header::command(3, Command::Reset)
    };
    [&header.encode()[..], body].concat()
}

#[test]
fn a_message_arrives_whole_with_its_descriptors() {
    let (mut a, mut b) = channels();
    let (x, y) = UnixStream::pair().unwrap();
    let header = Header::command(9, Command::SetIrqs);
    a.send(header, &[&[1, 2], &[3]], &[x.as_fd(), y.as_fd()], soon())
        .unwrap();
    a.send(Header::command(10, Command::Reset), &[], &[], soon())
        .unwrap();
    let first = b.receive(soon()).unwrap();
    assert_eq!((first.header.id, first.kind), (9, Kind::Command));
    assert_eq!(first.body, [1, 2, 3]);
    assert_eq!(first.fds.len(), 2);
    let second = b.try_receive().unwrap().unwrap();
    assert_eq!((second.header.id, second.fds.len()), (10, 0));
    assert!(b.try_receive().unwrap().is_none());
}

#[test]
fn a_message_longer_than_the_sockets_buffer_gets_through() {
    let (mut a, mut b) = channels();
    let data = vec![7; MAX_DATA];
    std::thread::scope(|s| {
        let header = Header::command(0, Command::RegionWrite);
        let parts: [&[u8]; 2] = [&[0; 16], &data];
        s.spawn(move || a.send(header, &parts, &[], soon()).unwrap());
        assert_eq!(b.receive(soon()).unwrap().body.len(), 16 + MAX_DATA);
    });
}

#[test]
fn an_impossible_size_ends_the_conversation_and_names_the_message() {
    for size in [0, 15, LONGEST as u32 + 1, u32::MAX] {
        let (mut a, mut b) = raw();
        let mut bytes = encoded(&[]);
        bytes[4..8].copy_from_slice(&size.to_ne_bytes());
        a.write_all(&bytes).unwrap();
        assert!(matches!(b.try_receive(), Err(ChannelError::BadSize { .. })));
        assert_eq!(b.last_header().unwrap().id, 3);
    }
}

#[test]
fn a_header_that_neither_asks_nor_answers_is_an_error() {
    let (mut a, mut b) = raw();
    let mut bytes = encoded(&[]);
    bytes[8] = 2;
    a.write_all(&bytes).unwrap();
    assert!(matches!(
        b.try_receive(),
        Err(ChannelError::BadKind { flags: 2 })
    ));
}

#[test]
fn half_a_message_and_a_closed_socket_is_the_end() {
    let (mut a, mut b) = raw();
    a.write_all(&encoded(&[1, 2, 3])[..18]).unwrap();
    assert!(b.try_receive().unwrap().is_none());
    drop(a);
    assert!(matches!(b.try_receive(), Err(ChannelError::Closed)));
}

#[test]
fn too_many_descriptors_are_an_error_and_are_closed() {
    let (a, mut b) = raw();
    let fds = vec![a.as_fd(); MAX_FDS + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS + 1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let bytes = encoded(&[]);
    sendmsg(
        &a,
        &[IoSlice::new(&bytes)],
        &mut control,
        SendFlags::empty(),
    )
    .unwrap();
    assert!(matches!(
        b.try_receive(),
        Err(ChannelError::TooManyFds { .. })
    ));
}

#[test]
fn a_silent_side_is_waited_for_no_longer_than_agreed() {
    let (_a, mut b) = channels();
    let at_once = Instant::now();
    assert!(matches!(b.receive(at_once), Err(ChannelError::TimedOut)));
    // One that does not read: the socket's buffer is full some time.
    let full = std::iter::repeat_with(|| {
        let header = Header::command(0, Command::RegionWrite);
        b.send(header, &[&[0; 4096]], &[], Instant::now())
    })
    .take(10_000)
    .find_map(Result::err);
    assert!(matches!(full, Some(ChannelError::TimedOut)));
}

#[test]
fn hanging_up_waits_for_the_other_side_to_close_whatever_it_still_says() {
    let (mut a, mut b) = raw();
    a.write_all(&[0xff; 5000]).unwrap();
    assert!(b.try_receive().is_err());
    assert!(!b.hang_up(Instant::now()), "it has not closed");
    std::thread::scope(|s| {
        s.spawn(|| assert!(b.hang_up(soon())));
        a.write_all(&[1; 10]).unwrap();
        drop(a);
    });
}

#[test]
fn a_socket_that_is_not_there_is_an_error() {
    let nowhere = Path::new("/nonexistent/longshore.sock");
    let error = Channel::connect(nowhere, soon()).unwrap_err();
    assert!(
        matches!(error, ChannelError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_channel_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut a, mut b) = raw();
        a.write_all(&bytes).unwrap();
        drop(a);
        while let Ok(Some(_)) = b.try_receive() {}
        prop_assert!(b.try_receive().is_err());
    }

    #[test]
    fn messages_come_out_as_they_went_in_however_they_are_cut(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5), cut in 1usize..20,
    ) {
        let (mut a, mut b) = raw();
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| encoded(body)).collect();
        let mut seen = Vec::new();
        for piece in bytes.chunks(cut) {
            a.write_all(piece).unwrap();
            while let Some(message) = b.try_receive().unwrap() { seen.push(message.body); }
        }
        prop_assert_eq!(seen, bodies);
    }
}
