//! Accidents of details: pages, sizes, items that fail, and steps that are cut short.

use super::*;

const AT: &str = "2026-11-20T11:30:00Z";

/// Lists these ids once, in the first window of `receivedTime`, and answers details by `item`.
fn listing(
    ids: &'static [&'static str],
    item: impl Fn(&str, u32) -> Result<Answer, Fault> + Send + Sync + 'static,
) -> impl Fn(&Ask) -> Result<Answer, Fault> + Send + Sync + 'static {
    move |ask| match ask {
        Ask::List { field, from, to, .. } if field == "receivedTime" && *from <= time(AT) && time(AT) < *to => {
            list(ids, None)
        }
        Ask::List { .. } => list(&[], None),
        Ask::Item { id, page } => item(id, *page),
        Ask::Other(_) => status(404, ""),
    }
}

fn good(id: &str) -> Result<Answer, Fault> {
    detail(&[&mail(&format!("{id}-m"), AT, "")], None)
}

#[tokio::test]
async fn a_404_on_one_detail_never_blocks_the_feed() {
    let gone = |id: &str, _| if id == "b" { status(404, "{\"detail\":\"Not Found\"}") } else { good(id) };
    let mut bench = Bench::new(listing(&["a", "b", "c"], gone));
    let page = bench.round().await;
    assert!(page.fault.is_none(), "one item is not the feed's fault");
    assert_eq!(bench.natives(), ["a:a-m", "c:c-m"]);
    assert_eq!(page.deferred.len(), 1);
    assert_eq!((page.deferred[0].id.as_str(), page.deferred[0].tries), ("b", 1));
    assert!(page.deferred[0].reason.contains("404"));
    assert_eq!(page.wake, Some(time("2026-11-20T12:01:00Z")));
}

#[tokio::test]
async fn a_deferred_item_is_tried_after_1_5_and_30_minutes_then_daily_and_given_up_after_30_days() {
    let mut bench = Bench::new(listing(&["b"], |_, _| status(404, "")));
    let mut tried = Vec::new();
    for _ in 0..60 {
        let page = bench.round().await;
        bench.asked();
        let Some(wake) = page.wake else { break };
        tried.push(wake.duration_since(bench.now).as_secs() / 60);
        bench.now = wake;
    }
    assert_eq!(tried[..5], [1, 5, 30, 1_440, 1_440]);
    assert_eq!(tried.len(), 33);
    assert!(bench.gaps[0].reason.contains("item b is given up"), "{:?}", bench.gaps);
    assert_eq!(bench.gaps[0].from, time(NOW));
}

#[tokio::test]
async fn a_deferred_item_that_answers_at_last_is_deferred_no_more() {
    let mut bench = Bench::new(listing(&["b"], |_, _| status(200, "{\"messa")));
    bench.round().await;
    bench.script(listing(&["b"], |id, _| good(id)));
    bench.later(60);
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["b:b-m"]);
    assert!(page.deferred.is_empty() && page.wake.is_none());
}

#[tokio::test]
async fn a_500_on_one_detail_sets_that_item_aside_only() {
    let ill = |id: &str, _| if id == "a" { status(500, "") } else { good(id) };
    let mut bench = Bench::new(listing(&["a", "b"], ill));
    let page = bench.round().await;
    assert!(page.fault.is_none());
    assert_eq!(page.deferred[0].id, "a");
    assert_eq!(bench.natives(), ["b:b-m"]);
}

#[tokio::test]
async fn three_details_failing_in_a_row_stop_the_step_and_are_not_set_aside() {
    let mut bench = Bench::new(listing(&["a", "b", "c", "d", "e"], |_, _| status(502, "")));
    let page = bench.round().await;
    assert_eq!(page.fault.as_ref().map(|fault| fault.kind.as_str()), Some("unavailable"));
    assert!(page.deferred.is_empty() && page.events.is_empty());
    bench.script(listing(&[], |id, _| good(id)));
    bench.round().await;
    let mut natives = bench.natives();
    natives.sort_unstable();
    assert_eq!(natives, ["a:a-m", "b:b-m", "c:c-m", "d:d-m", "e:e-m"]);
}

