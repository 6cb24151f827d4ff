//! Audit logs, rows that were not analyzed, vendor cases: lists of other shapes.

use super::*;
use crate::event::Severity;
use crate::fault::FaultKind;

const ENTRY: &str = r#"{"action":"view_message_content","actionDetails":{"messageId":"-812","providedReason":"null"}, "category":"threat_log","sourceIp":"198.51.100.9","status":"SUCCESS","tenantName":"","timestamp":"2026-11-20 11:12:44.031000+00:00","user":{"email":"soc@harbor.example"}}"#;

fn answered(member: &str, entries: &[String]) -> Result<Answer, Fault> {
    status(200, &format!("{{\"{member}\":[{}],\"pageNumber\":1}}", entries.join(",")))
}

fn audit(entries: Vec<String>) -> impl Fn(&Ask) -> Result<Answer, Fault> {
    move |ask| {
        assert!(matches!(ask, Ask::Other(path) if path.starts_with("/auditlogs?filter=timestamp gte ")), "{ask:?}");
        answered("auditLogs", &entries)
    }
}

#[tokio::test]
async fn an_audit_entry_without_an_id_and_with_a_space_in_its_time_is_one_event_however_often_it_is_listed() {
    let mut bench = Bench::of("audit-logs", false, audit(vec![ENTRY.to_owned()]));
    for _ in 0..5 {
        let page = bench.round().await;
        assert!(page.fault.is_none(), "{:?}", page.fault);
        bench.later(600);
    }
    let [event] = bench.events.as_slice() else { panic!("{:?}", bench.natives()) };
    assert_eq!(event.occurred, time("2026-11-20T11:12:44.031Z"));
    assert_eq!(event.raw, ENTRY);
    assert_eq!(event.summary, "view_message_content in threat_log by soc@harbor.example: SUCCESS");
}

#[tokio::test]
async fn audit_entries_that_are_alike_in_one_answer_are_as_many_events_and_a_new_field_makes_no_new_one() {
    let mut bench = Bench::of("audit-logs", false, audit(vec![ENTRY.to_owned(), ENTRY.to_owned()]));
    bench.round().await;
    assert_eq!(bench.events.len(), 2);
    let newer = ENTRY.replace("{\"action\"", "{\"requestId\":7,\"action\"");
    bench.script(audit(vec![newer.clone(), newer]));
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.events.len(), 2);
}

#[tokio::test]
async fn a_list_larger_than_a_page_comes_in_pages_and_whole() {
    let entries: Vec<String> = (0..257).map(|n| ENTRY.replace("-812", &format!("-{n}"))).collect();
    let mut bench = Bench::of("audit-logs", false, audit(entries));
    let first = bench.poll().await;
    assert_eq!((first.events.len(), first.more), (crate::connectors::PAGE_EVENTS, true));
    bench.round().await;
    assert_eq!(bench.events.len(), 257);
}

#[tokio::test]
async fn an_audit_look_back_is_never_longer_than_the_vendor_allows() {
    let mut bench = Bench::of("audit-logs", false, |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        let from = path.split(' ').nth(2).expect("a bound");
        assert!(time(from) >= time(NOW).saturating_sub(jiff::SignedDuration::from_hours(90 * 24)).expect("a time"));
        answered("auditLogs", &[])
    });
    bench.connector.timing.start = 400 * 86_400;
    let page = bench.round().await;
    assert!(page.fault.is_none());
}

fn row(id: &str, at: &str) -> String {
    format!(
        r#"{{"abx_message_id":{id},"subject":"FW: gift","reported_datetime":"{at}","reporter":{{"email":"ana@harbor.example"}},"not_analyzed_reason":"UNKNOWN_REPORTER"}}"#
    )
}

/// The rows that a list of this window holds.
fn rows(all: Vec<(&'static str, &'static str)>) -> impl Fn(&Ask) -> Result<Answer, Fault> {
    move |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        let bounds = path.strip_prefix("/abuse_mailbox/not_analyzed?start=").and_then(|rest| rest.split_once("&end="));
        let (from, to) = bounds.unwrap_or_else(|| panic!("{path}"));
        let held = all.iter().filter(|(_, at)| time(from) <= time(at) && time(at) <= time(to));
        let held: Vec<String> = held.map(|(id, at)| row(id, at)).collect();
        status(200, &format!("{{\"results\":[{}]}}", held.join(",")))
    }
}

