//! All of it against a model of the vendor: items that come late, change, move and vanish, through outages of every
//! kind, for every stream. What was visible for one overlap must be in the queue, once for each version.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// 2026-11-20 12:00 UTC.
const BEGIN: i64 = 1_795_176_000;
const INTERVAL: i64 = 600;
const OVERLAP: i64 = 900;
/// How long items arrive, and how much longer it is polled: the daily retry comes in it.
const ARRIVALS: i64 = 2 * 3_600;
const AFTERWARDS: i64 = 26 * 3_600;

#[derive(Clone, Debug)]
struct Thing {
    at: i64,
    /// It, and each of its changes, shows so much later.
    delay: i64,
    change: Option<i64>,
    gone_after: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum Ill {
    ServerError,
    Throttled,
    Cut,
    Truncated,
    Html,
    ItemsMissing,
    ItemsFail,
}

#[derive(Clone, Debug)]
struct Outage {
    from: i64,
    length: i64,
    ill: Ill,
}

struct World {
    stream: &'static str,
    things: Vec<Thing>,
    outages: Vec<Outage>,
    page_size: usize,
    now: i64,
}

fn thing() -> impl Strategy<Value = Thing> {
    // What lasts and does not change may come as late as it likes: a sweep finds it.
    let late = (0..ARRIVALS, OVERLAP..20_000i64).prop_map(|(at, delay)| Thing {
        at: BEGIN + at,
        delay,
        change: None,
        gone_after: None,
    });
    let usual = (0..ARRIVALS, 0..=OVERLAP, proptest::option::of(0..ARRIVALS), proptest::option::of(5_000..9_000i64))
        .prop_map(|(at, delay, change, gone_after)| Thing {
            at: BEGIN + at,
            delay,
            change: change.map(|after| BEGIN + at + 1 + after).filter(|_| gone_after.is_none()),
            gone_after,
        });
    prop_oneof![1 => late, 4 => usual]
}

fn outage() -> impl Strategy<Value = Outage> {
    let ill = prop_oneof![
        Just(Ill::ServerError),
        Just(Ill::Throttled),
        Just(Ill::Cut),
        Just(Ill::Truncated),
        Just(Ill::Html),
        Just(Ill::ItemsMissing),
        Just(Ill::ItemsFail),
    ];
    (0..ARRIVALS, 1..1_200i64, ill).prop_map(|(from, length, ill)| Outage { from: BEGIN + from, length, ill })
}

impl Thing {
    fn visible(&self, now: i64) -> bool {
        now >= self.at + self.delay && self.gone_after.is_none_or(|after| now < self.at + self.delay + after)
    }

    fn changed(&self, now: i64) -> Option<i64> {
        self.change.filter(|change| now >= change + self.delay)
    }
}

impl World {
    /// The time by which a list filters, by the name of the filter's key.
    fn time(&self, thing: &Thing, key: &str) -> Option<i64> {
        match (self.stream, key) {
            ("threats", "latestTimeRemediated") => thing.changed(self.now),
            // A verdict moves no filter.
            ("threats" | "abuse-campaigns" | "audit-logs" | "not-analyzed", _) => Some(thing.at),
            _ => Some(thing.changed(self.now).unwrap_or(thing.at)),
        }
    }

