use std::time::Instant;

use super::*;
use crate::sync::Condvar;

#[test]
fn a_level_may_be_left_out_and_a_lock_taken_again_after_its_release() {
    let (listener, ring) = (Ordered::<Listener, _>::new(0), Ordered::<Ring, _>::new(0));
    let mut root = Token::root();
    for _ in 0..2 {
        let (mut a, mut token) = root.lock(&listener);
        *a += 1;
        let (mut b, _) = token.lock(&ring);
        *b += *a;
    }
    let (b, _) = root.lock(&ring);
    assert_eq!(*b, 3);
}

#[test]
fn a_taken_lock_is_not_waited_for_by_try_lock() {
    let pcb = Ordered::<Pcb, _>::new(());
    let mut root = Token::root();
    let _held = root.lock(&pcb);
    std::thread::scope(|s| {
        s.spawn(|| assert!(Token::root().try_lock(&pcb).is_none()));
    });
}

#[test]
fn a_waiter_is_woken_with_the_lock_held_again_or_told_that_its_time_is_over() {
    let pcb = Ordered::<Pcb, _>::new(false);
    let changed = Condvar::new();
    std::thread::scope(|s| {
        let mut root = Token::root();
        let (mut guard, mut token) = root.lock(&pcb);
        s.spawn(|| {
            Token::root().with(&pcb, |done| *done = true);
            changed.notify_all();
        });
        while !*guard {
            guard.wait(&mut token, &changed);
        }
        assert!(!guard.wait_until(&mut token, &changed, Instant::now()));
    });
}

#[test]
fn code_from_outside_may_come_back_in() {
    let pcb = Ordered::<Pcb, _>::new(1);
    let mut root = Token::root();
    let found = root.outside(|| Token::root().with(&pcb, |n| *n));
    assert_eq!(found + root.with(&pcb, |n| *n), 2);
}

#[cfg(debug_assertions)]
#[test]
fn a_second_root_in_a_thread_is_found_out() {
    let first = Token::root();
    assert!(std::panic::catch_unwind(|| drop(Token::root())).is_err());
    drop(first);
    drop(Token::root());
}
