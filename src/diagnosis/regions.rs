//! A key that is refused here: is it of another region of the vendor?
//!
//! Promise: the key is shown to hosts of the same vendor alone, and only when the operator asked for it.

use tokio::time::timeout;

use super::finding::Finding;
use super::{LIMIT, late};
use crate::config::{Egress, Integration, Region};
use crate::engine::trial::{self, Data};
use crate::fault::Fault;
use crate::values::Secret;

const ID: &str = "region";

/// Asks each of these with the key.
pub async fn ask(
    integration: &Integration,
    egress: &Egress,
    token: &Secret,
    regions: &[Region],
    tell: &mut (dyn FnMut(Finding) + Send),
) {
    for region in regions {
        let there = trial::at_host(integration, &region.host);
        let answer = match trial::connector(&there, egress, token.clone(), Data::Live) {
            Ok(connector) => timeout(LIMIT, connector.first()).await,
            Err(fault) => Ok(Err(fault)),
        };
        tell(match answer {
            Ok(answer) => judge(integration, region, &answer),
            Err(_) => late(ID, &region.name),
        });
    }
}

fn judge(integration: &Integration, region: &Region, answer: &Result<(), Fault>) -> Finding {
    let (name, host) = (region.name.as_str(), &region.host);
    let status = match answer {
        Ok(()) => Some(200),
        Err(fault) => fault.status,
    };
    match (status, answer) {
        (Some(200 | 402), _) => {
            let text = format!("{host} takes this key: it is of this region");
            Finding::warning(ID, name, text, format!("set host = {name:?} in [integrations.{}]", integration.name))
        }
        (Some(403), _) => {
            let text = format!("{host} answers 403, as it may to any key: not known");
            Finding::warning(ID, name, text, "see in the portal which region the tenant is of")
        }
        (_, Err(fault)) => {
            let advice = match status {
                Some(401) => "the key is not of this region",
                _ => "check whether this box may reach that host",
            };
            Finding::fault(ID, name, fault, advice)
        }
        (_, Ok(())) => Finding::ok(ID, name, "answers"),
    }
}