    fn list(&self, key: &str, from: &str, to: &str, page: usize) -> Result<Answer, Fault> {
        let (from, to) = (time(from).as_second(), time(to).as_second() + i64::from(self.stream != "threats"));
        let mut listed: Vec<(usize, &Thing)> = self.things.iter().enumerate().collect();
        listed.reverse();
        listed.retain(|(_, thing)| {
            thing.visible(self.now) && self.time(thing, key).is_some_and(|at| from <= at && at < to)
        });
        let size = if self.stream == "not-analyzed" { usize::MAX } else { self.page_size };
        let before = (page - 1).saturating_mul(size);
        let more = listed.len() > before.saturating_add(size);
        let (member, id) = match self.stream {
            "threats" => ("threats", "threatId"),
            "cases" => ("cases", "caseId"),
            "abuse-campaigns" => ("campaigns", "campaignId"),
            "vendor-cases" => ("vendorCases", "vendorCaseId"),
            "audit-logs" => ("auditLogs", "timestamp"),
            _ => ("results", "abx_message_id"),
        };
        let mut body = format!("{{\"{member}\":[");
        for (n, (at, thing)) in listed.into_iter().skip(before).take(size).enumerate() {
            let comma = if n > 0 { "," } else { "" };
            let stamp = Timestamp::from_second(thing.at).expect("a time");
            let entry = match self.stream {
                "audit-logs" => format!("{{\"{id}\":\"{stamp}\",\"action\":\"{at}\"}}"),
                "not-analyzed" => format!("{{\"{id}\":{at},\"reported_datetime\":\"{stamp}\"}}"),
                _ => format!("{{\"{id}\":\"{at}\"}}"),
            };
            let _ = write!(body, "{comma}{entry}");
        }
        let next = if more { format!(",\"nextPageNumber\":{}", page + 1) } else { String::new() };
        status(200, &format!("{body}]{next}}}"))
    }

