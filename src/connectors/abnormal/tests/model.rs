//! The window arithmetic against a small model of the API: late, moving and vanishing items, over many polls.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::checkpoint::Place;
use super::super::fetch::{Fetch, Found};
use super::super::window::{Field, Listing, Outcome, Purpose, Seconds, Timing, Told, Windows};
use super::*;

/// 2026-11-20 00:00 UTC.
const MIDNIGHT: Seconds = 1_795_132_800;
const TIMING: Timing = Timing { start: 3_600, lag: 120, overlap: 900 };
const FIELDS: &[Field] = &[Field::Received, Field::Remediated];
/// How long the items of the model arrive, and how much longer it is polled.
const ARRIVALS: Seconds = 4 * 3_600;
const AFTERWARDS: Seconds = 3_600;

/// A threat, with its times in seconds of the vendor's clock.
#[derive(Clone, Debug)]
struct Threat {
    received: Seconds,
    /// It and its changes are listed so much later than they happen.
    delay: Seconds,
    remediated: Vec<Seconds>,
    /// It is listed no more so long after it was first.
    gone_after: Option<Seconds>,
}

impl Threat {
    fn gone(&self, at: Seconds) -> bool {
        self.gone_after.is_some_and(|after| at > self.received + self.delay + after)
    }

    /// The time by which a list filters it: of its remediations, the latest that shows.
    fn time(&self, field: Field, at: Seconds) -> Option<Seconds> {
        let shows = |time: &Seconds| time + self.delay <= at;
        match field {
            Field::Received | Field::Modified | Field::Reported | Field::Logged => Some(self.received).filter(shows),
            Field::Remediated => self.remediated.iter().copied().filter(shows).max(),
        }
    }
}

fn threat(lasting: bool) -> impl Strategy<Value = Threat> {
    let gone =
        if lasting { option::of(Just(0)).prop_map(|_| None).boxed() } else { (960..9_000i64).prop_map(Some).boxed() };
    (0..ARRIVALS, 0..=TIMING.overlap, vec(0..ARRIVALS, 0..3), gone).prop_map(
        |(received, delay, mut remediated, gone_after)| {
            remediated.iter_mut().for_each(|time| *time = MIDNIGHT + received + *time % (ARRIVALS - received).max(1));
            Threat { received: MIDNIGHT + received, delay, remediated, gone_after }
        },
    )
}

/// What an engine, a queue and the API saw of one run.
#[derive(Default)]
struct Seen {
    /// When each threat was fetched, by the vendor's clock.
    fetched: BTreeMap<usize, Vec<Seconds>>,
    /// The windows of first listings that counted.
    covered: BTreeMap<Field, Vec<(Seconds, Seconds)>>,
    lists: usize,
}

/// Polls the model. `behind`: how far its clock is behind ours.
fn run(threats: &[Threat], interval: Seconds, page_size: usize, behind: Seconds) -> (Place, Seen) {
    let mut now = MIDNIGHT + 60;
    let mut place = Place::first(FIELDS, Timestamp::from_second(now).expect("a time"), &TIMING);
    let mut seen = Seen::default();
    while now < MIDNIGHT + ARRIVALS + AFTERWARDS + 2 * TIMING.overlap + behind {
        let vendor = now - behind;
        place.begin_round(Timestamp::from_second(now).expect("a time"), &TIMING);
        while let Some(listing) = place.windows.next(None).cloned() {
            answer(&mut place, &mut seen, threats, &listing, page_size, vendor, now);
        }
        for fetch in place.fetch.drain(..).chain(place.again.drain(..)) {
            seen.fetched.entry(fetch.id.parse().expect("an index")).or_default().push(vendor);
        }
        // A crash between two rounds: only the bytes are left.
        place = Place::read(&place.write().expect("a checkpoint")).expect("the same");
        now += interval;
    }
    (place, seen)
}

fn answer(
    place: &mut Place,
    seen: &mut Seen,
    threats: &[Threat],
    listing: &Listing,
    page_size: usize,
    vendor: Seconds,
    now: Seconds,
) {
    seen.lists += 1;
    let listed = |threat: &Threat| {
        let time = threat.time(listing.field, vendor).filter(|_| !threat.gone(vendor));
        time.is_some_and(|time| listing.from <= time && time < listing.to)
    };
    let all: Vec<usize> = (0..threats.len()).filter(|at| listed(&threats[*at])).collect();
    let page = listing.page.unwrap_or(1);
    let before = (page as usize - 1) * page_size;
    let ids = all.iter().skip(before).take(page_size);
    let ids: Vec<Found> = ids.map(|at| Found { id: at.to_string(), entry: None }).collect();
    let told =
        Told { items: ids.len(), next_page: (all.len() > before + page_size).then_some(page + 1), date: Some(vendor) };
    if place.windows.answered(listing, &told, now, &TIMING) == Outcome::Use {
        if listing.purpose == Purpose::New {
            seen.covered.entry(listing.field).or_default().push((listing.from, listing.to));
        }
        let known = |id: &str| seen.fetched.contains_key(&id.parse().expect("an index"));
        place.take_up(ids, listing.purpose, &known);
    }
}

