//! 2MSL, held by the program or as a small record.

use tcp_core::{Config, Events, State, TimeWait, TimeWaitOutcome};

use crate::script::{ISS, Script, compare, ms, plain, segment};

fn time_wait(config: &Config, ts: &str) -> Script {
    let mut tcp = if ts.is_empty() {
        Script::established(config)
    } else {
        Script::established_with(config, &format!("win 60000 <mss 1000,{ts}>"))
    };
    let options = if ts.is_empty() {
        String::new()
    } else {
        format!(" <{ts}>")
    };
    tcp.tcp.shutdown_write();
    tcp.poll();
    tcp.recv(&format!("F. 1:1(0) ack 2{options}"));
    assert_eq!(tcp.tcp.state(), State::TimeWait);
    tcp.poll();
    tcp
}

fn record(script: &Script) -> TimeWait {
    script.tcp.time_wait().expect("it is in TIME-WAIT")
}

#[test]
fn a_fin_again_is_acknowledged_and_starts_2msl_again() {
    let mut script = time_wait(&plain(), "");
    let mut record = record(&script);
    assert_eq!(record.expires(), script.now + ms(60_000));
    script.now += ms(10_000);
    let TimeWaitOutcome::Acknowledge(ack) =
        record.on_segment(script.now, &segment("F. 1:1(0) ack 2"))
    else {
        panic!("no ACK");
    };
    compare(&[ack], &[". 2:2(0) ack 2"]);
    assert_eq!(record.expires(), script.now + ms(60_000));
    // The same while the program holds the connection.
    script.recv("F. 1:1(0) ack 2");
    script.expect(&[". 2:2(0) ack 2"]);
    assert_eq!(script.fire(), (ms(60_000), Events::CLOSED));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# However, it MAY accept a new SYN from the remote TCP endpoint to reopen the connection directly from TIME-WAIT
//# state (MAY-2), if it:
#[test]
fn a_syn_beyond_the_last_sequence_number_may_reuse_the_tuple() {
    let mut record = record(&time_wait(&plain(), ""));
    let mut on = |line| record.on_segment(ms(11_000), &segment(line));
    let TimeWaitOutcome::Reuse(after) = on("S 1000:1000(0)") else {
        panic!("no reuse");
    };
    assert!(after > ISS + 2);
    assert!(matches!(on("S 2:2(0)"), TimeWaitOutcome::Acknowledge(_)));
    assert!(matches!(on("S 1:1(0)"), TimeWaitOutcome::Acknowledge(_)));
}

//= https://www.rfc-editor.org/rfc/rfc6191#section-2
//= type=test
//# Processing of SYN segments received for connections in the TIME-WAIT state SHOULD occur as follows:
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# This algorithm for reducing TIME-WAIT is a Best Current Practice that SHOULD be implemented since Timestamp
//# Options are commonly used, and using them to reduce TIME-WAIT provides benefits for busy Internet servers
//# (SHLD-4).
#[test]
fn a_later_timestamp_lets_a_syn_reuse_the_tuple_whatever_its_number() {
    let config = Config {
        timestamps: true,
        ..plain()
    };
    let mut record = record(&time_wait(&config, "TS val 500 ecr 10000"));
    let mut on = |line| record.on_segment(ms(11_000), &segment(line));
    assert!(matches!(
        on("S 0:0(0) win 9 <TS val 501 ecr 0>"),
        TimeWaitOutcome::Reuse(_)
    ));
    assert!(matches!(
        on("S 9:9(0) win 9 <TS val 500 ecr 0>"),
        TimeWaitOutcome::Reuse(_)
    ));
    assert!(matches!(
        on("S 0:0(0) win 9 <TS val 500 ecr 0>"),
        TimeWaitOutcome::Acknowledge(_)
    ));
    assert!(matches!(
        on("S 9:9(0) win 9 <TS val 499 ecr 0>"),
        TimeWaitOutcome::Acknowledge(_)
    ));
}

#[test]
fn an_exact_reset_ends_it_and_another_does_not() {
    let mut script = time_wait(&plain(), "");
    let mut record = record(&script);
    assert_eq!(
        record.on_segment(script.now, &segment("R 3:3(0)")),
        TimeWaitOutcome::Ignore
    );
    assert_eq!(
        record.on_segment(script.now, &segment("R 2:2(0)")),
        TimeWaitOutcome::Closed
    );
    assert_eq!(script.recv("R 2:2(0)").events, Events::CLOSED);
}

#[test]
fn an_ack_is_not_answered_and_data_is() {
    let script = time_wait(&plain(), "");
    let mut record = record(&script);
    let mut on = |line| record.on_segment(script.now, &segment(line));
    assert_eq!(on(". 2:2(0) ack 2"), TimeWaitOutcome::Ignore);
    assert!(matches!(
        on(". 2:102(100) ack 2"),
        TimeWaitOutcome::Acknowledge(_)
    ));
}
