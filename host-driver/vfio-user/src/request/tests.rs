use super::*;
use proptest::prelude::*;

fn irqs(flags: IrqSetFlags, start: u32, count: u32, data: &[u8]) -> Vec<u8> {
    let mut body = IrqSet {
        argsz: 20,
        flags: flags.bits(),
        index: 2,
        start,
        count,
    }
    .encode();
    body.extend_from_slice(data);
    body
}

fn parse(command: Command, body: &[u8]) -> Result<Request<'_>, Errno> {
    Request::parse(&Header::command(0, command), body)
}

#[test]
fn interrupts_are_set_in_all_forms() {
    use IrqSetFlags as F;
    let cases = [
        (F::DATA_NONE, IrqData::None),
        (F::DATA_BOOL, IrqData::Bool(&[1, 0])),
        (F::DATA_EVENTFD, IrqData::Eventfd),
    ];
    let actions = [
        (F::MASK, IrqAction::Mask),
        (F::UNMASK, IrqAction::Unmask),
        (F::TRIGGER, IrqAction::Trigger),
    ];
    for (form, data) in cases {
        for (flag, action) in actions {
            let body = irqs(form | flag, 1, 2, &[1, 0, 9]);
            let expected = SetIrqs {
                index: 2,
                start: 1,
                count: 2,
                action,
                data,
            };
            assert_eq!(
                parse(Command::SetIrqs, &body),
                Ok(Request::SetIrqs(expected))
            );
        }
    }
}

#[test]
fn contradictory_interrupts_are_refused() {
    use IrqSetFlags as F;
    for flags in [
        F::empty(),
        F::TRIGGER,
        F::DATA_NONE,
        F::all(),
        F::DATA_NONE | F::DATA_BOOL | F::TRIGGER,
        F::DATA_NONE | F::MASK | F::UNMASK,
        F::from_bits_retain(1 << 6) | F::DATA_NONE | F::TRIGGER,
    ] {
        let body = irqs(flags, 0, 1, &[1]);
        assert_eq!(
            parse(Command::SetIrqs, &body),
            Err(Errno::INVAL),
            "{flags:?}"
        );
    }
    let short = irqs(F::DATA_BOOL | F::TRIGGER, 0, 2, &[1]);
    assert_eq!(parse(Command::SetIrqs, &short), Err(Errno::INVAL));
    let wraps = irqs(F::DATA_NONE | F::TRIGGER, u32::MAX, 1, &[]);
    assert_eq!(parse(Command::SetIrqs, &wraps), Err(Errno::INVAL));
}

#[test]
fn data_must_be_there_and_not_be_more_than_agreed() {
    let mut body = RegionAccess {
        offset: 0,
        region: 0,
        count: 4,
    }
    .encode();
    body.extend_from_slice(&[1, 2, 3]);
    assert_eq!(parse(Command::RegionWrite, &body), Err(Errno::INVAL));
    body.extend_from_slice(&[4, 5]);
    assert!(
        matches!(parse(Command::RegionWrite, &body), Ok(Request::RegionWrite(_, data)) if data == [1, 2, 3, 4])
    );
    let huge = RegionAccess {
        count: u32::MAX,
        ..RegionAccess::default()
    };
    assert_eq!(
        parse(Command::RegionRead, &huge.encode()),
        Err(Errno::MSGSIZE)
    );
}

#[test]
fn what_is_not_a_clients_to_ask_is_not_supported() {
    for command in [
        Command::DmaRead,
        Command::DeviceFeature,
        Command::GetRegionIoFds,
    ] {
        assert_eq!(parse(command, &[0; 64]), Err(Errno::OPNOTSUPP));
    }
    let unknown = Header {
        command: 99,
        ..Header::command(0, Command::Reset)
    };
    assert_eq!(Request::parse(&unknown, &[]), Err(Errno::OPNOTSUPP));
}

proptest! {
    #[test]
    fn no_body_makes_the_parser_panic(command in 0u16..24, body in prop::collection::vec(any::<u8>(), 0..80)) {
        let header = Header { command, ..Header::command(0, Command::Reset) };
        let _ = Request::parse(&header, &body);
    }

    #[test]
    fn a_body_cut_off_is_refused(at in 0usize..64) {
        for (command, len) in [
            (Command::DmaMap, DmaMap::LEN), (Command::DmaUnmap, DmaUnmap::LEN), (Command::GetInfo, DeviceInfo::LEN),
            (Command::GetRegionInfo, RegionInfo::LEN), (Command::GetIrqInfo, IrqInfo::LEN),
            (Command::SetIrqs, IrqSet::LEN), (Command::RegionRead, RegionAccess::LEN), (Command::RegionWrite, RegionAccess::LEN),
        ] {
            let body = [0xff; 64];
            if at < len {
                prop_assert_eq!(parse(command, &body[..at]), Err(Errno::INVAL));
            }
        }
    }
}
