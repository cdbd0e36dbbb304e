//! What is put in a segment: Nagle, PSH, super-segments.

use tcp_core::{Config, Flags};

use crate::script::{Script, ms, plain};

fn nagle() -> Config {
    Config {
        nagle: true,
        ..plain()
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
//= type=test
//# A TCP implementation SHOULD implement the Nagle algorithm to coalesce short segments (SHLD-7).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# If PUSH flags are not implemented, then the sending TCP peer: (1) MUST NOT buffer data indefinitely (MUST-60)
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# When an application issues a series of SEND calls without setting the PUSH flag, the TCP implementation MAY
//# aggregate the data internally without sending it (MAY-16).
#[test]
fn nagle_holds_a_second_small_segment_until_the_first_is_acknowledged() {
    let mut tcp = Script::established(&nagle());
    tcp.write(10);
    tcp.expect(&["P. 1:11(10) ack 1"]);
    tcp.write(10);
    tcp.write(10);
    tcp.expect(&[]);
    tcp.recv(". 1:1(0) ack 11");
    tcp.expect(&["P. 11:31(20) ack 1"]);
}

#[test]
fn nagle_lets_whole_segments_and_the_first_small_one_after_them_go() {
    let mut tcp = Script::established(&nagle());
    tcp.write(2000);
    tcp.expect(&["P. 1:2001(2000) ack 1"]);
    // No small segment is in flight: this one may be.
    tcp.write(10);
    tcp.expect(&["P. 2001:2011(10) ack 1"]);
    tcp.write(1005);
    tcp.expect(&[". 2011:3011(1000) ack 1"]);
}

#[test]
fn nagle_does_not_hold_the_last_segment() {
    let mut tcp = Script::established(&nagle());
    tcp.write(10);
    tcp.poll();
    tcp.write(10);
    tcp.tcp.shutdown_write();
    tcp.expect(&["FP. 11:21(10) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
//= type=test
//# However, there MUST be a way for an application to disable the Nagle algorithm on an individual connection
//# (MUST-17).
#[test]
fn without_nagle_every_write_goes_at_once() {
    let mut tcp = Script::established(&nagle());
    tcp.tcp.set_nagle(false);
    for start in [1, 11, 21] {
        tcp.write(10);
        tcp.expect(&[&format!("P. {start}:{}(10) ack 1", start + 10)]);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# MUST set the PSH bit in the last buffered segment (i.e., when there is no more queued data to be sent)
//# (MUST-61).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# The transmitter SHOULD collapse successive bits when it packetizes data, to send the largest possible segment
//# (SHLD-27).
#[test]
fn a_super_segment_of_64_kib_is_cut_by_mss_with_fin_and_psh_on_the_last() {
    let config = Config {
        mss: 1460,
        initial_window: 60,
        ..plain()
    };
    let mut tcp = Script::established_with(&config, "win 65535 <mss 1460>");
    tcp.recv(". 1:1(0) ack 1 win 65535");
    tcp.write(65_000);
    tcp.tcp.shutdown_write();
    let sent = tcp.poll();
    crate::script::compare(&sent, &["FP. 1:65001(65000) ack 1"]);
    assert_eq!(sent[0].mss, 1460);
    assert_eq!(sent[0].segment_count(), 45);
    let parts: Vec<_> = sent[0].split().collect();
    assert_eq!(parts.len(), 45);
    let mut next = 0;
    for (i, part) in parts.iter().enumerate() {
        assert_eq!(part.payload.start, next);
        assert_eq!(part.seq.distance_from(sent[0].seq) as u64, next);
        next = part.payload.end;
        let last = i == 44;
        assert_eq!(part.flags.intersects(Flags::FIN | Flags::PSH), last);
        assert_eq!(part.payload_len(), if last { 760 } else { 1460 });
    }
    assert_eq!(tcp.tcp.counters().segs_out, 2 + 45);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# However, a TCP implementation SHOULD send a maximum-sized segment whenever possible (SHLD-28) to improve
//# performance (see Section 3.8.6.2.1).
#[test]
fn a_super_segment_ends_at_a_whole_segment_while_more_is_queued() {
    let config = Config {
        mss: 1460,
        initial_window: 100,
        window_scaling: true,
        ..plain()
    };
    let mut tcp = Script::established_with(&config, "win 65535 <mss 1460,wscale 7>");
    tcp.recv(". 1:1(0) ack 1 win 60000");
    tcp.write(140_000);
    let lens: Vec<_> = tcp.poll().iter().map(|t| t.payload_len()).collect();
    assert_eq!(lens, [44 * 1460, 44 * 1460, 140_000 - 88 * 1460]);
}

#[test]
fn without_tso_every_transmit_is_one_segment() {
    let config = Config {
        max_transmit: 0,
        ..plain()
    };
    let mut tcp = Script::established(&config);
    tcp.write(2500);
    tcp.expect(&[
        ". 1:1001(1000) ack 1",
        ". 1001:2001(1000) ack 1",
        "P. 2001:2501(500) ack 1",
    ]);
}

#[test]
fn the_payload_is_told_in_stream_offsets() {
    let mut tcp = Script::established(&plain());
    tcp.write(1500);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 1501");
    assert_eq!(tcp.tcp.acked_offset(), 1500);
    tcp.write(300);
    assert_eq!(tcp.poll()[0].payload, 1500..1800);
}

#[test]
fn a_small_opening_of_a_large_window_waits_for_a_larger_one() {
    let config = Config {
        initial_window: 40,
        ..plain()
    };
    let mut tcp = Script::established(&config);
    tcp.write(100_000);
    tcp.expect(&[". 1:40001(40000) ack 1"]);
    // Slow start: the window is 41 segments, of which 2 are free: less than a third.
    for ack in (1001..=7001).step_by(1000) {
        tcp.recv(&format!(". 1:1(0) ack {ack}"));
        tcp.expect(&[]);
    }
    tcp.recv(". 1:1(0) ack 8001");
    tcp.expect(&[". 40001:56001(16000) ack 1"]);
}

/// Whoever calls whenever the connection asks for it must not be asked again and again.
#[test]
fn a_departure_time_that_nothing_waits_for_passes_once() {
    let config = Config {
        pacing: true,
        ..plain()
    };
    let mut tcp = Script::connecting(&config);
    tcp.poll();
    tcp.pass(ms(100));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000>");
    tcp.poll();
    tcp.write(1000);
    tcp.expect(&["P. 1:1001(1000) ack 1"]);
    assert!(tcp.tcp.next_departure().is_some());
    tcp.fire();
    tcp.expect(&[]);
    assert!(tcp.tcp.next_timeout().expect("the retransmission timer") > tcp.now);
}
