//! The clock, against the vendor's Date header.
//!
//! Promise: it is asked without a token; who doesn't tell the time makes it unknown, never right.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::finding::{Finding, Trouble};
use crate::config::Egress;
use crate::engine::clock::EARLIEST;
use crate::engine::way_out;
use crate::net::http::Get;

const ID: &str = "clock";
/// Seconds apart that are told, as the running agent tells them.
const SKEW_TOLD: i64 = 60;
/// Seconds apart that fail: the windows that are asked for are no longer the right ones.
const SKEW_FAILS: i64 = 600;
/// How long one API may take to tell the time.
const EACH: Duration = Duration::from_secs(5);
const ADVICE: &str = "set the clock (timedatectl set-ntp true)";

/// Can this be the time at all? If not, asking others for it is no use: no certificate would be valid.
pub fn is_possible(now: Timestamp) -> bool {
    now >= EARLIEST
}

/// The time by the API at `host`; `None` where it tells none.
pub async fn ask(host: &str, egress: &Egress, ca: Option<PathBuf>) -> Option<Timestamp> {
    let client = way_out::client(egress, ca).ok()?;
    timeout(EACH, client.get(&format!("https://{host}/"), &[], None)).await.ok()?.ok()?.date
}

/// How far apart the two are.
pub fn judge(now: Timestamp, vendor: Option<Timestamp>) -> Finding {
    if !is_possible(now) {
        let text = format!("this box believes that it is {}", now.strftime("%Y-%m-%d"));
        let advice = format!("{ADVICE}: certificates and time windows fail by it");
        return Finding::failed(ID, "", Trouble::Peer, text, advice);
    }
    let Some(vendor) = vendor else {
        let advice = "mend what the lines of the integrations say, then check again (or see timedatectl)";
        return Finding::skipped(ID, "", "no vendor's API has told the time", advice);
    };
    let skew = now.as_second() - vendor.as_second();
    if skew.abs() >= SKEW_TOLD {
        let side = if skew > 0 { "ahead of" } else { "behind" };
        let text = format!("this box's clock is {} s {side} the vendor's", skew.abs());
        if skew.abs() >= SKEW_FAILS {
            let advice = format!("{ADVICE}: the agent would ask for the wrong windows of time");
            return Finding::failed(ID, "", Trouble::Peer, text, advice);
        }
        return Finding::warning(ID, "", text, format!("{ADVICE}; nothing is lost by it"));
    }
    Finding::ok(ID, "", format!("{} s from the vendor's", skew.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::finding::Outcome;

    #[test]
    fn less_than_a_minute_is_borne_more_is_told_and_ten_minutes_or_a_year_long_gone_fail() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let table = [
            ("2026-11-20T12:00:59Z", Some("2026-11-20T12:00:00Z"), Outcome::Ok),
            ("2026-11-20T12:01:00Z", Some("2026-11-20T12:00:00Z"), Outcome::Warning),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T12:09:59Z"), Outcome::Warning),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T12:10:00Z"), Outcome::Failed),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T12:05:00Z"), Outcome::Warning),
            ("2026-11-20T12:00:00Z", None, Outcome::Skipped),
            ("1970-01-01T00:00:09Z", None, Outcome::Failed),
            ("2026-06-30T23:59:59Z", Some("2026-11-20T12:00:00Z"), Outcome::Failed),
        ];
        for (now, vendor, expected) in table {
            assert_eq!(judge(at(now), vendor.map(at)).outcome, expected, "{now} {vendor:?}");
        }
    }
}
