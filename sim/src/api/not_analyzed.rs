//! Messages that people reported and the vendor did not analyze: the row, its JSON, and the one list without pages.
//!
//! Promise: a row that has vanished is gone from every later answer, as at the vendor, which takes rows back minutes
//! after they came.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::exchange::{Answer, Ask, error, json};
use super::filter::{parameter, time};
use super::json::{array, object, plain};
use super::moment::Moment;

/// Without `start`, and at most, the vendor looks back so far.
pub const REACH: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct NotAnalyzed {
    /// `abx_message_id`: 64 bits, and no text beside it.
    pub message_id: i64,
    pub subject: String,
    pub reported: Moment,
    pub recipient: Person,
    pub reporter: Person,
    /// `not_analyzed_reason`, such as `UNKNOWN_REPORTER`.
    pub reason: String,
    /// From then on no list holds it.
    pub vanishes_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: String,
}

impl NotAnalyzed {
    /// The row as its list holds it.
    pub fn listed(&self) -> String {
        object(&[
            ("abx_message_id", self.message_id.to_string()),
            ("subject", plain(&self.subject)),
            ("reported_datetime", plain(&self.reported.text())),
            ("recipient", self.recipient.json()),
            ("reporter", self.reporter.json()),
            ("not_analyzed_reason", plain(&self.reason)),
        ])
    }

    fn there(&self, now: Timestamp, for_long: Option<SignedDuration>) -> bool {
        let vanished = |at: Timestamp| at <= now;
        let by_age = for_long.and_then(|age| self.reported.at.checked_add(age).ok());
        !self.vanishes_at.is_some_and(vanished) && !by_age.is_some_and(vanished)
    }
}

impl Person {
    /// From the two texts.
    pub fn new(name: &str, email: &str) -> Person {
        Person { name: name.to_owned(), email: email.to_owned() }
    }

    fn json(&self) -> String {
        object(&[("name", plain(&self.name)), ("email", plain(&self.email))])
    }
}

/// The answer at `/v1/abuse_mailbox/not_analyzed`. `widest`: a range beyond it is refused. `for_long`: how long a row
/// stays once it was reported; `None`: until its own end.
pub(super) fn rows<'a>(
    all: impl Iterator<Item = &'a NotAnalyzed>,
    ask: &Ask<'_>,
    widest: SignedDuration,
    for_long: Option<SignedDuration>,
) -> Answer {
    let bound = |name| parameter(ask.query, name).map_or(Ok(None), |text| time(&text).map(Some).ok_or(name));
    let (start, end) = match (bound("start"), bound("end")) {
        (Ok(start), Ok(end)) => (start, end.unwrap_or(ask.now)),
        (Err(name), _) | (_, Err(name)) => {
            return error(400, "error", &format!("Invalid date: {name} must be an RFC 3339 time in UTC"));
        }
    };
    let start = start.unwrap_or_else(|| end.checked_sub(widest).unwrap_or(Timestamp::MIN));
    if start > end {
        return error(400, "error", "Invalid date range: start lies after end");
    }
    if end.duration_since(start) > widest {
        return error(400, "error", "Invalid date range: start and end lie too far apart");
    }
    let asked = |row: &&NotAnalyzed| (start..=end).contains(&row.reported.at) && row.there(ask.now, for_long);
    json(object(&[("results", array(all.filter(asked).map(NotAnalyzed::listed)))]))
}
