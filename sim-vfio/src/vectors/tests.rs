use super::*;
use longshore_device::Interrupt;
use std::os::fd::AsFd;

fn vectors() -> Vectors {
    Vectors::new(4, Arc::default())
}

fn of(interrupt: &Interrupt) -> OwnedFd {
    interrupt.as_fd().try_clone_to_owned().unwrap()
}

fn set(action: IrqAction, data: IrqData<'_>, start: u32, count: u32) -> SetIrqs<'_> {
    SetIrqs {
        index: 2,
        start,
        count,
        action,
        data,
    }
}

fn eventfd(start: u32, count: u32) -> SetIrqs<'static> {
    set(IrqAction::Trigger, IrqData::Eventfd, start, count)
}

const ALL_OFF: SetIrqs<'static> = SetIrqs {
    index: 2,
    start: 0,
    count: 0,
    action: IrqAction::Trigger,
    data: IrqData::None,
};

#[test]
fn an_interrupt_is_kept_while_its_vector_has_no_eventfd() {
    let v = vectors();
    let i = Interrupt::new().unwrap();
    v.raise(2);
    v.raise(9);
    assert_eq!(v.pending(), 4);
    v.set(&eventfd(2, 1), vec![of(&i)]).unwrap();
    assert!(i.try_take());
    assert_eq!(v.pending(), 0);
    v.set(&ALL_OFF, vec![]).unwrap();
    v.raise(2);
    assert!(!i.try_take());
    v.set(&eventfd(2, 1), vec![of(&i)]).unwrap();
    assert!(i.try_take());
}

#[test]
fn no_descriptors_unassign_the_range() {
    let v = vectors();
    let i = Interrupt::new().unwrap();
    v.set(&eventfd(0, 2), vec![of(&i), of(&i)]).unwrap();
    v.set(&eventfd(1, 1), vec![]).unwrap();
    v.raise(1);
    assert!(!i.try_take());
    v.raise(0);
    assert!(i.try_take());
}

#[test]
fn a_masked_vector_keeps_its_interrupt() {
    let v = vectors();
    let i = Interrupt::new().unwrap();
    v.set(&eventfd(1, 1), vec![of(&i)]).unwrap();
    v.set(&set(IrqAction::Mask, IrqData::Bool(&[0, 1]), 0, 2), vec![])
        .unwrap();
    v.raise(1);
    assert!(!i.try_take());
    assert_eq!(v.pending(), 2);
    v.set(&set(IrqAction::Unmask, IrqData::None, 0, 4), vec![])
        .unwrap();
    assert!(i.try_take());
}

#[test]
fn a_client_can_signal_its_own_vectors() {
    let v = vectors();
    let [a, b] = [(); 2].map(|()| Interrupt::new().unwrap());
    v.set(&eventfd(0, 2), vec![of(&a), of(&b)]).unwrap();
    let bools = set(IrqAction::Trigger, IrqData::Bool(&[0, 1]), 0, 2);
    v.set(&bools, vec![]).unwrap();
    assert!(!a.try_take());
    assert!(b.try_take());
    v.set(&set(IrqAction::Trigger, IrqData::None, 0, 1), vec![])
        .unwrap();
    assert!(a.try_take());
}

#[test]
fn ranges_descriptors_and_forms_that_do_not_fit_are_refused_and_change_nothing() {
    let v = vectors();
    let i = Interrupt::new().unwrap();
    v.set(&eventfd(0, 1), vec![of(&i)]).unwrap();
    let (pipe, _end) = rustix::pipe::pipe().unwrap();
    let cases = [
        (eventfd(3, 2), vec![of(&i), of(&i)], Errno::INVAL),
        (eventfd(u32::MAX, 1), vec![of(&i)], Errno::INVAL),
        (eventfd(0, 2), vec![of(&i)], Errno::INVAL),
        (eventfd(0, 1), vec![pipe], Errno::INVAL),
        (eventfd(0, 0), vec![], Errno::INVAL),
        (
            set(IrqAction::Mask, IrqData::None, 0, 0),
            vec![],
            Errno::INVAL,
        ),
        (
            set(IrqAction::Trigger, IrqData::None, 0, 1),
            vec![of(&i)],
            Errno::INVAL,
        ),
        (
            set(IrqAction::Mask, IrqData::Eventfd, 0, 1),
            vec![of(&i)],
            Errno::OPNOTSUPP,
        ),
    ];
    for (set, fds, errno) in cases {
        assert_eq!(v.set(&set, fds), Err(errno), "{set:?}");
    }
    assert!(!i.try_take());
    v.raise(0);
    assert!(i.try_take());
}

#[test]
fn an_eventfd_at_its_limit_that_blocks_does_not_hold_the_device_up() {
    let v = vectors();
    let full = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
    rustix::io::write(&full, &(u64::MAX - 1).to_ne_bytes()).unwrap();
    v.set(&eventfd(0, 1), vec![full]).unwrap();
    v.raise(0);
    assert_eq!(v.pending(), 0);
}