#[tokio::test]
async fn three_poisoned_details_do_not_block_the_feed_for_ever() {
    let mut bench = Bench::new(listing(&["a", "b", "c"], |_, _| status(500, "")));
    let mut polls = 0;
    while bench.round().await.fault.is_some() {
        polls += 1;
        assert!(polls < 10, "the step is stopped by the same items again and again");
    }
    bench.later(600);
    bench.script(|ask| match ask {
        Ask::List { .. } => list(&["new"], None),
        Ask::Item { id, .. } if id == "new" => good(id),
        Ask::Item { .. } | Ask::Other(_) => status(500, ""),
    });
    let page = bench.round().await;
    assert!(page.fault.is_none(), "items that failed before are no witnesses: {:?}", page.fault);
    assert_eq!(bench.natives(), ["new:new-m"]);
    assert_eq!(page.deferred.len(), 3);
}

#[tokio::test]
async fn messages_past_the_first_detail_page_are_not_lost() {
    let pages = |_: &str, page| detail(&[&mail(&format!("m{page}"), AT, "")], (page < 5).then_some(page + 1));
    let mut bench = Bench::new(listing(&["a"], pages));
    bench.round().await;
    assert_eq!(bench.natives(), ["a:m1", "a:m2", "a:m3", "a:m4", "a:m5"]);
}

#[tokio::test]
async fn a_threat_with_very_many_messages_spreads_over_pages_of_ours_and_survives_a_crash_between() {
    let pages = |_: &str, page: u32| {
        let mails: Vec<String> = (0..100).map(|n| mail(&format!("{page}-{n}"), AT, "")).collect();
        let mails: Vec<&str> = mails.iter().map(String::as_str).collect();
        detail(&mails, (page < 7).then_some(page + 1))
    };
    let mut bench = Bench::new(listing(&["big", "small"], pages));
    loop {
        // Each poll starts from the bytes of the checkpoint alone, as after a crash.
        let page = bench.poll().await;
        assert!(page.events.len() <= 100, "{} events in one page", page.events.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(bench.events.len(), 1_400);
    assert!(bench.items_asked().len() <= 16, "heavy items are not asked for side by side in vain");
}

#[tokio::test]
async fn an_answer_larger_than_a_page_of_ours_is_handed_over_in_parts() {
    let large = |_: &str, _| {
        let mails: Vec<String> = (0..5)
            .map(|n| format!("{{\"abxMessageIdStr\":\"{n}\",\"subject\":\"{}\"}}", "x".repeat(400_000)))
            .collect();
        detail(&mails.iter().map(String::as_str).collect::<Vec<_>>(), None)
    };
    let mut bench = Bench::new(listing(&["a"], large));
    loop {
        let page = bench.poll().await;
        assert!(page.events.iter().map(Event::weight).sum::<usize>() <= 1 << 20);
        if !page.more {
            break;
        }
    }
    assert_eq!(bench.natives(), ["a:0", "a:1", "a:2", "a:3", "a:4"]);
}

#[tokio::test]
async fn a_detail_paging_that_does_not_advance_keeps_its_messages_and_says_so() {
    let stuck = |_: &str, page: u32| detail(&[&mail(&format!("m{page}"), AT, "")], Some(2));
    let mut bench = Bench::new(listing(&["a"], stuck));
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["a:m1", "a:m2"]);
    assert!(page.deferred[0].reason.contains("paging"), "{:?}", page.deferred);
}

#[tokio::test]
async fn a_detail_with_missing_or_empty_messages_is_come_back_to() {
    let bare = |id: &str, _| match id {
        "missing" => status(200, "{\"threatId\":\"missing\"}"),
        "empty" => detail(&[], Some(2)),
        _ => good(id),
    };
    let mut bench = Bench::new(listing(&["missing", "empty", "ok"], bare));
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["ok:ok-m"]);
    let mut ids: Vec<&str> = page.deferred.iter().map(|item| item.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["empty", "missing"]);
}

#[tokio::test]
async fn a_step_is_bounded_and_everything_still_to_do_rides_in_its_checkpoint() {
    const IDS: [&str; 50] = [
        "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17",
        "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35",
        "36", "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49",
    ];
    let mut bench = Bench::new(listing(&IDS, |id, _| good(id)));
    let page = bench.poll().await;
    assert_eq!((page.events.len(), page.items, page.more), (20, 20, true));
    bench.round().await;
    assert_eq!(bench.natives().len(), 50);
    assert_eq!(bench.items_asked().len(), 50, "nothing is fetched twice");
}

