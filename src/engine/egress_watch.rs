//! Watches which address the vendor sees us come from.
//!
//! Promise: asked over the same path as the vendor's calls; a change or a mismatch is told once, with both sides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::stop::Stop;
use super::{Facilities, way_out};
use crate::config::{Egress, Settings};
use crate::egress::{self, Change, Observation};
use crate::fault::{Fault, FaultKind};
use crate::status::{Board, Code, FaultNote};

/// Between two looks while all is well, and while it is not.
const EVERY: Duration = Duration::from_secs(300);
const SOONER: Duration = Duration::from_secs(30);

pub async fn run(
    facilities: Facilities,
    mut settings: watch::Receiver<Option<Arc<Settings>>>,
    told: Arc<watch::Sender<Option<Observation>>>,
    mut stop: Stop,
) {
    // What was last seen of each address: a blind look in between must not hide a change.
    let mut shown: Option<Observation> = None;
    let board = &facilities.board;
    loop {
        tokio::select! {
            () = stop.stopped() => return,
            () = facilities.clock.wait_until_set() => {}
        }
        let current = settings.borrow_and_update().as_ref().map(|s| s.egress.clone());
        let wait = match &current {
            Some(egress) => {
                let looked = tokio::select! {
                    () = stop.stopped() => return,
                    looked = way_out::look_with(egress, facilities.shared.clone()) => looked,
                };
                let well = tell(board, egress, &looked, shown.as_ref());
                let last = shown.take();
                shown = Some(Observation {
                    address: looked.address.or(last.as_ref().and_then(|last| last.address)),
                    source_address: looked.source_address.or(last.and_then(|last| last.source_address)),
                    ..looked.clone()
                });
                told.send_replace(Some(looked));
                if well { EVERY } else { SOONER }
            }
            None => EVERY,
        };
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep(wait) => {}
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}

/// Writes what was seen to the board and the log; says whether all is well.
fn tell(board: &Board, settings: &Egress, seen: &Observation, before: Option<&Observation>) -> bool {
    let now = seen.checked;
    let matches = egress::verdict(&settings.allowlisted, seen.address);
    board.egress(|record| {
        record.allowlisted = settings.allowlisted.clone();
        record.probe = settings.probe.clone();
        record.observed = seen.address;
        record.observed_by = Some(seen.by.clone());
        record.source_address = seen.source_address;
        record.checked = seen.address.map(|_| now).or(record.checked);
        record.fault = seen.fault.as_ref().map(|text| FaultNote::new(&Fault::new(FaultKind::Unavailable, text), now));
    });
    let listed = || settings.allowlisted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(change) = before.and_then(|before| Change::between(before, seen)) {
        tracing::warn!(allowlisted = listed(), "{change}");
    } else if let (None, Some(address)) = (before, seen.address) {
        tracing::info!(egress_ip = %address, allowlisted = listed(), "the egress IP is {address}");
    }
    match (matches, seen.address) {
        (Some(false), Some(address)) => {
            let text = format!(
                "the egress IP {address} (by {}) is not among the allowlisted ({}): where the vendor's IP Safelist \
                 is the same, it answers 403",
                seen.by,
                listed()
            );
            if board.raise(Code::EgressMismatch, "", &text, now) {
                tracing::warn!("{text}");
            }
        }
        (Some(true), _) => {
            if board.clear(Code::EgressMismatch, "") {
                tracing::info!("the egress IP is among the allowlisted again");
            }
        }
        // A probe that failed has not shown that the address is another: what stood, stands.
        _ if seen.fault.is_some() => {}
        _ => {
            board.clear(Code::EgressMismatch, "");
        }
    }
    match &seen.fault {
        Some(fault) if settings.probe.is_some() => {
            board.raise(Code::EgressUnknown, "", format!("the egress IP could not be observed: {fault}"), now);
        }
        _ => {
            board.clear(Code::EgressUnknown, "");
        }
    }
    matches != Some(false) && seen.fault.is_none()
}