    fn item(&self, id: &str) -> Result<Answer, Fault> {
        let Some(thing) = self.things.get(id.parse::<usize>().expect("an index")).filter(|t| t.visible(self.now))
        else {
            return status(404, r#"{"detail":"Not Found"}"#);
        };
        let changed = thing.changed(self.now);
        let state = if changed.is_some() { "Malicious" } else { "Scanning" };
        status(
            200,
            &match self.stream {
                "threats" => {
                    let fixed = changed.map(|at| Timestamp::from_second(at).expect("a time").to_string());
                    format!("{{\"messages\":[{}]}}", mail("m", NOW, &fixed.unwrap_or_default()))
                }
                "cases" => format!("{{\"caseId\":\"{id}\",\"case_status\":\"{state}\"}}"),
                "abuse-campaigns" => format!("{{\"campaignId\":\"{id}\",\"judgementStatus\":\"{state}\"}}"),
                _ => format!("{{\"vendorCaseId\":{id},\"timeline\":\"{state}\"}}"),
            },
        )
    }

    fn answer(&self, ask: &Ask) -> Result<Answer, Fault> {
        let (key, from, to, page, id) = match ask {
            Ask::List { field, from, to, page } => {
                (field.clone(), from.to_string(), to.to_string(), *page as usize, None)
            }
            Ask::Item { id, .. } => (String::new(), String::new(), String::new(), 1, Some(id.clone())),
            Ask::Other(path) if path.ends_with("/analysis") => return status(404, ""),
            Ask::Other(path) => match path.split_once('?') {
                None => (String::new(), String::new(), String::new(), 1, path.rsplit('/').next().map(str::to_owned)),
                Some((_, query)) => {
                    let value = |key: &str| query.split('&').find_map(|p| p.strip_prefix(key)?.strip_prefix('='));
                    let filter = match (value("filter"), value("start"), value("end")) {
                        (Some(filter), _, _) => filter.to_owned(),
                        (None, Some(start), Some(end)) => format!("reported gte {start} lte {end}"),
                        _ => panic!("{path}"),
                    };
                    let words: Vec<&str> = filter.split(' ').collect();
                    let page = value("pageNumber").map_or(1, |page| page.parse().expect("a page"));
                    (words[0].to_owned(), words[2].to_owned(), words[4].to_owned(), page, None)
                }
            },
        };
        let ill = self.outages.iter().find(|outage| (outage.from..outage.from + outage.length).contains(&self.now));
        match (ill.map(|outage| outage.ill), &id) {
            (Some(Ill::ServerError), _) | (Some(Ill::ItemsFail), Some(_)) => return status(500, ""),
            (Some(Ill::Throttled), _) => return status(429, ""),
            (Some(Ill::Cut), _) => return Err(Fault::new(crate::fault::FaultKind::Unavailable, "cut")),
            (Some(Ill::Truncated), _) => return status(200, "{\"threats\":["),
            (Some(Ill::Html), _) => return status(200, "<html>"),
            (Some(Ill::ItemsMissing), Some(_)) => return status(404, "{}"),
            (Some(Ill::ItemsMissing | Ill::ItemsFail) | None, _) => {}
        }
        match id {
            Some(id) => self.item(&id),
            None => self.list(&key, &from, &to, page),
        }
    }
}

/// Polls as the engine does, until long after the last arrival.
async fn collect(stream: &'static str, things: &[Thing], outages: &[Outage], page_size: usize) -> Bench {
    let world = World { stream, things: things.to_vec(), outages: outages.to_vec(), page_size, now: BEGIN };
    let world = Arc::new(Mutex::new(world));
    let asked = Arc::clone(&world);
    let mut bench = Bench::of(stream, false, move |ask| asked.lock().expect("the world").answer(ask));
    bench.now = Timestamp::from_second(BEGIN).expect("a time");
    bench.connector.timing.start = 60;
    let mut round = 0;
    while bench.now.as_second() < BEGIN + ARRIVALS + AFTERWARDS {
        let now = bench.now.as_second();
        world.lock().expect("the world").now = now;
        bench.due = now - round >= INTERVAL;
        if bench.due {
            round = now;
        }
        let page = bench.poll().await;
        bench.fake.asked.lock().expect("asked").clear();
        assert!(page.events.len() <= crate::connectors::PAGE_EVENTS);
        let wake = page.wake.map_or(i64::MAX, |at| (at.as_second() - now).max(1));
        bench.later(match (page.fault.is_some(), page.more) {
            (true, _) => 37,
            (false, true) => 1,
            (false, false) => wake.min(round + INTERVAL - now).max(1),
        });
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_visible_for_one_overlap_is_kept_once_for_each_version_whatever_failed(
        stream in proptest::sample::select(super::super::STREAMS),
        things in vec(thing(), 0..25),
        outages in vec(outage(), 0..4),
        page_size in 1..6usize,
    ) {
        // What is listed but can't be had is not visible: with such outages nothing vanishes.
        let unseen = outages.iter().any(|outage| matches!(outage.ill, Ill::ItemsMissing | Ill::ItemsFail));
        let lasting = |thing: &Thing| Thing { gone_after: thing.gone_after.filter(|_| !unseen), ..thing.clone() };
        let things: Vec<Thing> = things.iter().map(lasting).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let bench = runtime.block_on(collect(stream, &things, &outages, page_size));
        let changes = !matches!(stream, "audit-logs" | "not-analyzed");
        for (at, thing) in things.iter().enumerate() {
            let action = format!("\"{at}\"");
            let is = |event: &&Event| match stream {
                "audit-logs" => event.raw.contains(&format!("\"action\":{action}")),
                _ => event.id.split('/').nth(2).and_then(|id| id.split(':').next()) == Some(&at.to_string()),
            };
            let events: Vec<&Event> = bench.events.iter().filter(is).collect();
            let most = 1 + usize::from(changes && thing.change.is_some());
            prop_assert!((1..=most).contains(&events.len()), "{:?} is kept {} times", thing, events.len());
            if changes && let Some(change) = thing.change {
                let last = events.last().expect("one");
                let told = match stream {
                    "threats" => Timestamp::from_second(change).expect("a time").to_string(),
                    _ => "Malicious".to_owned(),
                };
                prop_assert!(last.raw.contains(&told), "{:?} ends as {}", thing, last.raw);
            }
        }
        prop_assert!(bench.gaps.is_empty(), "{:?}", bench.gaps);
    }
}
