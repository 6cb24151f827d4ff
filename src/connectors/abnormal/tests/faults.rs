//! What the vendor, a proxy or a stranger answers instead, and what we say of it.

use std::collections::HashMap;

use super::*;
use crate::fault::FaultKind;

const AT: &str = "2026-11-20T11:30:00Z";

#[tokio::test]
async fn every_status_of_a_list_has_its_kind_and_a_sentence() {
    let table = [
        (301, FaultKind::Unreadable, "check `host`"),
        (400, FaultKind::Unreadable, "400"),
        (401, FaultKind::Refused, "make a new one"),
        (402, FaultKind::Unlicensed, "not licensed"),
        (403, FaultKind::Refused, "IP Safelist"),
        (404, FaultKind::Unreadable, "filter refused"),
        (407, FaultKind::Refused, "proxy"),
        (418, FaultKind::Unreadable, "418"),
        (429, FaultKind::Throttled, "fewer requests"),
        (500, FaultKind::Unavailable, "500"),
        (502, FaultKind::Unavailable, "502"),
        (204, FaultKind::Unreadable, "204"),
    ];
    for (code, kind, words) in table {
        let mut bench = Bench::new(move |_| status(code, ""));
        let page = bench.poll().await;
        let fault = page.fault.expect("a fault");
        assert_eq!((fault.kind, fault.status), (kind, Some(code)));
        assert!(fault.context.contains(words), "{code}: {}", fault.context);
        // What may be the fault of one window is asked of one other.
        let lists = if matches!(code, 400 | 404 | 500..) { 2 } else { 1 };
        assert_eq!(bench.asked().len(), lists, "{code} stops the step");
        bench.script(holds(&[("a", AT, "")]));
        bench.round().await;
        assert_eq!(bench.natives(), ["a:a-m"], "a list is never skipped");
    }
}

#[tokio::test]
async fn a_window_that_always_fails_keeps_no_other_waiting_and_is_asked_again_and_told() {
    let all = holds(&[("early", "2026-11-20T11:10:00Z", ""), ("late", "2026-11-20T12:10:00Z", "2026-11-20T12:11:00Z")]);
    let ill = |ask: &Ask| matches!(ask, Ask::List { field, from, .. } if field == "receivedTime" && *from <= time(AT));
    let mut bench = Bench::new(move |ask| if ill(ask) { status(500, "") } else { all(ask) });
    for _ in 0..6 {
        let page = bench.poll().await;
        assert_eq!(page.fault.and_then(|fault| fault.status), Some(500));
        bench.later(600);
    }
    assert_eq!(bench.natives(), ["late:late-m"]);
    bench.script(holds(&[("early", "2026-11-20T11:10:00Z", "")]));
    bench.round().await;
    assert_eq!(bench.natives(), ["late:late-m", "early:early-m"]);
}

#[tokio::test]
async fn a_429_stops_the_step_with_the_wait_that_was_asked_for_and_keeps_what_was_fetched() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { .. } if is_list(ask, "receivedTime") => list(&["a", "b", "c"], None),
        Ask::Item { id, .. } if id == "b" => {
            status(429, "").map(|answer| Answer { retry_after: Some(Duration::from_secs(60)), ..answer })
        }
        Ask::Item { id, .. } => detail(&[&mail(id, AT, "")], None),
        Ask::List { .. } | Ask::Other(_) => list(&[], None),
    });
    let page = bench.poll().await;
    let fault = page.fault.expect("a fault");
    assert_eq!((fault.kind, fault.retry_after), (FaultKind::Throttled, Some(Duration::from_secs(60))));
    assert!(page.deferred.is_empty(), "nobody's item failed");
    assert_eq!(bench.natives(), ["a:a", "c:c"]);
    bench.asked();
    bench.script(|ask| match ask {
        Ask::Item { id, .. } => detail(&[&mail(id, AT, "")], None),
        Ask::List { .. } | Ask::Other(_) => list(&[], None),
    });
    bench.round().await;
    assert_eq!(bench.items_asked(), ["b"], "the rest was in the checkpoint");
}

