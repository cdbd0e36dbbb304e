//! Whether somebody is at the other end of a card's cable.

use super::Finding;
use super::host::Host;
use crate::nic_link::{LinkState, link_of};
use longshore_device_vfio::{Interface, OpenError, Vfio};
use longshore_sysfs::Address;

pub(super) fn link(host: &Host) -> Finding {
    let cards = host.cards();
    let mut states = Vec::new();
    for card in cards.iter().filter(|card| card.is_bound_to_vfio()) {
        // The kernel resets a card when it is opened: one that a program has is not opened, and nobody has the others.
        let state = match Vfio::open_by(&host.sysfs, card.address, Interface::Best) {
            Ok(device) => link_of(&device).map_err(|e| e.to_string()),
            Err(OpenError::Busy { .. }) => Err("in use, ask the program that uses it".into()),
            Err(_) => Err("cannot be opened yet".into()),
        };
        states.push((card.address, state));
    }
    judge(&states)
}

fn judge(states: &[(Address, Result<LinkState, String>)]) -> Finding {
    if let Some((address, _)) = states.iter().find(|(_, s)| matches!(s, Ok(l) if !l.up)) {
        return Finding::missing(
            format!("the link of {address} is down"),
            format!("longshore info --vfio {address}"),
        )
        .also("plug the cable in, and bring the other end up; then look again:");
    }
    let told = |(address, state): &(Address, Result<LinkState, String>)| match state {
        Ok(link) => format!("{address} is up, {} Mb/s", link.rate_mbps),
        Err(why) => format!("{address}: {why}"),
    };
    let all = states.iter().map(told).collect::<Vec<_>>().join("; ");
    match states.iter().any(|(_, state)| state.is_ok()) {
        true => Finding::ok(all),
        false if states.is_empty() => Finding::not_applicable("no card is bound"),
        false => Finding::not_applicable(all),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn one_link_that_is_down_is_missing_and_one_that_is_not_seen_is_not() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        let (a, b) = (address("0000:03:00.0"), address("0000:04:00.0"));
        let link = |up| {
            Ok(LinkState {
                up,
                rate_mbps: 10_000,
            })
        };
        let busy = || Err("in use".to_owned());
        assert_eq!(judge(&[]).state, State::NotApplicable);
        assert_eq!(judge(&[(a, busy())]).state, State::NotApplicable);
        let finding = judge(&[(a, link(true)), (b, busy())]);
        assert_eq!(finding.state, State::Ok);
        assert!(finding.found.contains("10000 Mb/s"), "{finding:?}");
        let finding = judge(&[(a, link(true)), (b, link(false))]);
        assert_eq!(finding.state, State::Missing);
        assert_eq!(
            finding.remedy.unwrap().command,
            "longshore info --vfio 0000:04:00.0"
        );
    }
}
