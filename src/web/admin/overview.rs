//! The first page: how the agent does, in a sentence, an address, two charts and a tile for each part.
//!
//! Promise: it says what `/status` says, of one moment; an address that nobody observed is called that.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::chart::{Chart, Unit};
use super::frame::{self, Frame, Place};
use super::tile::{self, Told};
use super::visit::Visit;
use super::{Desk, shown};
use crate::status::Snapshot;
use crate::status::history::{self, Point, STEP};
use crate::status::sentences::{ago, bytes, count, span};
use crate::web::page::{ConditionRow, state_text};

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct Page<'a> {
    frame: Frame,
    told: String,
    egress: EgressCard<'a>,
    queue: QueueCard,
    depth: Chart,
    age: Chart,
    hours: Vec<Hour>,
    conditions: Vec<ConditionRow<'a>>,
    integrations: Vec<Tile>,
    destinations: Vec<Tile>,
}

/// The address that the vendor sees.
pub(super) struct EgressCard<'a> {
    pub address: &'a str,
    pub observed: bool,
    pub word: &'static str,
    pub class: &'static str,
    pub text: &'a str,
    pub checked: String,
}

impl<'a> EgressCard<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> EgressCard<'a> {
        let egress = &snapshot.egress;
        let (word, class) = match (egress.matches, &egress.observed) {
            (Some(true), _) => ("match", "good"),
            (Some(false), _) => ("mismatch", "bad"),
            (None, Some(_)) => ("not compared", "plain"),
            (None, None) => ("not observed", "plain"),
        };
        let by = egress.observed_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        EgressCard {
            address: egress.observed.as_deref().unwrap_or("Not observed"),
            observed: egress.observed.is_some(),
            word,
            class,
            text: &egress.text,
            checked: format!("Checked: {}{by}", ago(egress.checked, snapshot.time)),
        }
    }
}

struct QueueCard {
    waiting: String,
    oldest: String,
    disk: String,
    text: String,
}

struct Tile {
    told: Told,
    name: String,
    path: String,
    small: String,
}

/// A row of the table that says what the charts say.
#[derive(Debug, PartialEq, Eq)]
struct Hour {
    time: String,
    /// Depth, age, events kept; `None`: nothing is known.
    values: Option<[String; 3]>,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let frame = Frame::new(&desk, &visit, Place::Overview, "Overview").said(&uri);
    let snapshot = desk.snapshot();
    let day = desk.board.history(|history| history.day(snapshot.time));
    frame::page(StatusCode::OK, &Page::new(frame, &snapshot, &day))
}

