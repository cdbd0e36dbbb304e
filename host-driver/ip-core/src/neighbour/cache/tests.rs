use super::*;

const PEER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 9));
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
const MOVED: MacAddr = MacAddr([2, 0, 0, 0, 0, 10]);

fn cache() -> Cache {
    Cache::new(NeighbourConfig::default())
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_silent_neighbour_is_asked_three_times_then_given_up() {
    let mut cache = cache();
    let ask = Solicit {
        target: PEER,
        at: None,
    };
    assert_eq!(
        cache.lookup(secs(0), PEER, false),
        Lookup::Pending(Some(ask))
    );
    assert_eq!(cache.lookup(secs(0), PEER, false), Lookup::Pending(None));
    for second in 1..3 {
        assert_eq!(cache.next_timeout(), Some(secs(second)));
        assert_eq!(cache.on_timeout(secs(second)), (vec![ask], vec![]));
    }
    assert_eq!(cache.on_timeout(secs(3)), (vec![], vec![PEER]));
    assert_eq!(cache.next_timeout(), None);
}

#[test]
fn a_patient_cache_still_forgets_a_wrong_address_after_three_probes() {
    let mut cache = Cache::new(NeighbourConfig {
        solicitations: 30,
        ..NeighbourConfig::default()
    });
    // An answer that was spoilt on its way: nobody is there.
    let _ = cache.learn(secs(0), PEER, MOVED, Learned::Heard, true);
    let _ = cache.lookup(secs(0), PEER, false);
    let probe = Solicit {
        target: PEER,
        at: Some(MOVED),
    };
    for second in 5..8 {
        assert_eq!(cache.on_timeout(secs(second)), (vec![probe], vec![]));
    }
    assert_eq!(cache.on_timeout(secs(8)), (vec![], vec![PEER]));
    let everybody = Solicit {
        target: PEER,
        at: None,
    };
    assert_eq!(
        cache.lookup(secs(8), PEER, false),
        Lookup::Pending(Some(everybody))
    );
}

#[test]
fn an_answer_frees_what_waited_in_order_and_bounded() {
    let mut cache = cache();
    let _ = cache.lookup(secs(0), PEER, false);
    for n in 0..20 {
        cache.wait(PEER, vec![n]);
    }
    let waited = cache.learn(secs(0), PEER, MAC, Learned::Answer, false);
    assert_eq!(
        waited.unwrap(),
        (12..20).map(|n| vec![n]).collect::<Vec<_>>()
    );
    assert_eq!(
        cache.lookup(secs(1), PEER, false),
        Lookup::Known {
            mac: MAC,
            until: secs(30)
        }
    );
}

#[test]
fn a_stale_neighbour_is_probed_where_it_was_unless_progress_confirms_it() {
    let mut cache = cache();
    let _ = cache.learn(secs(0), PEER, MAC, Learned::Heard, true);
    assert_eq!(cache.next_timeout(), None);
    let known = |until| Lookup::Known { mac: MAC, until };
    assert_eq!(cache.lookup(secs(1), PEER, false), known(secs(6)));
    assert_eq!(cache.lookup(secs(2), PEER, true), known(secs(32)));
    let _ = cache.on_timeout(secs(32));
    assert_eq!(cache.lookup(secs(40), PEER, false), known(secs(45)));
    let probe = Solicit {
        target: PEER,
        at: Some(MAC),
    };
    assert_eq!(cache.on_timeout(secs(45)), (vec![probe], vec![]));
    let _ = cache.learn(secs(45), PEER, MAC, Learned::Answer, false);
    assert_eq!(cache.lookup(secs(46), PEER, false), known(secs(75)));
    assert_eq!(cache.epoch(), 0);
}

#[test]
fn a_neighbour_that_moves_raises_the_epoch() {
    let mut cache = cache();
    let _ = cache.learn(secs(0), PEER, MAC, Learned::Heard, true);
    let _ = cache.learn(secs(0), PEER, MOVED, Learned::Heard, false);
    assert_eq!(cache.epoch(), 1);
    assert!(matches!(
        cache.lookup(secs(0), PEER, false),
        Lookup::Known { mac: MOVED, .. }
    ));
}

#[test]
fn strangers_get_no_entry_and_the_cache_is_bounded() {
    let config = NeighbourConfig {
        capacity: 2,
        ..NeighbourConfig::default()
    };
    let mut cache = Cache::new(config);
    let _ = cache.learn(secs(0), PEER, MAC, Learned::Heard, false);
    assert!(cache.entries.is_empty());
    for n in 0..10u8 {
        let target = IpAddr::from([192, 0, 2, n]);
        let _ = cache.lookup(secs(n.into()), target, false);
        assert!(cache.entries.len() <= 2);
    }
}