#[tokio::test]
async fn a_new_listing_of_a_deferred_item_tries_it_at_once() {
    let mut bench = Bench::new(listing(&["a"], |_, _| status(404, "")));
    bench.round().await;
    bench.later(30);
    bench.script(|ask| match ask {
        Ask::List { field, .. } if field == "latestTimeRemediated" => list(&["a"], None),
        Ask::Item { id, .. } => good(id),
        Ask::List { .. } | Ask::Other(_) => list(&[], None),
    });
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m"]);
    assert!(page.deferred.is_empty());
}

#[tokio::test]
async fn a_new_listing_of_an_item_that_waits_for_its_share_tries_it_at_once_and_forgets_none_of_its_tries() {
    let mut bench = Bench::new(listing(&["a"], |_, _| status(404, "")));
    bench.round().await;
    bench.spare.store(0, Relaxed);
    bench.due = false;
    bench.later(61);
    bench.round().await;
    bench.asked();
    bench.due = true;
    bench.later(600);
    bench.script(|ask| match ask {
        Ask::List { field, .. } if field == "latestTimeRemediated" => list(&["a"], None),
        Ask::List { .. } => list(&[], None),
        Ask::Item { .. } | Ask::Other(_) => status(404, ""),
    });
    let page = bench.round().await;
    assert_eq!(bench.items_asked(), ["a"]);
    assert_eq!(page.deferred.iter().map(|item| (item.id.as_str(), item.tries)).collect::<Vec<_>>(), [("a", 2)]);
    bench.spare.store(u32::MAX, Relaxed);
    bench.due = false;
    bench.round().await;
    assert!(bench.items_asked().is_empty(), "it does not wait twice");
}

#[tokio::test]
async fn a_deferred_item_that_the_overlap_or_a_sweep_lists_again_waits_for_its_own_time() {
    let listed = holds(&[("b", "2026-11-20T11:57:00Z", "")]);
    let mut bench = Bench::new(move |ask| match ask {
        Ask::Item { .. } => status(404, ""),
        Ask::List { .. } | Ask::Other(_) => listed(ask),
    });
    let mut tries = Vec::new();
    for minute in 0..=180 {
        bench.round().await;
        if !bench.items_asked().is_empty() {
            tries.push(minute);
        }
        bench.later(60);
    }
    assert_eq!(tries, [0, 1, 6, 36]);
}

#[tokio::test]
async fn items_that_failed_before_are_no_witnesses_against_the_vendor() {
    let mut bench = Bench::new(listing(&["a", "b", "c"], |_, _| status(500, "")));
    while bench.round().await.fault.is_some() {}
    bench.later(60);
    let page = bench.round().await;
    assert!(page.fault.is_none(), "{:?}", page.fault);
    assert!(page.deferred.iter().all(|item| item.tries == 2) && page.deferred.len() == 3);
}

#[tokio::test]
async fn a_404_among_failing_details_shows_that_the_vendor_answers() {
    let mixed = |id: &str, _| status(if id == "b" { 404 } else { 502 }, "");
    let mut bench = Bench::new(listing(&["a", "b", "c", "d"], mixed));
    let page = bench.round().await;
    assert!(page.fault.is_none());
    assert_eq!(page.deferred.len(), 4);
}

#[tokio::test]
async fn a_403_on_one_detail_sets_it_aside_and_three_say_that_we_are_refused() {
    let mut bench = Bench::new(listing(&["a", "b"], |id, _| if id == "a" { status(403, "") } else { good(id) }));
    let page = bench.round().await;
    assert!(page.fault.is_none() && page.deferred.len() == 1);
    let mut bench = Bench::new(listing(&["a", "b", "c"], |_, _| status(403, "")));
    let page = bench.round().await;
    assert_eq!(page.fault.and_then(|fault| fault.status), Some(403));
    assert!(page.deferred.is_empty());
}

#[tokio::test]
async fn an_id_with_a_slash_is_asked_for_encoded_and_known_again() {
    let mut bench = Bench::new(listing(&["a/b?"], |id, _| {
        assert_eq!(id, "a%2Fb%3F");
        good("x")
    }));
    bench.round().await;
    assert_eq!(bench.natives(), ["a%2Fb?:x-m"]);
    bench.asked();
    bench.later(3_600);
    bench.round().await;
    let asked = bench.asked();
    assert!(asked.iter().any(|ask| matches!(ask, Ask::List { from, .. } if *from <= time(AT))), "the sweep lists it");
    assert!(!asked.iter().any(|ask| matches!(ask, Ask::Item { .. })), "and knows it");
}