#[tokio::test]
async fn a_list_that_is_ill_does_not_keep_listed_items_waiting() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { .. } if is_list(ask, "receivedTime") => list(&["a"], None),
        Ask::Item { id, .. } => detail(&[&mail(id, AT, "")], None),
        Ask::List { .. } | Ask::Other(_) => status(500, ""),
    });
    let page = bench.poll().await;
    assert_eq!(page.fault.map(|fault| fault.kind), Some(FaultKind::Unavailable));
    assert_eq!(bench.natives(), ["a:a"]);
}

#[tokio::test]
async fn an_item_that_fails_beside_an_ill_list_is_not_set_aside() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { .. } if is_list(ask, "receivedTime") => list(&["a"], None),
        Ask::List { .. } | Ask::Item { .. } | Ask::Other(_) => status(500, ""),
    });
    let page = bench.poll().await;
    assert!(page.fault.is_some() && page.deferred.is_empty());
    bench.script(holds(&[("a", AT, "")]));
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m"]);
}

#[tokio::test]
async fn an_api_that_is_away_keeps_the_window() {
    let mut bench = Bench::new(|_| Err(Fault::new(FaultKind::Unavailable, "connection refused")));
    for _ in 0..5 {
        let page = bench.poll().await;
        assert!(!page.more && page.fault.is_some(), "the engine waits, not we");
        bench.later(600);
    }
    bench.script(holds(&[("a", AT, ""), ("b", "2026-11-20T12:30:00Z", "")]));
    bench.round().await;
    bench.later(60);
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a-m", "b:b-m"]);
}

#[tokio::test]
async fn a_day_without_the_api_at_a_short_interval_is_listed_in_a_few_requests_and_not_minute_by_minute() {
    let mut bench = Bench::new(|_| Err(Fault::new(FaultKind::Unavailable, "connection refused")));
    for _ in 0..1_440 {
        bench.poll().await;
        bench.later(60);
    }
    let long = bench.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.0.len());
    assert!(long < 2_000, "each step writes it: {long} bytes");
    bench.script(holds(&[("a", AT, ""), ("b", "2026-11-21T11:30:00Z", "")]));
    bench.asked();
    bench.round().await;
    let lists = bench.asked().iter().filter(|ask| matches!(ask, Ask::List { .. })).count();
    assert!(lists < 10, "{lists}");
    assert_eq!(bench.natives(), ["a:a-m", "b:b-m"]);
}

#[tokio::test]
async fn an_answer_that_is_not_the_api_is_told_by_its_first_bytes() {
    let bodies: HashMap<&str, &[u8]> = HashMap::from([
        ("html", b"<html><body>Sign in to the Wi-Fi" as &[u8]),
        ("empty", b""),
        ("truncated", b"{\"threats\":[{\"threatId\":\"a\"},{\"thr"),
        ("another object", b"{\"cases\":[]}"),
        ("an array", b"[]"),
        ("a list of numbers", b"{\"threats\":[1,2]}"),
        ("not UTF-8", b"{\"threats\":[\xff]}"),
        ("a page number of words", b"{\"threats\":[],\"nextPageNumber\":\"soon\"}"),
    ]);
    for (name, body) in bodies {
        let mut bench =
            Bench::new(move |_| status(200, "").map(|answer| Answer { body: Bytes::from_static(body), ..answer }));
        let page = bench.poll().await;
        let fault = page.fault.expect(name);
        assert_eq!(fault.kind, FaultKind::Unreadable, "{name}");
        assert!(page.events.is_empty() && !page.more);
        if name == "html" {
            assert!(fault.context.contains("not Abnormal's API (begins with \"<html><body>"), "{}", fault.context);
        }
    }
}