/// Where the union of these windows has its first end after `from`.
fn reach(windows: &[(Seconds, Seconds)], from: Seconds) -> Seconds {
    let mut windows = windows.to_vec();
    windows.sort_unstable();
    windows.iter().fold(from, |reach, (start, end)| if *start <= reach { reach.max(*end) } else { reach })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_item_that_was_visible_for_one_overlap_is_fetched_in_its_last_state(
        threats in vec(prop_oneof![threat(true), threat(false)], 0..40),
        interval in 5..600i64,
        page_size in 1..6usize,
        behind in prop_oneof![Just(0), 1..400i64],
    ) {
        let (place, seen) = run(&threats, interval, page_size, behind);
        for (at, threat) in threats.iter().enumerate() {
            let fetched = seen.fetched.get(&at).map(Vec::as_slice).unwrap_or_default();
            prop_assert!(!fetched.is_empty(), "{threat:?} was never fetched");
            if let (Some(last), None) = (threat.remediated.iter().max(), threat.gone_after) {
                prop_assert!(fetched.iter().any(|time| *time >= last + threat.delay), "{threat:?} only at {fetched:?}");
            }
            // New and leaving, by each filter and for each change; once more where its slice was in the vendor's future.
            let most = 2 * (1 + threat.remediated.len()) + usize::from(behind > 0);
            prop_assert!(fetched.len() <= most, "{threat:?} was fetched at {fetched:?}");
        }
        for field in FIELDS {
            let covered = &seen.covered[field];
            prop_assert_eq!(reach(covered, place.windows.begin), place.windows.cursors[field].to, "a hole in {:?}", field);
        }
    }

    #[test]
    fn windows_cover_the_time_without_a_hole_whatever_the_clocks_say(
        steps in vec((-4_000..4_000i64, option::of(-5_000..5_000i64), any::<bool>()), 1..40),
    ) {
        let mut now = MIDNIGHT;
        let mut windows = Windows::first(FIELDS, now, &TIMING);
        let mut covered: BTreeMap<Field, Vec<(Seconds, Seconds)>> = BTreeMap::new();
        for (step, skew, overflow) in steps {
            now += step;
            windows.plan(now, &TIMING);
            let mut budget = 3 * usize::from(overflow);
            while let Some(listing) = windows.next(None).cloned() {
                budget = budget.saturating_sub(1);
                let next_page = (budget > 0).then_some(2);
                let told = Told { items: 1, next_page, date: skew.map(|skew| now + skew) };
                if windows.answered(&listing, &told, now, &TIMING) != Outcome::Halved && listing.purpose == Purpose::New {
                    covered.entry(listing.field).or_default().push((listing.from, listing.to));
                }
            }
            for (field, cursor) in &windows.cursors {
                prop_assert!(cursor.settled <= cursor.to);
                let windows_of = covered.get(field).map(Vec::as_slice).unwrap_or_default();
                prop_assert!(reach(windows_of, windows.begin) >= cursor.to.max(windows.begin), "{:?}", field);
            }
        }
    }

    #[test]
    fn the_edge_of_retention_is_found_within_an_hour_and_nothing_kept_is_given_up(
        width in 1..90 * 86_400i64,
        edge in 0..90 * 86_400i64,
    ) {
        let end = MIDNIGHT - TIMING.lag;
        let edge = MIDNIGHT - edge;
        let mut windows = Windows::first(&[Field::Received], MIDNIGHT, &Timing { start: width + TIMING.lag, ..TIMING });
        windows.plan(MIDNIGHT, &TIMING);
        let (mut listed, mut lost, mut requests) = (Vec::new(), Vec::new(), 0);
        while let Some(listing) = windows.next(None).cloned() {
            requests += 1;
            if listing.from < edge {
                lost.extend(windows.out_of_retention(&listing));
            } else {
                windows.answered(&listing, &Told { items: 0, next_page: None, date: None }, MIDNIGHT, &TIMING);
                listed.push((listing.from, listing.to));
            }
        }
        prop_assert!(lost.iter().all(|(_, to)| *to <= edge + 3_600), "{:?} is given up, the edge is {}", lost, edge);
        prop_assert!(listed.iter().all(|(from, _)| *from >= edge));
        let all: Vec<_> = listed.into_iter().chain(lost).collect();
        prop_assert_eq!(reach(&all, windows.begin), end);
        prop_assert!(requests <= 30, "{} requests", requests);
    }
}

