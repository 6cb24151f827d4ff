//! Accidents of lists: what is late, changes, moves, overflows, or lies past the edge of retention.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const HALF_PAST: &str = "2026-11-20T11:30:00Z";

#[tokio::test]
async fn a_threat_never_remediated_comes_too() {
    let mut bench = Bench::new(holds(&[("a", HALF_PAST, ""), ("b", HALF_PAST, "2026-11-20T11:31:00Z")]));
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m", "b:b-m"]);
    assert_eq!(bench.items_asked(), ["a", "b"], "what both filters list is fetched once in a round");
}

#[tokio::test]
async fn a_threat_remediated_hours_later_comes_again_as_a_new_version() {
    let mut bench = Bench::new(holds(&[("a", HALF_PAST, "")]));
    bench.round().await;
    bench.later(4 * 3_600);
    bench.script(holds(&[("a", HALF_PAST, "2026-11-20T15:50:00Z")]));
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m", "a:a-m"]);
    assert_ne!(bench.events[0].id, bench.events[1].id);
    assert!(bench.events[1].raw.contains("15:50:00Z"));
}

#[tokio::test]
async fn recipients_gained_after_the_first_fetch_arrive_when_the_slice_leaves_the_overlap() {
    let at = "2026-11-20T11:57:00Z";
    let mut bench = Bench::new(holds(&[("a", at, "")]));
    bench.round().await;
    assert_eq!(bench.items_asked(), ["a"]);
    let grown = holds(&[("a", at, "")]);
    bench.script(move |ask| match ask {
        Ask::Item { .. } => detail(&[&mail("a-m", at, ""), &mail("gained", at, "")], None),
        Ask::List { .. } | Ask::Other(_) => grown(ask),
    });
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.items_asked(), Vec::<String>::new(), "the overlap does not pay twice");
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.items_asked(), ["a"]);
    assert_eq!(bench.natives(), ["a:a-m", "a:gained"]);
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.items_asked(), Vec::<String>::new(), "and no more after that");
}

#[tokio::test]
async fn a_threat_that_is_listed_late_is_found_in_the_overlap() {
    let mut bench = Bench::new(holds(&[]));
    bench.round().await;
    bench.script(holds(&[("late", "2026-11-20T11:50:00Z", "")]));
    bench.later(300);
    bench.round().await;
    assert_eq!(bench.natives(), ["late:late-m"]);
}

#[tokio::test]
async fn a_threat_detected_hours_after_its_mail_is_found_by_the_hourly_sweep() {
    let mut bench = Bench::new(holds(&[]));
    bench.round().await;
    bench.script(holds(&[("slow", "2026-11-20T11:10:00Z", "")]));
    bench.later(1_800);
    bench.round().await;
    assert!(bench.natives().is_empty());
    bench.later(1_800);
    bench.round().await;
    assert_eq!(bench.natives(), ["slow:slow-m"]);
    bench.asked();
    bench.later(3_600);
    bench.round().await;
    assert_eq!(bench.items_asked(), Vec::<String>::new(), "a sweep fetches only what was never seen");
}

#[tokio::test]
async fn the_daily_sweep_reaches_back_to_the_beginning() {
    let mut bench = Bench::new(holds(&[]));
    for _ in 0..28 {
        bench.round().await;
        bench.later(3_600);
    }
    bench.asked();
    bench.script(holds(&[("old", "2026-11-20T11:10:00Z", "")]));
    for _ in 0..21 {
        bench.round().await;
        bench.later(3_600);
    }
    assert_eq!(bench.natives(), ["old:old-m"]);
}

#[tokio::test]
async fn a_window_that_does_not_fit_a_page_is_halved_and_its_answer_not_used() {
    let all = holds(&[("a", "2026-11-20T11:10:00Z", ""), ("b", HALF_PAST, "")]);
    let mut bench = Bench::new(move |ask| match ask {
        Ask::List { from, to, page, .. } if to.duration_since(*from).as_secs() > 60 => {
            assert_eq!(*page, 1, "a wide window is never paged");
            list(&["shifted"], Some(2))
        }
        Ask::List { .. } | Ask::Item { .. } | Ask::Other(_) => all(ask),
    });
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m", "b:b-m"]);
}

#[tokio::test]
async fn a_single_second_that_does_not_fit_is_paged_through() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { from, to, page, field } => {
            let full = time(HALF_PAST);
            if field != "receivedTime" || full < *from || *to <= full {
                return list(&[], None);
            }
            match page {
                1 => list(&["a", "b"], Some(2)),
                2 => list(&["b", "c"], Some(3)),
                _ => list(&["d"], None),
            }
        }
        Ask::Item { id, .. } => detail(&[&mail("m", HALF_PAST, id)], None),
        Ask::Other(_) => status(404, ""),
    });
    bench.round().await;
    assert_eq!(bench.natives(), ["a:m", "b:m", "c:m", "d:m"]);
    assert!(bench.gaps.is_empty());
}

#[tokio::test]
async fn a_next_page_number_that_repeats_ends_in_a_gap_and_not_in_a_loop() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { from, to, .. } => {
            let full = time(HALF_PAST);
            if full < *from || *to <= full { list(&[], None) } else { list(&["a"], Some(2)) }
        }
        Ask::Item { .. } => detail(&[&mail("m", HALF_PAST, "")], None),
        Ask::Other(_) => status(404, ""),
    });
    bench.round().await;
    assert_eq!(bench.natives(), ["a:m"]);
    assert_eq!(bench.gaps[0].from, time(HALF_PAST));
    assert_eq!(bench.gaps[0].to, time("2026-11-20T11:30:01Z"));
}