impl<'a> Page<'a> {
    fn new(frame: Frame, snapshot: &'a Snapshot, day: &[Option<Point>]) -> Page<'a> {
        let begins = history::begins(snapshot.time);
        let values = |of: fn(&Point) -> u64| day.iter().map(|point| point.as_ref().map(of)).collect::<Vec<_>>();
        let depth = values(|point| point.depth.max);
        let age = values(|point| point.oldest_seconds.max);
        let queue = &snapshot.queue;
        Page {
            frame,
            told: state_text(snapshot),
            egress: EgressCard::new(snapshot),
            queue: QueueCard {
                waiting: count(queue.events),
                oldest: if queue.events == 0 { "nothing waits".into() } else { span(queue.oldest_seconds) },
                disk: format!("{} of {}", bytes(queue.disk_bytes), bytes(queue.max_bytes)),
                text: queue.text.clone(),
            },
            depth: Chart::new("depth", "Events that wait, over the last 24 hours", Unit::Events, &depth, begins),
            age: Chart::new("age", "Age of the oldest of them, over the last 24 hours", Unit::Seconds, &age, begins),
            hours: hours(day, begins),
            conditions: snapshot.conditions.iter().map(|each| ConditionRow::new(each, snapshot.time)).collect(),
            integrations: snapshot
                .integrations
                .iter()
                .map(|one| Tile {
                    told: tile::of_integration(one),
                    name: one.name.clone(),
                    path: format!("/admin/settings/integrations/{}", one.name),
                    small: format!("{} at {}", one.connector, one.host),
                })
                .collect(),
            destinations: snapshot
                .destinations
                .iter()
                .map(|one| Tile {
                    told: tile::of_destination(one),
                    name: one.name.clone(),
                    path: format!("/admin/settings/destinations/{}", one.name),
                    small: format!("{} to {}", one.protocol, one.address),
                })
                .collect(),
        }
    }
}

/// Each hour that the day touches, the newest first.
fn hours(day: &[Option<Point>], begins: Timestamp) -> Vec<Hour> {
    let hour_of = |n: usize| (begins.as_second() + n as i64 * STEP).div_euclid(3600);
    let mut hours: Vec<(i64, Option<[u64; 3]>)> = Vec::new();
    for (n, point) in day.iter().enumerate() {
        let hour = hour_of(n);
        if hours.last().is_none_or(|(last, _)| *last != hour) {
            hours.push((hour, None));
        }
        if let (Some(point), Some((_, values))) = (point, hours.last_mut()) {
            let [depth, age, kept] = values.unwrap_or_default();
            *values =
                Some([depth.max(point.depth.max), age.max(point.oldest_seconds.max), kept.saturating_add(point.kept)]);
        }
    }
    let row = |(hour, values): (i64, Option<[u64; 3]>)| Hour {
        time: Timestamp::from_second(hour * 3600).map_or_else(|_| String::new(), shown::minute),
        values: values.map(|[depth, age, kept]| [count(depth), span(age), count(kept)]),
    };
    hours.into_iter().rev().map(row).collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::status::history::Reading;
    use crate::status::samples;
    use crate::web::admin::tests::Site;

    #[test]
    fn the_table_beside_the_charts_has_a_row_for_each_hour_and_tells_gaps() {
        let mut history = history::History::default();
        let note = |history: &mut history::History, minutes: i64, depth, kept_total| {
            let now = samples::now() - SignedDuration::from_mins(minutes);
            history.note(Reading { depth, oldest_seconds: depth * 60, kept_total }, now);
        };
        note(&mut history, 70, 9, 100);
        note(&mut history, 65, 3, 110);
        note(&mut history, 0, 1, 111);
        let rows = hours(&history.day(samples::now()), history::begins(samples::now()));
        assert_eq!(rows.len(), 25, "24 hours touch 25 of them");
        assert_eq!(
            rows[0],
            Hour { time: "2026-11-20 12:00".into(), values: Some(["1", "1 min", "1"].map(str::to_owned)) }
        );
        assert_eq!(rows[1].values, None);
        assert_eq!(rows[2].values, Some(["9", "9 min", "110"].map(str::to_owned)));
    }

    #[tokio::test]
    async fn the_page_says_the_address_the_day_and_every_tile_and_condition() {
        let (it, ada) = Site::claimed();
        for (minutes, depth) in [(9, 7), (4, 4_321), (0, 12)] {
            let now = samples::now() - SignedDuration::from_mins(minutes);
            it.desk.board.history(|history| history.note(Reading { depth, ..Reading::default() }, now));
        }
        it.desk.board.raise(crate::status::Code::DiskError, "", "<script>x</script>", samples::now());
        let page = it.ask(ada.get("/admin")).await;
        assert_eq!(page.status, StatusCode::OK);
        let snapshot = it.desk.snapshot();
        for told in tile::all(&snapshot).iter().skip(1) {
            assert!(page.body.contains(&format!("data-live=\"{}\"", told.place)), "{}: {}", told.place, page.body);
        }
        assert_eq!(page.body.matches("<svg class=\"chart\"").count(), 2);
        assert!(
            page.body.contains("At most 4,321, about 11:55 UTC; 12 at last")
                && page.body.contains("23 h 45 min nothing is known"),
            "{}",
            page.body
        );
        assert!(!page.body.contains("<script>x") && page.body.contains("&#60;script&#62;x"));
        assert!(snapshot.egress.observed.is_none_or(|address| page.body.contains(&address)));
        assert!(!page.body.contains("style="), "the policy forbids it");
    }

    #[tokio::test]
    async fn an_address_that_nobody_observed_is_called_that() {
        let (it, ada) = Site::claimed();
        it.desk.board.egress(|egress| {
            egress.observed = None;
            egress.allowlisted.clear();
        });
        for path in ["/admin", "/admin/network"] {
            let page = it.ask(ada.get(path)).await;
            assert!(page.status == StatusCode::OK && page.body.contains("Not observed"), "{path}: {}", page.body);
        }
        let page = it.ask(ada.get("/admin/network")).await;
        assert!(page.body.contains("The settings name none") && page.body.contains("none: directly"), "{}", page.body);
    }
}
