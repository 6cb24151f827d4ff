//! Accidents of cases: two shapes of one thing, ids of two types, changes that are none, licences.

use super::*;
use crate::event::Severity;

const DETAIL: &str = r#"{"caseId": 90117, "case_status":"Action Required","severity_level":"HIGH","confidence":"MEDIUM",
 "affectedEmployee":"Ivo Berg","firstObserved":"2026-11-20T11:05:10.417000+00:00","threatIds":[],"remediation_status":"Not remediated","genai_summary":["x"], "new": 1.10}"#;
const ANALYSIS: &str = r#"{"insights":[{"signal":"Risky Location"}],"eventTimeline":[]}"#;

fn entry(id: &str, modified: &str) -> String {
    format!(
        r#"{{"caseId":{id}, "severity_level":"LOW","description":"Potential Account Takeover","last_modified":"{modified}"}}"#
    )
}

fn listed(entries: &[String]) -> Result<Answer, Fault> {
    status(200, &format!(r#"{{"cases":[{}],"pageNumber":1}}"#, entries.join(",")))
}

/// One case, whose list entry, detail and analysis can be given.
fn one(entry: String, detail: &'static str, analysis: &'static str) -> impl Fn(&Ask) -> Result<Answer, Fault> {
    move |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        match path.as_str() {
            "/cases/90117" => status(200, detail),
            "/cases/90117/analysis" => status(200, analysis),
            list => {
                assert!(list.starts_with("/cases?filter=lastModifiedTime gte 2026-"), "{list}");
                listed(std::slice::from_ref(&entry))
            }
        }
    }
}

#[tokio::test]
async fn a_case_holds_list_detail_and_analysis_byte_for_byte() {
    let entry = entry("\"90117\"", "2026-11-20T11:30:00Z");
    let mut bench = Bench::of("cases", false, one(entry.clone(), DETAIL, ANALYSIS));
    let page = bench.round().await;
    assert!(page.fault.is_none(), "{:?}", page.fault);
    let [event] = bench.events.as_slice() else { panic!("{:?}", bench.events) };
    assert_eq!(event.raw, format!(r#"{{"list":{entry},"detail":{DETAIL},"analysis":{ANALYSIS}}}"#));
    assert_eq!((event.kind.as_ref(), event.severity), ("case", Severity::High));
    assert_eq!(event.occurred, time("2026-11-20T11:30:00Z"), "the list alone tells when it changed");
    assert_eq!(event.summary, "Potential Account Takeover of Ivo Berg: Action Required");
}

#[tokio::test]
async fn a_case_whose_id_is_a_number_here_and_a_string_there_is_one_case() {
    let script = |id| one(entry(id, "2026-11-20T11:30:00Z"), DETAIL, ANALYSIS);
    let mut bench = Bench::of("cases", false, script("90117"));
    bench.round().await;
    bench.script(script("\"90117\""));
    bench.later(3_600);
    bench.round().await;
    assert_eq!(bench.natives(), ["90117"]);
}

#[tokio::test]
async fn a_case_that_was_only_touched_is_no_new_event_and_one_that_moved_on_is() {
    let mut bench = Bench::of("cases", false, one(entry("90117", "2026-11-20T11:30:00Z"), DETAIL, ANALYSIS));
    bench.round().await;
    bench.later(1_200);
    bench.script(one(entry("90117", "2026-11-20T12:10:00Z"), DETAIL, ANALYSIS));
    bench.round().await;
    assert_eq!(bench.events.len(), 1, "the same state, listed again");
    bench.later(1_200);
    let resolved = r#"{"caseId":"90117","case_status":"Acknowledged (Attack resolved)","severity_level":"HIGH"}"#;
    bench.script(one(entry("90117", "2026-11-20T12:30:00Z"), resolved, ANALYSIS));
    bench.round().await;
    assert_eq!(bench.natives(), ["90117", "90117"]);
    assert_ne!(bench.events[0].id, bench.events[1].id);
}

#[tokio::test]
async fn old_payloads_with_hardly_a_field_are_events_all_the_same() {
    let bare = r#"{"caseId":"90117","severity":"Potential Account Takeover"}"#;
    let mut bench = Bench::of("cases", false, one(r#"{"caseId":"90117","severity":"x"}"#.into(), bare, "{}"));
    bench.round().await;
    assert_eq!(bench.events.len(), 1);
    assert_eq!(bench.events[0].severity, Severity::Unknown);
}

#[tokio::test]
async fn unlicensed_cases_are_unlicensed_and_nothing_worse() {
    let mut bench = Bench::of("cases", false, |_| status(402, "{}"));
    let fault = bench.round().await.fault.expect("a fault");
    assert_eq!(fault.kind, crate::fault::FaultKind::Unlicensed);
}

#[tokio::test]
async fn a_case_without_an_analysis_comes_without_and_one_whose_analysis_is_refused_says_so() {
    for (code, told) in [(404, false), (403, true)] {
        let all = one(entry("90117", "2026-11-20T11:30:00Z"), DETAIL, ANALYSIS);
        let mut bench = Bench::of("cases", false, move |ask| match ask {
            Ask::Other(path) if path.ends_with("/analysis") => status(code, ""),
            Ask::Other(_) | Ask::List { .. } | Ask::Item { .. } => all(ask),
        });
        let page = bench.round().await;
        assert_eq!((bench.events.len(), page.fault.is_none(), page.shortfall.is_some()), (1, true, told), "{code}");
        assert!(!bench.events[0].raw.contains("\"analysis\":"));
    }
}

#[tokio::test]
async fn an_analysis_that_fails_defers_the_case_and_delays_no_other() {
    let mut bench = Bench::of("cases", false, |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        match path.as_str() {
            "/cases/1/analysis" => status(500, ""),
            "/cases/1" => status(200, r#"{"caseId":1}"#),
            "/cases/2" => status(200, r#"{"caseId":2}"#),
            "/cases/2/analysis" => status(200, "{}"),
            _ => listed(&[entry("1", "2026-11-20T11:30:00Z"), entry("2", "2026-11-20T11:31:00Z")]),
        }
    });
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["2"]);
    assert_eq!(page.deferred.iter().map(|item| (item.id.as_str(), item.tries)).collect::<Vec<_>>(), [("1", 1)]);
}

#[tokio::test]
async fn a_case_that_came_late_still_holds_what_the_list_alone_tells() {
    let entry = entry("90117", "2026-11-20T11:30:00Z");
    let all = one(entry.clone(), DETAIL, ANALYSIS);
    let mut bench = Bench::of("cases", false, move |ask| match ask {
        Ask::Other(path) if path == "/cases/90117" => status(404, ""),
        Ask::Other(_) | Ask::List { .. } | Ask::Item { .. } => all(ask),
    });
    bench.round().await;
    let all = one(entry.clone(), DETAIL, ANALYSIS);
    bench.script(move |ask| match ask {
        Ask::Other(path) if path.starts_with("/cases?") => listed(&[]),
        Ask::Other(_) | Ask::List { .. } | Ask::Item { .. } => all(ask),
    });
    bench.later(60);
    bench.round().await;
    let [event] = bench.events.as_slice() else { panic!("{:?}", bench.events) };
    assert_eq!(event.occurred, time("2026-11-20T11:30:00Z"));
    assert!(event.raw.contains(&entry), "{}", event.raw);
}

#[tokio::test]
async fn a_detail_about_another_case_is_not_filed_as_this_one() {
    let other = r#"{"caseId":"4711","case_status":"Action Required"}"#;
    let mut bench = Bench::of("cases", false, one(entry("90117", "2026-11-20T11:30:00Z"), other, ANALYSIS));
    let page = bench.round().await;
    assert!(bench.events.is_empty() && page.deferred[0].reason.contains("another item"), "{:?}", page.deferred);
}

#[tokio::test]
async fn a_detail_of_another_shape_is_not_taken_for_a_case() {
    let mut bench = Bench::of("cases", false, one(entry("90117", "2026-11-20T11:30:00Z"), r#"{"ok":true}"#, ANALYSIS));
    let page = bench.round().await;
    assert!(bench.events.is_empty());
    assert!(page.deferred[0].reason.contains("not Abnormal's API"), "{:?}", page.deferred);
}