#[tokio::test]
async fn an_empty_threats_array_does_not_stop_polling_nor_halve_for_ever() {
    let mut bench = Bench::new(|_| list(&[], Some(2)));
    let page = bench.round().await;
    assert!(page.fault.is_none());
    assert_eq!(bench.asked().len(), 4, "two pages for each filter, and no more");
}

#[tokio::test]
async fn what_lies_before_the_retention_is_a_gap_and_what_lies_after_it_comes() {
    let edge = time("2026-11-20T06:20:00Z");
    let all = holds(&[("young", "2026-11-20T07:30:00Z", "")]);
    let mut bench = Bench::new(move |ask| match ask {
        Ask::List { from, .. } if *from < edge => {
            status(400, "{\"message\":\"Dates provided (...) are out of accepted data retention range\"}")
        }
        Ask::List { .. } | Ask::Item { .. } | Ask::Other(_) => all(ask),
    });
    // Down for ten days: the window since then is far wider than the retention.
    bench.checkpoint = {
        let mut before = Bench::new(holds(&[]));
        before.now = time("2026-11-10T12:00:00Z");
        before.round().await;
        before.checkpoint
    };
    let page = bench.round().await;
    assert!(page.fault.is_none(), "{:?}", page.fault);
    assert_eq!(bench.natives(), ["young:young-m"]);
    let from = bench.gaps.iter().map(|gap| gap.from).min().expect("a gap");
    let to = bench.gaps.iter().map(|gap| gap.to).max().expect("a gap");
    assert_eq!(from, time("2026-11-10T11:58:00Z"), "the gap begins where the cursor stood");
    assert!(edge <= to && to.duration_since(edge).as_secs() <= 3_600, "{to} is within an hour of the edge");
    assert!(bench.asked().len() < 50, "the edge is searched for by halving");
}

#[tokio::test]
async fn a_vendor_clock_behind_ours_loses_nothing_and_is_not_paid_for_again_and_again() {
    let behind = jiff::SignedDuration::from_secs(300);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let dated = move |now: Timestamp, items: &[(&str, &str, &str)]| {
        let all = holds(items);
        let counted = counted.clone();
        move |ask: &Ask| {
            if matches!(ask, Ask::Item { .. }) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            all(ask).map(|answer| Answer { date: now.checked_sub(behind).ok(), ..answer })
        }
    };
    let mut bench = Bench::new(dated(time(NOW), &[]));
    let page = bench.round().await;
    assert_eq!(page.vendor_date, Some(time("2026-11-20T11:55:00Z")));
    // In the vendor's future until now, so it was not there when its second was first listed.
    let item = [("a", "2026-11-20T11:56:00Z", "")];
    for _ in 0..6 {
        bench.later(600);
        bench.script(dated(bench.now, &item));
        bench.asked();
        bench.round().await;
        let ends = bench.asked().into_iter().filter_map(|ask| match ask {
            Ask::List { to, .. } => Some(to),
            Ask::Item { .. } | Ask::Other(_) => None,
        });
        let ripe = bench.now.checked_sub(jiff::SignedDuration::from_secs(420)).expect("a time");
        assert_eq!(ends.max(), Some(ripe), "a window ends at the vendor's clock less the lag");
    }
    assert_eq!(bench.natives(), ["a:a-m"]);
    assert_eq!(calls.load(Ordering::SeqCst), 2, "once new, once when it left the overlap");
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_at_the_first_poll_costs_nothing() {
    let dated = |now: &str, items: &[(&str, &str, &str)]| {
        let (all, date) = (holds(items), time(now));
        move |ask: &Ask| all(ask).map(|answer| Answer { date: Some(date), ..answer })
    };
    let items = [("a", HALF_PAST, "")];
    let mut bench = Bench::new(dated(NOW, &items));
    bench.now = time("2031-01-01T00:00:00Z");
    bench.round().await;
    bench.now = time("2026-11-20T12:10:00Z");
    bench.script(dated("2026-11-20T12:10:00Z", &items));
    bench.round().await;
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m"]);
}

#[tokio::test]
async fn an_entry_without_an_id_is_told_as_a_gap_and_the_others_come() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { .. } if is_list(ask, "receivedTime") => {
            status(200, "{\"threats\":[{\"threatId\":null},{\"threatId\":\"a\"},{\"other\":1}]}")
        }
        Ask::List { .. } => list(&[], None),
        Ask::Item { .. } => detail(&[&mail("m", HALF_PAST, "")], None),
        Ask::Other(_) => status(404, ""),
    });
    bench.poll().await;
    assert_eq!(bench.natives(), ["a:m"]);
    assert!(bench.gaps[0].reason.starts_with("2 entries"), "{:?}", bench.gaps);
}

#[tokio::test]
async fn a_short_interval_looks_at_the_overlap_once_a_minute_at_the_most() {
    let mut bench = Bench::new(holds(&[]));
    bench.round().await;
    bench.asked();
    for _ in 0..60 {
        bench.later(1);
        bench.round().await;
    }
    assert!(bench.asked().len() <= 2 * 60 + 4, "a new slice each second, and one look at the overlap");
}
