//! What people are told about the egress IP: the hint beside a 403, the line when it changes. Pure.
//!
//! Promise: a sentence says what was observed and what is set here, and never what the vendor thinks.

use std::fmt;
use std::net::IpAddr;

use super::{Observation, verdict};
use crate::values::IpRange;

/// The sentence beside a 403. The API answers so for an address outside its IP Safelist, a token without the
/// permission and a feature that is off alike, so the hint weighs the first and names the others.
pub fn hint_403(allowlisted: &[IpRange], seen: &Observation) -> String {
    let list = allowlisted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let egress = match (seen.address, &seen.fault, seen.source_address) {
        (Some(address), _, _) => format!("egress IP {address} (observed by {} at {})", seen.by, seen.checked),
        (None, Some(fault), _) => format!("egress IP not observed ({fault})"),
        (None, None, Some(own)) => {
            format!(
                "egress IP not observed (no `probe` is set; this box sends from {own}, which NAT or a proxy may change)"
            )
        }
        (None, None, None) => "egress IP not observed (no `probe` is set)".to_owned(),
    };
    match verdict(allowlisted, seen.address) {
        Some(true) => format!(
            "{egress} is in the allowlist set here ({list}): check that the vendor's IP Safelist holds it too, and that \
             the token has the permission"
        ),
        Some(false) => format!(
            "{egress} is not in the allowlist set here ({list}): if the vendor's IP Safelist is the same, add this address \
             there or leave by one that it holds; else check the token's permission"
        ),
        None if allowlisted.is_empty() => format!(
            "{egress}; no allowlist is set here: check that the vendor's IP Safelist, if in use, holds the address that \
             this box comes from, and that the token has the permission"
        ),
        None => format!(
            "{egress}; allowlist set here: {list}. Whether they match is not known: check the vendor's IP Safelist, and \
             that the token has the permission"
        ),
    }
}

/// An address that is not what it was. Prints as a line for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// What the world sees.
    Observed { from: IpAddr, to: IpAddr },
    /// What this box sends from.
    Source { from: IpAddr, to: IpAddr },
}

impl Change {
    /// What changed between two looks, the observed address before the local one. A look that showed nothing is
    /// no change: to see one across it, `before` must be the last look that showed something.
    pub fn between(before: &Observation, after: &Observation) -> Option<Change> {
        let differ = |from: Option<IpAddr>, to: Option<IpAddr>| from.zip(to).filter(|(from, to)| from != to);
        let observed = differ(before.address, after.address).map(|(from, to)| Change::Observed { from, to });
        let source = || differ(before.source_address, after.source_address);
        observed.or_else(|| source().map(|(from, to)| Change::Source { from, to }))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Observed { from, to } => {
                write!(f, "the egress IP changed from {from} to {to}: the vendor's IP Safelist must hold the new one")
            }
            Change::Source { from, to } => {
                write!(f, "this box now sends from {to}, before from {from}: its egress IP may have changed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn seen(address: Option<&str>, source: Option<&str>, fault: Option<&str>) -> Observation {
        let parse = |text: &str| text.parse().expect("an address");
        Observation {
            address: address.map(parse),
            by: "soc.example".to_owned(),
            source_address: source.map(parse),
            checked: Timestamp::UNIX_EPOCH,
            fault: fault.map(str::to_owned),
        }
    }

    #[test]
    fn the_hint_names_the_address_the_list_and_no_more_than_is_known() {
        let list: Vec<IpRange> = vec!["203.0.113.0/28".parse().expect("a range")];
        let table = [
            (
                &list[..],
                seen(Some("203.0.113.10"), None, None),
                "203.0.113.10 (observed by soc.example",
                "is in the allowlist",
            ),
            (&list[..], seen(Some("198.51.100.1"), None, None), "198.51.100.1 (observed", "is not in the allowlist"),
            (&list[..], seen(None, Some("10.0.0.5"), None), "not observed", "not known"),
            (&list[..], seen(None, None, Some("the probe was cut")), "not observed (the probe was cut)", "not known"),
            (&[], seen(Some("198.51.100.1"), None, None), "198.51.100.1", "no allowlist is set"),
            (&[], seen(None, None, None), "not observed", "no allowlist is set"),
        ];
        for (allowlisted, observation, egress, judged) in table {
            let hint = hint_403(allowlisted, &observation);
            assert!(hint.contains(egress) && hint.contains(judged), "{hint}");
            assert_eq!(hint.contains("203.0.113.0/28"), !allowlisted.is_empty(), "{hint}");
            assert!(hint.contains("permission"), "a 403 may have nothing to do with the address: {hint}");
        }
    }

    #[test]
    fn a_change_is_told_with_both_addresses_and_a_blind_look_is_no_change() {
        let old = seen(Some("203.0.113.10"), Some("10.0.0.5"), None);
        let new = seen(Some("198.51.100.1"), Some("10.0.0.6"), None);
        let line = Change::between(&old, &new).expect("a change").to_string();
        assert!(line.contains("203.0.113.10") && line.contains("198.51.100.1"), "{line}");
        let blind = seen(None, Some("10.0.0.5"), Some("cut"));
        assert_eq!(Change::between(&old, &blind), None);
        assert_eq!(Change::between(&old, &old), None);
        let moved = Change::between(&seen(None, Some("10.0.0.5"), None), &seen(None, Some("10.0.0.6"), None));
        assert!(moved.expect("a change").to_string().contains("10.0.0.6"));
    }
}