#[tokio::test]
async fn a_row_that_is_taken_back_within_ten_minutes_is_never_sent_and_one_that_stays_is() {
    const ROWS: [(&str, &str); 2] =
        [("-6123456789012345678", "2026-11-20T11:58:00Z"), ("6123456789012345679", "2026-11-20T11:58:30Z")];
    let mut bench = Bench::of("not-analyzed", false, rows(ROWS.to_vec()));
    bench.round().await;
    assert!(bench.events.is_empty(), "younger than ten minutes");
    bench.script(rows(ROWS[1..].to_vec()));
    bench.later(600);
    bench.round().await;
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.events.len(), 1);
    assert!(bench.natives()[0].starts_with("6123456789012345679:"), "every digit: {:?}", bench.natives());
}

#[tokio::test]
async fn too_wide_a_range_is_halved_and_not_given_up() {
    let all = rows(vec![("1", "2026-11-19T23:00:00Z"), ("2", "2026-11-20T10:00:00Z")]);
    let mut bench = Bench::of("not-analyzed", false, move |ask| {
        let Ask::Other(path) = ask else { panic!("{ask:?}") };
        let (from, to) = path.split_once("start=").and_then(|(_, rest)| rest.split_once("&end=")).expect("bounds");
        if time(to).duration_since(time(from)).as_hours() >= 6 { status(400, "too wide") } else { all(ask) }
    });
    bench.connector.timing.start = 86_400;
    let page = bench.round().await;
    assert!(page.fault.is_none(), "{:?}", page.fault);
    assert_eq!(bench.events.len(), 2);
}

#[tokio::test]
async fn a_range_that_is_refused_however_narrow_is_a_fault_and_asks_a_bounded_number_of_times() {
    let mut bench = Bench::of("not-analyzed", false, |_| status(400, "no"));
    bench.connector.timing.start = 10 * 86_400;
    let fault = bench.round().await.fault.expect("a fault");
    assert_eq!((fault.kind, fault.status), (FaultKind::Unreadable, Some(400)));
    assert!(bench.asked().len() <= 20);
}

#[tokio::test]
async fn a_vendor_case_with_a_number_for_an_id_is_an_event_for_each_state() {
    let script = |timeline: &'static str| {
        move |ask: &Ask| {
            let Ask::Other(path) = ask else { panic!("{ask:?}") };
            match path.as_str() {
                "/vendor-cases/3301" => status(
                    200,
                    &format!(
                        r#"{{"vendorCaseId":3301,"vendorDomain":"quay.example","lastModifiedTime":"2026-11-20T11:10:00Z","insights":[],"timeline":{timeline}}}"#
                    ),
                ),
                list => {
                    assert!(list.starts_with("/vendor-cases?filter=lastModifiedTime gte "), "{list}");
                    status(200, r#"{"vendorCases":[{"vendorCaseId":3301}]}"#)
                }
            }
        }
    };
    let mut bench = Bench::of("vendor-cases", false, script("[]"));
    bench.round().await;
    bench.later(600);
    bench.script(script(r#"[{"threatId":7}]"#));
    bench.round().await;
    assert_eq!(bench.natives(), ["3301", "3301"]);
    assert_eq!(bench.events[0].severity, Severity::Medium);
    assert_eq!(bench.events[0].summary, "Vendor case: quay.example");
}

#[tokio::test]
async fn a_list_of_another_shape_is_a_fault_of_every_stream() {
    for stream in super::super::STREAMS {
        let bodies = ["{}", "[]", "", "<html>Sign in</html>", "{\"results\":[", "{\"auditLogs\":7}", "null"];
        for body in bodies {
            let mut bench = Bench::of(stream, false, move |_| status(200, body));
            let fault = bench.round().await.fault;
            let fault = fault.unwrap_or_else(|| panic!("{stream} took {body:?} for an answer"));
            assert_eq!(fault.kind, FaultKind::Unreadable, "{stream} {body:?}");
            assert!(fault.context.contains("not Abnormal's API"), "{}", fault.context);
            assert!(bench.events.is_empty() && bench.gaps.is_empty());
        }
    }
}
