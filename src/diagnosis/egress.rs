//! The egress IP: which address the vendor sees us come from, and is it among the allowlisted.
//!
//! Promise: observed by the operator's probe over the way that the vendor is asked by, or called unknown.

use super::finding::Finding;
use crate::config::Egress;
use crate::egress::{self, Observation};

const ID: &str = "egress";

/// Is the observed address among the allowlisted?
pub fn judge(settings: &Egress, seen: &Observation) -> Finding {
    let listed = settings.allowlisted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (seen.address, egress::verdict(&settings.allowlisted, seen.address)) {
        (Some(address), Some(true)) => {
            Finding::ok(ID, "", format!("{address}, observed by {}, is among the allowlisted ({listed})", seen.by))
        }
        (Some(address), Some(false)) => {
            let text = format!("{address}, observed by {}, is not among the allowlisted ({listed})", seen.by);
            let advice =
                "add it to the vendor's IP Safelist and to `allowlisted` under [egress], or leave by one that is there";
            // A warning, as the running agent's: whether the vendor minds, the integrations' answers tell.
            Finding::warning(ID, "", text, advice)
        }
        (Some(address), None) => {
            let advice = "set `allowlisted` under [egress] to what the vendor's IP Safelist holds";
            let text = format!("{address}, observed by {}; no allowlist is set to compare it with", seen.by);
            Finding::warning(ID, "", text, advice)
        }
        (None, _) => match (&seen.fault, seen.source_address) {
            (Some(fault), _) => {
                let advice = "correct `probe` (and `probe-ca`) under [egress]; without it only the address is unknown";
                Finding::warning(ID, "", format!("not observed: {fault}"), advice)
            }
            (None, source) => {
                let from = source.map_or_else(String::new, |own| format!("; this box sends from {own}"));
                let advice = "set `probe` under [egress] to a URL whose answer holds the address it is asked from";
                Finding::skipped(ID, "", format!("not observed: no probe is set{from}"), advice)
            }
        },
    }
}