#[tokio::test]
async fn a_peer_that_sends_the_token_back_does_not_make_us_print_it() {
    // Once, anywhere; and again behind it, where the first one's shorter form lets more of the answer be quoted.
    let once = (0..100).map(|at| format!("{}{TOKEN} and more", "x".repeat(at)));
    let twice = (0..100).map(|at| format!("{TOKEN}{}{TOKEN} and more", "x".repeat(at)));
    for (at, body) in once.chain(twice).enumerate() {
        for code in [200, 400, 404, 500] {
            let body = body.clone();
            let mut bench = Bench::new(move |_| status(code, &body));
            let page = bench.poll().await;
            let told = format!("{page:?} {}", page.fault.as_ref().map(Fault::chain).unwrap_or_default());
            let beginning = &TOKEN[..7];
            assert!(!told.contains(beginning), "{code}, {at}: {told}");
        }
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_version_or_broken_is_corrupt_and_not_guessed_at() {
    for text in ["", "{}", "{\"format\":99}", "{\"format\":1}", "nonsense"] {
        let mut bench = Bench::new(holds(&[]));
        bench.checkpoint = Some(Checkpoint(text.to_owned()));
        let page = bench.poll().await;
        assert_eq!(page.fault.map(|fault| fault.kind), Some(FaultKind::Corrupt), "{text:?}");
        assert!(bench.asked().is_empty() && page.next.is_none());
    }
}

#[tokio::test]
async fn a_probe_tells_the_clock_skew_or_the_fault() {
    let bench = Bench::new(|ask| {
        assert!(matches!(ask, Ask::Other(url) if url.ends_with("/v1/threats?pageSize=1")), "{ask:?}");
        status(200, "{\"threats\":[]}").map(|answer| Answer { date: Some(Timestamp::UNIX_EPOCH), ..answer })
    });
    let said = bench.connector.probe().await.expect("an answer");
    assert!(said.starts_with("answered, clock skew ") && said.ends_with(" s"), "{said}");
    for (code, kind) in [
        (402, FaultKind::Unlicensed),
        (401, FaultKind::Refused),
        (404, FaultKind::Unreadable),
        (503, FaultKind::Unavailable),
    ] {
        bench.script(move |_| status(code, "<html>"));
        assert_eq!(bench.connector.probe().await.expect_err("a fault").kind, kind);
    }
}

#[tokio::test]
async fn a_stranger_who_answers_for_the_vendor_in_mid_step_sets_no_item_aside() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { .. } if is_list(ask, "receivedTime") => list(&["a", "b"], None),
        Ask::List { .. } | Ask::Item { .. } | Ask::Other(_) => status(200, "<html>sign in"),
    });
    let page = bench.poll().await;
    assert_eq!(page.fault.map(|fault| fault.kind), Some(FaultKind::Unreadable));
    assert!(page.deferred.is_empty());
    bench.script(|ask| match ask {
        Ask::Item { id, .. } => detail(&[&mail(id, AT, "")], None),
        Ask::List { .. } | Ask::Other(_) => list(&[], None),
    });
    bench.round().await;
    assert_eq!(bench.natives(), ["a:a", "b:b"]);
}

#[tokio::test]
async fn both_filters_out_of_retention_are_one_gap_and_no_fault() {
    let mut bench = Bench::new(|_| status(400, "{\"message\":\"out of accepted data Retention range\"}"));
    let page = bench.poll().await;
    assert!(page.fault.is_none() && !page.more);
    let gaps: Vec<_> = page.gaps.iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(gaps, [(time("2026-11-20T11:00:00Z"), time("2026-11-20T11:58:00Z"))]);
}

#[tokio::test]
async fn a_vendor_whose_lists_never_fit_is_asked_in_bounded_steps() {
    let mut bench = Bench::new(|_| list(&["a"], Some(2)));
    let page = bench.poll().await;
    assert!(page.more);
    assert!(bench.asked().len() <= 20);
}
