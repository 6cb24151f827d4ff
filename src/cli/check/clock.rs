//! The clock, against the vendor's Date header.
//!
//! Promise: it is asked without a token; who doesn't tell the time makes it unknown, never right.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::finding::Finding;
use super::integrations;
use crate::cli::Exit;
use crate::config::Settings;
use crate::engine::way_out;
use crate::net::http::Get;

const ID: &str = "clock";
/// Seconds apart that are told, as the running agent tells them.
const SKEW_TOLD: i64 = 60;
/// APIs that are asked, one after the other until one tells, and how long each may take.
const MOST: usize = 3;
const EACH: Duration = Duration::from_secs(5);
/// Before 2024-01-01 no clock of this program can be right.
const EARLIEST: i64 = 1_704_067_200;

pub async fn look(settings: &Settings, now: fn() -> Timestamp) -> Finding {
    if now().as_second() < EARLIEST {
        return judge(now(), None);
    }
    let integrations = settings.integrations.values().filter(|one| one.enabled);
    for integration in integrations.take(MOST) {
        let url = format!("https://{}/", integrations::host(integration));
        let Ok(client) = way_out::client(&settings.egress, integration.ca.clone()) else { continue };
        let Ok(Ok(answer)) = timeout(EACH, client.get(&url, &[], None)).await else { continue };
        if let Some(date) = answer.date {
            return judge(now(), Some(date));
        }
    }
    judge(now(), None)
}

fn judge(now: Timestamp, vendor: Option<Timestamp>) -> Finding {
    if now.as_second() < EARLIEST {
        let text = format!("this box believes that it is {}", now.strftime("%Y-%m-%d"));
        let advice = "set the clock (timedatectl set-ntp true): certificates and time windows fail by it";
        return Finding::failed(ID, "", Exit::Unavailable, text, advice);
    }
    let Some(vendor) = vendor else {
        let advice = "mend what the lines of the integrations say, then check again (or see timedatectl)";
        return Finding::skipped(ID, "", "no vendor's API has told the time", advice);
    };
    let skew = now.as_second() - vendor.as_second();
    if skew.abs() > SKEW_TOLD {
        let side = if skew > 0 { "ahead of" } else { "behind" };
        let text = format!("this box's clock is {} s {side} the vendor's", skew.abs());
        return Finding::warning(ID, "", text, "set the clock (timedatectl set-ntp true); nothing is lost by it");
    }
    Finding::ok(ID, "", format!("{} s from the vendor's", skew.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::finding::Outcome;

    #[test]
    fn a_minute_is_borne_more_is_told_and_a_year_long_gone_fails() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let table = [
            ("2026-11-20T12:01:00Z", Some("2026-11-20T12:00:00Z"), Outcome::Ok),
            ("2026-11-20T12:01:01Z", Some("2026-11-20T12:00:00Z"), Outcome::Warning),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T12:05:00Z"), Outcome::Warning),
            ("2026-11-20T12:00:00Z", None, Outcome::Skipped),
            ("1970-01-01T00:00:09Z", None, Outcome::Failed),
            ("2023-12-31T23:59:59Z", Some("2026-11-20T12:00:00Z"), Outcome::Failed),
        ];
        for (now, vendor, expected) in table {
            assert_eq!(judge(at(now), vendor.map(at)).outcome, expected, "{now} {vendor:?}");
        }
    }
}
