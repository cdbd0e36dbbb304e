//! Urgent data (RFC 9293 §3.8.5, RFC 6093).

use tcp_core::{Events, Flags};

use crate::script::{Script, plain, segment};

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# The urgent pointer MUST point to the sequence number of the octet following the urgent data (MUST-62).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# However, TCP implementations MUST still include support for the urgent mechanism (MUST-30).
#[test]
fn the_pointer_is_at_the_byte_after_the_urgent_one_in_every_segment_before_it() {
    let mut tcp = Script::established(&plain());
    tcp.write(2500);
    tcp.tcp.write_urgent(1).unwrap();
    tcp.write(100);
    let sent = tcp.poll();
    let told: Vec<_> = sent
        .iter()
        .map(|t| (t.payload.clone(), t.flags.contains(Flags::URG), t.urgent))
        .collect();
    assert_eq!(
        told,
        [
            (0..1000, true, 2501),
            (1000..2000, true, 1501),
            (2000..2601, true, 501),
        ]
    );
    tcp.recv(". 1:1(0) ack 2602");
    tcp.write(10);
    assert!(!tcp.poll()[0].flags.contains(Flags::URG));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# A TCP implementation MUST support a sequence of urgent data of any length (MUST-31) [19].
#[test]
fn urgent_data_further_ahead_than_the_field_says_is_told_as_there() {
    let mut tcp = Script::established(&plain());
    tcp.write(90_000);
    tcp.tcp.write_urgent(1).unwrap();
    assert_eq!(tcp.poll()[0].urgent, u16::MAX);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# The TCP implementation MUST (MUST-33) provide a way for the application to learn how much urgent data remains to
//# be read from the connection, or at least to determine whether more urgent data remains to be read [19].
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# A TCP implementation MUST (MUST-32) inform the application layer asynchronously whenever it receives an urgent
//# pointer and there was previously no pending urgent data, or whenever the urgent pointer advances in the data
//# stream.
#[test]
fn a_pointer_is_told_once_and_until_it_was_read() {
    let mut tcp = Script::established(&plain());
    let mut urgent = segment(". 1:101(100) ack 1");
    urgent.flags |= Flags::URG;
    urgent.urgent = 150;
    let events = tcp.tcp.on_segment(tcp.now, &urgent).events;
    assert!(events.contains(Events::URGENT));
    assert_eq!(tcp.tcp.urgent_offset(), Some(150));
    urgent.seq += 100;
    urgent.urgent = 50;
    let events = tcp.tcp.on_segment(tcp.now, &urgent).events;
    assert!(!events.contains(Events::URGENT), "the same byte");
    tcp.tcp.consume(149);
    assert_eq!(tcp.tcp.urgent_offset(), Some(150));
    tcp.tcp.consume(1);
    assert_eq!(tcp.tcp.urgent_offset(), None);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.4
//= type=test
//# A TCP receiver MUST process the RST and URG fields of all incoming segments, even when the receive window is
//# zero (MUST-66).
#[test]
fn a_pointer_counts_though_the_window_is_closed() {
    let mut tcp = Script::established(&tcp_core::Config {
        receive_buffer: 1000,
        ..plain()
    });
    tcp.recv(". 1:1001(1000) ack 1");
    tcp.fire();
    tcp.expect(&[". 1:1(0) ack 1001 win 0"]);
    let mut urgent = segment(". 1001:1001(0) ack 1");
    urgent.flags |= Flags::URG;
    urgent.urgent = 10;
    let events = tcp.tcp.on_segment(tcp.now, &urgent).events;
    assert!(events.contains(Events::URGENT));
}
