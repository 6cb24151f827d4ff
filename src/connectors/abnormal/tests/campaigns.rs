//! Accidents of campaigns: two paths, verdicts that come late, verdicts that never come.

use super::*;
use crate::event::Severity;
use crate::fault::FaultKind;

fn detail_of(judged: &str) -> String {
    format!(
        r#"{{"campaignId":"c1","firstReported":"2026-11-20T03:00:00-08:00","lastReported":"2026-11-20T03:30:00-08:00","subject":"Gift","judgementStatus":"{judged}","overallStatus":"","attackType":""}}"#
    )
}

/// Lists `c1` where it was last reported, at this path only, and judges it so.
fn judged(base: &'static str, verdict: &'static str) -> impl Fn(&Ask) -> Result<Answer, Fault> {
    move |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        let Some(rest) = path.strip_prefix(base) else { return status(404, r#"{"detail":"Not Found"}"#) };
        if rest == "/c1" {
            return status(200, &detail_of(verdict));
        }
        let words: Vec<&str> = rest.split([' ', '&', '=']).collect();
        let ["?filter", "lastReportedTime", "gte", from, "lte", to, ..] = words.as_slice() else { panic!("{rest}") };
        let within = time(from) <= time("2026-11-20T11:30:00Z") && time("2026-11-20T11:30:00Z") <= time(to);
        status(200, if within { r#"{"campaigns":[{"campaignId":"c1"}]}"# } else { r#"{"campaigns":[]}"# })
    }
}

#[tokio::test]
async fn a_scanning_campaign_is_sent_at_once_and_again_when_it_is_judged_though_no_list_names_it() {
    let mut bench = Bench::of("abuse-campaigns", false, judged("/abusecampaigns", "Scanning"));
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["c1"]);
    assert_eq!((page.deferred.len(), page.deferred[0].tries), (1, 0), "it waits, it has not failed");
    assert_eq!(page.wake, Some(time("2026-11-20T12:05:00Z")));
    for _ in 0..100 {
        bench.later(3_600);
        bench.round().await;
    }
    assert_eq!(bench.events.len(), 1, "the same state is no event");
    bench.script(judged("/abusecampaigns", "Malicious"));
    bench.later(3_600);
    let page = bench.round().await;
    let severities: Vec<Severity> = bench.events.iter().map(|event| event.severity).collect();
    assert_eq!(severities, [Severity::Unknown, Severity::High]);
    assert!(page.deferred.is_empty());
}

#[tokio::test]
async fn a_campaign_without_a_verdict_after_a_week_is_sent_once_more_and_let_go() {
    let mut bench = Bench::of("abuse-campaigns", false, judged("/abusecampaigns", "Scanning"));
    bench.round().await;
    for _ in 0..200 {
        bench.later(3_600);
        bench.round().await;
    }
    assert_eq!(bench.natives(), ["c1", "c1"]);
    assert!(bench.events[1].summary.ends_with("(still without a verdict after a week)"), "{}", bench.events[1].summary);
    bench.asked();
    bench.later(3_600);
    bench.round().await;
    assert!(!bench.asked().contains(&Ask::Other("/abusecampaigns/c1".to_owned())), "nobody asks any more");
}

#[tokio::test]
async fn on_404_the_older_path_is_tried_and_remembered() {
    let mut bench = Bench::of("abuse-campaigns", false, judged("/abuse-mailbox/campaigns", "Safe"));
    let page = bench.round().await;
    assert!(page.fault.is_none(), "{:?}", page.fault);
    assert_eq!(bench.natives(), ["c1"]);
    bench.asked();
    bench.later(600);
    bench.round().await;
    let asked = bench.asked();
    let usual = |ask: &&Ask| matches!(ask, Ask::Other(path) if path.starts_with("/abusecampaigns"));
    assert_eq!(asked.iter().filter(usual).count(), 1, "once a round, lest one 404 hide it for ever: {asked:?}");
}

#[tokio::test]
async fn a_404_on_both_paths_is_an_add_on_that_is_not_enabled() {
    let mut bench = Bench::of("abuse-campaigns", false, |_| status(404, ""));
    let fault = bench.round().await.fault.expect("a fault");
    assert_eq!((fault.kind, fault.status), (FaultKind::Unlicensed, Some(404)));
    assert!(fault.context.contains("/abusecampaigns and /abuse-mailbox/campaigns"), "{}", fault.context);
    bench.script(judged("/abusecampaigns", "Safe"));
    bench.later(86_400);
    bench.round().await;
    assert_eq!(bench.natives(), ["c1"], "enabled a day later, all since then is listed");
}

#[tokio::test]
async fn the_same_time_written_with_another_offset_is_no_new_version() {
    let mut bench = Bench::of("abuse-campaigns", false, judged("/abusecampaigns", "Safe"));
    bench.round().await;
    let all = judged("/abusecampaigns", "Safe");
    bench.script(move |ask| match ask {
        Ask::Other(path) if path == "/abusecampaigns/c1" => {
            status(200, &detail_of("Safe").replace("2026-11-20T03:30:00-08:00", "2026-11-20T11:30:00.000Z"))
        }
        Ask::Other(_) | Ask::List { .. } | Ask::Item { .. } => all(ask),
    });
    bench.later(1_200);
    bench.round().await;
    assert_eq!(bench.events.len(), 1);
}

#[tokio::test]
async fn re_checks_wait_for_their_share_of_the_budget_and_news_do_not() {
    let mut bench = Bench::of("abuse-campaigns", false, judged("/abusecampaigns", "Scanning"));
    bench.round().await;
    bench.spare.store(0, std::sync::atomic::Ordering::Relaxed);
    bench.later(600);
    bench.asked();
    let page = bench.poll().await;
    let asked = bench.asked();
    assert_eq!(asked.len(), 1, "the new window alone: {asked:?}");
    assert!(!page.more && page.fault.is_none());
    assert_eq!(page.wake, Some(time("2026-11-20T12:10:10Z")), "and soon again");
    bench.spare.store(u32::MAX, std::sync::atomic::Ordering::Relaxed);
    bench.poll().await;
    assert!(bench.asked().contains(&Ask::Other("/abusecampaigns/c1".to_owned())));
}

#[tokio::test]
async fn many_campaigns_without_a_verdict_leave_room_for_a_look_at_what_came_late() {
    let ids: Vec<String> = (0..200).map(|n| format!("c{n}")).collect();
    let listed: Vec<String> = ids.iter().map(|id| format!(r#"{{"campaignId":"{id}"}}"#)).collect();
    let mut bench = Bench::of("abuse-campaigns", false, move |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        match path.strip_prefix("/abusecampaigns/") {
            Some(id) => status(200, &detail_of("Scanning").replace("c1", id)),
            None if path.contains("gte 2026-11-20T11:00:00Z") => {
                status(200, &format!(r#"{{"campaigns":[{}]}}"#, listed.join(",")))
            }
            None => status(200, r#"{"campaigns":[]}"#),
        }
    });
    bench.round().await;
    assert_eq!(bench.events.len(), 200);
    bench.later(600);
    bench.asked();
    // Few requests for what was seen: a look is among them though a hundred re-checks wait.
    bench.spare.store(6, std::sync::atomic::Ordering::Relaxed);
    bench.due = true;
    bench.poll().await;
    let lists = bench.asked().iter().filter(|ask| matches!(ask, Ask::Other(path) if path.contains("?filter"))).count();
    assert_eq!(lists, 2, "the new window, and one look");
}
