//! Answers without measure: small entries by the million cost hundreds of times their bytes, for all integrations.

use super::super::feed::ENTRIES;
use super::*;
use crate::fault::FaultKind;

#[tokio::test]
async fn a_second_that_lists_more_than_can_be_read_is_told_and_asked_again_and_never_passed_over() {
    let ids: Vec<String> = (0..ENTRIES + 5).map(|n| n.to_string()).collect();
    let flood = list(&ids.iter().map(String::as_str).collect::<Vec<_>>(), None).expect("an answer");
    let mut bench = Bench::new(move |ask| match ask {
        Ask::List { .. } => Ok(flood.clone()),
        Ask::Item { .. } | Ask::Other(_) => status(404, "{}"),
    });
    let page = bench.round().await;
    let fault = page.fault.expect("a fault");
    assert_eq!(fault.kind, FaultKind::Unreadable);
    assert!(fault.context.contains("20005 entries"), "{fault}");
    let size = bench.checkpoint.as_ref().map(|checkpoint| checkpoint.0.len());
    assert!(size.is_some_and(|size| size < 8 << 10), "{size:?}");
    assert!(bench.gaps.is_empty());
    let last = bench.asked().pop();
    bench.later(60);
    bench.poll().await;
    assert!(bench.asked().contains(&last.expect("a list")), "the same second again");
}

#[tokio::test]
async fn a_threat_with_more_messages_than_can_be_read_is_set_aside_and_the_others_come() {
    let at = "2026-11-20T11:30:00Z";
    let flood = detail(&vec!["{}"; ENTRIES + 5], None).expect("an answer");
    let both = holds(&[("flood", at, ""), ("good", at, "")]);
    let mut bench = Bench::new(move |ask| match ask {
        Ask::Item { id, .. } if id == "flood" => Ok(flood.clone()),
        Ask::Item { .. } | Ask::List { .. } | Ask::Other(_) => both(ask),
    });
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["good:good-m"]);
    assert_eq!(page.deferred.iter().map(|item| &*item.id).collect::<Vec<_>>(), ["flood"]);
    assert!(page.deferred[0].reason.contains("20005 entries"), "{:?}", page.deferred);
}

#[tokio::test]
async fn of_whole_entries_no_more_become_events_than_can_be_read() {
    let body = format!("{{\"auditLogs\":[{}]}}", vec!["{}"; ENTRIES + 5].join(","));
    let mut bench = Bench::of("audit-logs", false, move |_| status(200, &body));
    let page = bench.round().await;
    assert_eq!(page.fault.map(|fault| fault.kind), Some(FaultKind::Unreadable), "halved to a second, and told");
    assert!(bench.events.is_empty() && bench.gaps.is_empty());
}

#[tokio::test]
async fn one_stale_date_lists_its_window_again_and_nothing_from_before_the_beginning() {
    let both = holds(&[("a", "2026-11-20T11:30:00Z", ""), ("old", "2021-11-20T11:30:00Z", "")]);
    let mut bench = Bench::new(both);
    bench.round().await;
    bench.asked();
    let both = holds(&[("a", "2026-11-20T11:30:00Z", ""), ("old", "2021-11-20T11:30:00Z", "")]);
    let first = std::sync::atomic::AtomicBool::new(true);
    bench.script(move |ask| {
        let date = if first.swap(false, Relaxed) { "2020-06-01T00:00:00Z" } else { "2026-11-20T12:10:00Z" };
        both(ask).map(|answer| Answer { date: date.parse().ok(), ..answer })
    });
    for _ in 0..3 {
        bench.later(600);
        bench.round().await;
    }
    assert_eq!(bench.natives(), ["a:a-m"]);
    for ask in bench.asked() {
        assert!(!matches!(ask, Ask::List { from, .. } if from < time("2026-11-20T10:58:00Z")), "{ask:?}");
    }
}

#[tokio::test]
async fn what_stands_behind_an_empty_first_page_is_not_passed_over() {
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { page: 1, .. } => list(&[], Some(2)),
        Ask::List { .. } => list(&["behind"], None),
        Ask::Item { .. } | Ask::Other(_) => detail(&[&mail("m", "2026-11-20T11:30:00Z", "")], None),
    });
    bench.round().await;
    assert_eq!(bench.natives(), ["behind:m"]);
}

#[tokio::test]
async fn one_404_at_the_usual_path_does_not_leave_an_empty_older_one_in_its_place() {
    let turn = AtomicU32::new(0);
    let mut bench = Bench::of("abuse-campaigns", false, move |ask| match ask {
        Ask::Other(path) if path.starts_with("/abusecampaigns?") && turn.fetch_add(1, Relaxed) > 0 => {
            status(200, r#"{"campaigns":[{"campaignId":"x"}]}"#)
        }
        Ask::Other(path) if path.starts_with("/abuse-mailbox/campaigns?") => status(200, r#"{"campaigns":[]}"#),
        Ask::Other(path) if path == "/abusecampaigns/x" => {
            status(200, r#"{"campaignId":"x","judgementStatus":"Safe"}"#)
        }
        Ask::Other(_) | Ask::List { .. } | Ask::Item { .. } => status(404, "{}"),
    });
    bench.round().await;
    assert!(bench.events.is_empty());
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.natives(), ["x"]);
}

#[tokio::test]
async fn a_token_that_is_sent_back_as_an_id_or_in_a_message_is_nowhere() {
    let mut bench = Bench::new(|_| list(&[TOKEN], None));
    let page = bench.round().await;
    assert!(page.fault.is_some_and(|fault| fault.kind == FaultKind::Unreadable && !fault.chain().contains(TOKEN)));
    let at = "2026-11-20T11:30:00Z";
    let listed = holds(&[("a", at, "")]);
    bench.script(move |ask| match ask {
        Ask::Item { .. } => detail(&[&mail(TOKEN, at, "")], None),
        Ask::List { .. } | Ask::Other(_) => listed(ask),
    });
    bench.later(600);
    let page = bench.round().await;
    assert!(bench.events.is_empty() && page.deferred.len() == 1);
    let told = format!("{:?} {:?}", page.deferred, bench.checkpoint);
    assert!(!told.contains(TOKEN), "{told}");
}