#[test]
fn a_round_plans_what_is_new_what_leaves_the_overlap_and_what_stays_in_it() {
    let mut windows = Windows::first(&[Field::Received], MIDNIGHT, &TIMING);
    let mut round = |now| {
        windows.plan(MIDNIGHT + now, &TIMING);
        let todo = std::mem::take(&mut windows.todo);
        let told = |listing: Listing| (listing.purpose, listing.from - MIDNIGHT, listing.to - MIDNIGHT);
        todo.into_iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(round(0), [(Purpose::New, -3_600, -120)]);
    assert_eq!(
        round(600),
        [(Purpose::New, -120, 480), (Purpose::Leaving, -1_020, -420), (Purpose::Staying, -420, -120)]
    );
    assert_eq!(round(610), [(Purpose::New, 480, 490)], "the next look at the overlap is a minute later");
    assert_eq!(
        round(4_000),
        [(Purpose::New, 490, 3_880), (Purpose::Leaving, -420, 490), (Purpose::Sweep, -3_600, 2_980)],
        "after a long pause everything old leaves at once, and what is new and old is settled by its first fetch"
    );
    let back = round(100);
    assert!(back.iter().all(|(purpose, _, _)| *purpose != Purpose::New), "a clock that went back finds nothing new");
}

#[test]
fn a_backlog_that_both_filters_list_is_fetched_once() {
    let threat = |at: Seconds| Threat {
        received: MIDNIGHT - 3_500 + at % 3_000,
        delay: 0,
        remediated: vec![MIDNIGHT - 3_500 + at % 3_000 + 20],
        gone_after: None,
    };
    let threats: Vec<Threat> = (0..5_000).map(|at| threat(at * 7)).collect();
    let now = MIDNIGHT;
    let mut place = Place::first(FIELDS, Timestamp::from_second(now).expect("a time"), &TIMING);
    let mut seen = Seen::default();
    place.begin_round(Timestamp::from_second(now).expect("a time"), &TIMING);
    let mut fetched = 0;
    while let Some(listing) = place.windows.next(None).cloned() {
        answer(&mut place, &mut seen, &threats, &listing, 500, now, now);
        assert!(place.write().expect("a checkpoint").0.len() < 100_000, "a checkpoint stays small");
        for fetch in place.fetch.drain(..).chain(place.again.drain(..)) {
            seen.fetched.entry(fetch.id.parse().expect("an index")).or_default().push(now);
            fetched += 1;
        }
    }
    assert_eq!(seen.fetched.len(), 5_000);
    assert!(fetched < 5_050, "{fetched} fetches for 5000 threats");
}

#[test]
fn what_is_new_is_listed_before_what_is_old_and_the_oldest_of_it_first() {
    let mut windows = Windows::first(FIELDS, MIDNIGHT, &TIMING);
    let mut order = Vec::new();
    for now in [0, 600, 4_200] {
        windows.plan(MIDNIGHT + now, &TIMING);
        while let Some(listing) = windows.next(None).cloned() {
            windows.answered(&listing, &Told { items: 0, next_page: None, date: None }, MIDNIGHT + now, &TIMING);
            order.push((now, listing.purpose, listing.field));
        }
    }
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order, sorted);
    assert!(order.iter().any(|(_, purpose, _)| *purpose == Purpose::Sweep));
}

#[test]
fn sweeps_come_hourly_over_a_day_and_daily_over_thirty() {
    let mut windows = Windows::first(FIELDS, MIDNIGHT, &Timing { start: 60 * 86_400, ..TIMING });
    let mut days = Vec::new();
    for poll in 1..=49 * 6 {
        windows.plan(MIDNIGHT + poll * 600, &TIMING);
        let todo = std::mem::take(&mut windows.todo);
        let sweeps = todo.into_iter().filter(|listing| listing.purpose == Purpose::Sweep);
        days.extend(sweeps.map(|sweep| {
            assert_eq!(sweep.field, Field::Received);
            (sweep.to - sweep.from + TIMING.overlap) / 86_400
        }));
    }
    assert_eq!(days.len(), 49, "one each hour");
    assert_eq!(days.iter().filter(|days| **days == 30).count(), 2);
    assert_eq!(days.iter().filter(|days| **days == 1).count(), 47);
}

#[test]
fn a_date_from_before_the_api_existed_is_not_believed() {
    let mut windows = Windows::first(FIELDS, MIDNIGHT, &TIMING);
    windows.plan(MIDNIGHT, &TIMING);
    let before = windows.cursors.clone();
    let listing = windows.next(None).cloned().expect("a window");
    windows.answered(&listing, &Told { items: 0, next_page: None, date: Some(0) }, MIDNIGHT, &TIMING);
    assert_eq!((windows.cursors, windows.behind), (before, 0));
}

#[test]
fn too_many_failing_items_give_up_the_one_that_failed_first_by_name() {
    let at = |second| Timestamp::from_second(MIDNIGHT + second).expect("a time");
    let mut place = Place::first(FIELDS, at(0), &TIMING);
    for n in 0..10_000 {
        assert_eq!(place.put_off(Fetch::new(n.to_string()), "404".to_owned(), at(n)), None);
    }
    let gap = place.put_off(Fetch::new("last".to_owned()), "404".to_owned(), at(20_000)).expect("a gap");
    assert!(gap.reason.starts_with("item 0 is given up"), "{gap:?}");
    assert_eq!(place.deferred.len(), 10_000);
}
