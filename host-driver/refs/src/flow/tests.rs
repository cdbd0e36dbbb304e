use super::*;

const GENERATIONS: NonZeroU32 = NonZeroU32::new(4).unwrap();

#[test]
fn a_slot_is_taken_again_only_behind_the_completion_of_its_del_and_the_fence() {
    for fence_first in [false, true] {
        let mut flows = Flows::new(1, GENERATIONS, 7);
        let first = flows.add("first").unwrap();
        assert_eq!(flows.on_added(first, 7, Added::Entered), None);
        assert_eq!(flows.resolve(first, 7), Some(&"first"));
        assert!(flows.delete(first, |_| true) && !flows.delete(first, |_| true));
        assert_eq!(flows.resolve(first, 7), Some(&"first"), "late, but ours");
        if fence_first {
            flows.on_fence(first, 7);
            assert_eq!(flows.add("second"), Err("second"));
            assert_eq!(flows.on_deleted(first, 7), Some("first"));
        } else {
            assert_eq!(flows.on_deleted(first, 7), Some("first"));
            assert_eq!(flows.phase(0), Some(Phase::Quarantine));
            assert_eq!(flows.add("second"), Err("second"));
            flows.on_fence(first, 7);
        }
        let second = flows.add("second").unwrap();
        assert_eq!(second.generation, first.generation + 1);
        flows.on_added(second, 7, Added::Entered);
        assert_eq!(flows.resolve(first, 7), None);
        assert_eq!(flows.ignored(), 1);
    }
}

#[test]
fn race_25_a_close_while_the_add_is_pending_queues_a_del_behind_it() {
    let mut flows = Flows::new(1, GENERATIONS, 0);
    let handle = flows.add(()).unwrap();
    assert!(flows.delete(handle, |()| true));
    assert_eq!(flows.on_added(handle, 0, Added::Entered), None);
    assert_eq!(flows.phase(0), Some(Phase::DelPending));
    assert_eq!(flows.on_deleted(handle, 0), Some(()));
}

#[test]
fn race_26_a_full_table_gives_the_reference_back_once() {
    let mut flows = Flows::new(1, GENERATIONS, 0);
    let handle = flows.add(()).unwrap();
    assert_eq!(flows.on_added(handle, 0, Added::Full), Some(()));
    assert!(!flows.delete(handle, |()| true));
    let handle = flows.add(()).unwrap();
    assert!(flows.delete(handle, |()| true));
    assert_eq!(
        flows.on_added(handle, 0, Added::Full),
        None,
        "its DEL does it"
    );
    assert_eq!(flows.on_deleted(handle, 0), Some(()));
}

#[test]
fn race_26_a_late_close_does_not_delete_the_next_flow_of_a_handle_that_came_round() {
    let mut flows = Flows::new(1, NonZeroU32::MIN, 0);
    let first = flows.add("first").unwrap();
    assert_eq!(flows.on_added(first, 0, Added::Full), Some("first"));
    let second = flows.add("second").unwrap();
    assert_eq!(second, first);
    assert!(!flows.delete(first, |holder| *holder == "first"));
    assert!(flows.delete(second, |holder| *holder == "second"));
}

#[test]
fn race_28_completions_from_before_a_reset_are_ignored_and_references_stay_until_quiesced() {
    let mut flows = Flows::new(2, GENERATIONS, 0);
    let live = flows.add("live").unwrap();
    flows.on_added(live, 0, Added::Entered);
    let adding = flows.add("adding").unwrap();
    flows.on_reset(1);
    assert_eq!(flows.resolve(live, 0), None);
    assert_eq!(flows.on_added(adding, 0, Added::Full), None);
    assert!(!flows.delete(live, |_| true));
    assert_eq!(flows.references().count(), 2);
    assert_eq!(flows.on_quiesced(), ["live", "adding"]);
    assert_eq!(flows.in_use(), 0);
}
