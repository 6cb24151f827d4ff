//! Threats, tokens and the probe: lists, pages, bounds, refusals.

use std::time::Duration;

use super::super::*;
use super::*;

#[test]
fn pages_go_down_by_id_and_the_last_one_names_no_next() {
    let bench = Bench::with(5);
    let (mut seen, mut page) = (Vec::new(), 1);
    loop {
        let reply = bench.get(&list(2, page));
        assert_eq!(reply.json()["pageNumber"], page);
        seen.extend(reply.ids());
        match reply.json().get("nextPageNumber").and_then(Value::as_u64) {
            Some(next) => page = usize::try_from(next).expect("small"),
            None => break,
        }
    }
    let mut all: Vec<String> = bench.api.threats().into_iter().map(|threat| threat.id).collect();
    all.reverse();
    assert_eq!((seen, page), (all, 3));
}

#[test]
fn the_halves_of_a_window_lose_no_threat_and_share_none_at_their_edge() {
    let bench = Bench::with(40);
    let half = |from: &str, to: &str| {
        let reply = bench.get(&format!("/v1/threats?filter=receivedTime+gte+{from}+and+receivedTime+lte+{to}"));
        reply.ids().into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    let edge = "2026-11-19T08:30:00Z";
    bench.api.put([Threat { id: "edge".to_owned(), messages: vec![generate::message(1, at(edge))] }]);
    let (first, second) = (half("2026-11-19T08:00:00Z", edge), half(edge, "2026-11-19T09:00:00Z"));
    assert!(!first.contains("edge") && second.contains("edge"));
    assert_eq!(first.union(&second).count(), 41);
}

#[test]
fn without_a_filter_come_the_top_hundred_and_no_page_fields() {
    let bench = Bench::with(103);
    let reply = bench.get("/v1/threats?pageSize=2&pageNumber=2");
    assert_eq!(reply.ids().len(), 100);
    assert_eq!(reply.json().as_object().expect("an object").len(), 1);
}

#[test]
fn a_late_remediation_shows_in_the_other_list_and_a_new_recipient_in_the_detail() {
    let bench = Bench::with(1);
    let path = bench.first_detail();
    let id = path.rsplit('/').next().expect("an id");
    let late = "/v1/threats?filter=latestTimeRemediated%20gte%202026-11-19T14:00:00Z%20lte%202026-11-19T15:00:00Z";
    assert_eq!(bench.get(late).ids().len(), 0);
    assert!(bench.api.remediate(id, at("2026-11-19T14:40:11.50321Z")));
    assert_eq!(bench.get(late).ids(), [id]);

    let before = bench.get(&path).json()["messages"].as_array().expect("messages").len();
    assert!(bench.api.add_message(id, generate::message(9, at("2026-11-19T14:40:00Z"))));
    let detail = bench.get(&format!("{path}?pageSize=1")).json();
    assert_eq!(detail["recipientCount"], before + 1);
    assert_eq!((detail["messages"].as_array().expect("messages").len(), &detail["nextPageNumber"]), (1, &2.into()));
    assert!(bench.api.remove(id));
    assert_eq!(bench.get(&path).status, 404);
}

#[test]
fn wrong_questions_get_the_vendors_statuses() {
    let bench = Bench::with(1);
    assert_eq!(bench.get("/v1/threats?filter=receivedTime%20gt%20now").status, 404);
    assert_eq!(bench.get(&list(0, 1)).status, 400);
    assert_eq!(bench.get("/v1/nothing").status, 404);
    bench.api.set_retention(Some(Duration::from_secs(60)));
    let reply = bench.get("/v1/threats?filter=receivedTime%20gte%202020-01-01T00:00:00Z%20lte%202020-01-02T00:00:00Z");
    assert!(String::from_utf8_lossy(&reply.body).contains("are out of accepted data retention range"));
    assert_eq!(reply.status, 400);
    let mut bytes = Vec::new();
    bench.ask("/v1/cases", "wrong").read_to_end(&mut bytes).expect("an answer");
    assert_eq!(Reply::from(bytes).status, 401);
    assert_eq!(bench.api.requests().last().map(|seen| seen.authorized), Some(false));
    assert!(!format!("{:?}{:?}", bench.api, bench.api.requests()).contains(TOKEN));
}

#[test]
fn the_other_lists_are_empty_in_their_own_shape_and_the_probe_tells_the_address() {
    let bench = Bench::with(0);
    for (path, list, key) in [
        ("cases", "cases", "lastModifiedTime"),
        ("abusecampaigns", "campaigns", "lastReportedTime"),
        ("vendor-cases", "vendorCases", "lastModifiedTime"),
        ("auditlogs", "auditLogs", "timestamp"),
    ] {
        let filtered = format!("/v1/{path}?filter={key}%20gte%202026-11-19T08:00:00.5Z");
        let json = bench.get(&filtered).json();
        assert_eq!((&json[list], &json["pageNumber"]), (&Value::Array(Vec::new()), &1.into()));
    }
    assert_eq!(bench.get("/ip").body, b"127.0.0.1");
    bench.api.set_egress(Some("203.0.113.10"));
    assert_eq!(bench.get("/ip").body, b"203.0.113.10");
}

#[test]
fn enrichments_come_under_a_threat_and_the_tokens_end_is_told_only_where_it_is_set() {
    let bench = Bench::with(0);
    let mut message = generate::message(1, at("2026-11-19T08:00:00Z"));
    (message.urls, message.attachments) = (vec!["https://a.test/".to_owned()], vec!["a.pdf".to_owned()]);
    let id = message.id.to_string();
    bench.api.put([Threat { id: "5b0e".to_owned(), messages: vec![message] }]);
    let links = bench.get("/v1/threats/5b0e/links").json();
    assert_eq!(
        (&links["links"][0]["abxMessageIdStr"], &links["links"][0]["linkUrl"]),
        (&id.into(), &"https://a.test/".into())
    );
    assert_eq!(bench.get("/v1/threats/5b0e/attachments").json()["attachments"][0]["attachmentName"], "a.pdf");
    assert_eq!(bench.get("/v1/soar/tokens").status, 403);
    bench.api.set_token_expires(Some(at("2027-01-02T00:00:00Z")));
    assert_eq!(bench.get("/v1/soar/tokens").json()["data"][0]["expires_at"], "2027-01-02T00:00:00Z");
}

#[test]
fn an_api_that_is_away_refuses_and_comes_back_at_the_same_port() {
    let bench = Bench::with(0);
    bench.api.refuse();
    assert_eq!(
        TcpStream::connect(bench.api.addr()).map_err(|e| e.kind()).err(),
        Some(io::ErrorKind::ConnectionRefused)
    );
    bench.api.listen_again().expect("the port is still ours");
    assert_eq!(bench.get("/ip").status, 200);
}
