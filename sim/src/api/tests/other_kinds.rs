//! The kinds beside threats: what each list and detail looks like, and where its bounds lie.

use super::super::*;
use super::*;

const T8: &str = "2026-11-19T08:00:00.5Z";
const T9: &str = "2026-11-19T09:00:00.5Z";

/// How many items a list holds that is filtered by this key between two times.
fn count(bench: &Bench, path: &str, key: &str, from: &str, to: &str) -> usize {
    let json = bench.get(&format!("{path}?filter={key}+gte+{from}+lte+{to}")).json();
    let list = json.as_object().and_then(|fields| fields.values().find_map(Value::as_array));
    list.expect("a list").len()
}

/// An item that is found by this key at 08:00:00.5 is on the list from that very time to that very time, and not a
/// nanosecond before or after.
fn found_at_its_edges(bench: &Bench, path: &str, key: &str) {
    assert_eq!(count(bench, path, key, T8, T8), 1, "{path} {key}");
    assert_eq!(count(bench, path, key, "2026-11-19T08:00:00.500000001Z", T9), 0, "{path} {key}");
    assert_eq!(count(bench, path, key, "2026-11-19T07:00:00Z", "2026-11-19T08:00:00.499999999Z"), 0, "{path} {key}");
}

fn moment(text: &str) -> Moment {
    Moment { at: at(text), digits: 1 }
}

fn case(id: u64) -> Case {
    let mut case = generate::cases(1, 1, at(T9), at(T9)).pop().expect("one");
    case.id = id;
    case
}

#[test]
fn each_key_of_a_list_compares_its_own_time_with_both_bounds_inclusive() {
    let bench = Bench::with(0);
    for (key, set) in [
        ("lastModifiedTime", (|c, m| c.last_modified = m) as fn(&mut Case, Moment)),
        ("createdTime", |c, m| c.created = m),
        ("customerVisibleTime", |c, m| c.customer_visible = m),
    ] {
        let mut one = case(1);
        (one.last_modified, one.created, one.customer_visible) = (moment(T9), moment(T9), moment(T9));
        set(&mut one, moment(T8));
        bench.api.put_case(one);
        found_at_its_edges(&bench, "/v1/cases", key);
    }
    let mut campaign = generate::campaigns(1, 1, at(T8), at(T8)).pop().expect("one");
    campaign.received = at(T9);
    bench.api.put_campaign(campaign.clone());
    found_at_its_edges(&bench, "/v1/abusecampaigns", "lastReportedTime");
    found_at_its_edges(&bench, "/v1/abuse-mailbox/campaigns", "lastReportedTime");
    (campaign.received, campaign.last_reported) = (at(T8), moment(T9));
    bench.api.put_campaign(campaign);
    found_at_its_edges(&bench, "/v1/abusecampaigns", "receivedTime");
    let mut vendor = generate::vendor_cases(1, 1, at(T8), at(T8)).pop().expect("one");
    vendor.first_observed = moment(T9);
    bench.api.put_vendor_case(vendor.clone());
    found_at_its_edges(&bench, "/v1/vendor-cases", "lastModifiedTime");
    (vendor.first_observed, vendor.last_modified) = (moment(T8), moment(T9));
    bench.api.put_vendor_case(vendor);
    found_at_its_edges(&bench, "/v1/vendor-cases", "firstObservedTime");
    bench.api.put_audit(generate::audit(1, 1, at(T8), at(T8)).pop().expect("one"));
    found_at_its_edges(&bench, "/v1/auditlogs", "timestamp");
}

#[test]
fn a_filter_by_another_lists_key_is_404_and_without_one_come_the_top_hundred_without_pages() {
    let bench = Bench::with(0);
    let now = Timestamp::now();
    for n in 0..103 {
        bench.api.put_case(case(n));
        bench.api.put_audit(generate::audit(n, 1, now, now).pop().expect("one"));
    }
    generate::campaigns(1, 103, now, now).into_iter().for_each(|campaign| bench.api.put_campaign(campaign));
    generate::vendor_cases(1, 103, now, now).into_iter().for_each(|case| bench.api.put_vendor_case(case));
    for (path, list, wrong) in [
        ("cases", "cases", "receivedTime"),
        ("abusecampaigns", "campaigns", "lastModifiedTime"),
        ("abuse-mailbox/campaigns", "campaigns", "timestamp"),
        ("vendor-cases", "vendorCases", "createdTime"),
        ("auditlogs", "auditLogs", "lastModifiedTime"),
    ] {
        assert_eq!(bench.get(&format!("/v1/{path}?filter={wrong}+gte+{T8}")).status, 404, "{path}");
        let top = bench.get(&format!("/v1/{path}?pageSize=2&pageNumber=2")).json();
        assert_eq!(top[list].as_array().map(Vec::len), Some(100), "{path}");
        assert_eq!(top.as_object().map(|fields| fields.len()), Some(1), "{path}");
    }
}

#[test]
fn cases_go_down_by_the_number_of_their_id_and_page_by_offset() {
    let bench = Bench::with(0);
    [9, 100, 20].into_iter().for_each(|id| bench.api.put_case(case(id)));
    let page = |number| {
        let path = format!("/v1/cases?filter=lastModifiedTime+gte+{T8}&pageSize=2&pageNumber={number}");
        let json = bench.get(&path).json();
        let id = |item: &Value| item["caseId"].as_str().map_or(item["caseId"].to_string(), str::to_owned);
        let ids: Vec<String> = json["cases"].as_array().expect("a list").iter().map(id).collect();
        (ids, json.get("nextPageNumber").cloned())
    };
    assert_eq!(page(1), (vec!["100".to_owned(), "20".to_owned()], Some(2.into())));
    assert_eq!(page(2), (vec!["9".to_owned()], None));
    assert!(bench.api.remove_case(20) && !bench.api.remove_case(20));
    assert_eq!(page(1).0, ["100", "9"]);
}

#[test]
fn a_case_is_named_otherwise_in_its_detail_which_knows_no_last_change_and_has_an_analysis() {
    use super::super::case::IdForm;
    let bench = Bench::with(0);
    bench.api.put_case(Case { id_in_list: IdForm::Text, id_in_detail: IdForm::Number, ..case(90_117) });
    assert!(bench.api.change_case(90_117, |case| {
        case.last_modified = moment("2026-11-19T10:00:00.5Z");
        case.first_observed = Moment { at: at("2026-11-19T06:58:10.417Z"), digits: 6 };
    }));
    let item = bench.get(&format!("/v1/cases?filter=lastModifiedTime+gte+{T9}")).json()["cases"][0].clone();
    assert_eq!((&item["caseId"], &item["last_modified"]), (&"90117".into(), &"2026-11-19T10:00:00.5Z".into()));
    let detail = bench.get("/v1/cases/90117").json();
    assert_eq!(
        (&detail["caseId"], &detail["firstObserved"]),
        (&90_117.into(), &"2026-11-19T06:58:10.417000+00:00".into())
    );
    assert!(detail.get("last_modified").is_none() && detail.get("lastModifiedTime").is_none());
    let analysis = bench.get("/v1/cases/90117/analysis").json();
    assert!(analysis["insights"][0]["signal"].is_string());
    assert_eq!(analysis["eventTimeline"][0]["category"], "Mail Rule");
    assert_eq!(bench.get("/v1/cases/90118").status, 404);
    assert_eq!(bench.get("/v1/cases/90118/analysis").status, 404);
}

#[test]
fn a_campaign_settles_at_its_time_and_no_filter_finds_it_again_for_that() {
    let bench = Bench::with(0);
    let mut campaign = generate::campaigns(1, 1, at(T8), at(T8)).pop().expect("one");
    let verdict = Verdict::new("Spam", "No Action Needed", "Attack Type: Spam");
    (campaign.verdict, campaign.settles_at) = (verdict, Some(Timestamp::MAX));
    (campaign.offset, campaign.last_reported) = (Some(-8), Moment::seconds(at("2026-11-19T06:05:00Z")));
    let id = campaign.id.clone();
    bench.api.put_campaign(campaign);
    let detail = || bench.get(&format!("/v1/abusecampaigns/{id}")).json();
    assert_eq!((&detail()["judgementStatus"], &detail()["overallStatus"]), (&"Scanning".into(), &"".into()));
    assert!(bench.api.change_campaign(&id, |c| c.settles_at = Some(at("2020-01-01T00:00:00Z"))));
    assert_eq!((&detail()["judgementStatus"], &detail()["attackType"]), (&"Spam".into(), &"Attack Type: Spam".into()));
    assert_eq!(detail()["lastReported"], "2026-11-18T22:05:00-08:00");
    assert_eq!(detail()["messageId"].as_str().and_then(|id| id.parse::<i64>().ok()).map(|id| id != 0), Some(true));
    assert_eq!(count(&bench, "/v1/abusecampaigns", "lastReportedTime", "2026-11-19T06:59:00Z", T9), 0);
    assert_eq!(bench.get(&format!("/v1/abuse-mailbox/campaigns/{id}")).json(), detail());
    assert!(bench.api.change_campaign(&id, |c| c.settles_at = Some(Timestamp::MAX)));
    assert!(bench.api.settle_campaign(&id));
    assert_eq!(detail()["judgementStatus"], "Spam");
}

#[test]
fn without_a_filter_campaigns_older_than_a_day_are_not_listed() {
    let bench = Bench::with(0);
    generate::campaigns(1, 1, at("2020-01-01T00:00:00Z"), at("2020-01-01T00:00:00Z"))
        .into_iter()
        .for_each(|campaign| bench.api.put_campaign(campaign));
    assert_eq!(bench.get("/v1/abusecampaigns").json()["campaigns"].as_array().map(Vec::len), Some(0));
    assert_eq!(count(&bench, "/v1/abusecampaigns", "lastReportedTime", "2019-12-31T00:00:00Z", T9), 1);
}

#[test]
fn a_vendor_case_has_a_number_for_its_id_and_an_audit_entry_has_none() {
    let bench = Bench::with(0);
    let mut vendor = generate::vendor_cases(1, 1, at(T8), at(T8)).pop().expect("one");
    vendor.id = 3_301;
    bench.api.put_vendor_case(vendor);
    assert_eq!(bench.get("/v1/vendor-cases").json()["vendorCases"][0]["vendorCaseId"], 3_301);
    let detail = bench.get("/v1/vendor-cases/3301").json();
    assert_eq!((&detail["vendorCaseId"], detail["timeline"][0]["threatId"].is_null()), (&3_301.into(), false));
    assert_eq!(bench.get("/v1/vendor-cases/text").status, 404);

    let mut entry = generate::audit(1, 1, at(T8), at(T8)).pop().expect("one");
    entry.at = Moment { at: at("2026-11-19T09:12:44.031Z"), digits: 6 };
    entry.time_form = audit::TimeForm::Space;
    let number = bench.api.put_audit(entry);
    let told = bench.get("/v1/auditlogs").json()["auditLogs"][0].clone();
    assert_eq!(told["timestamp"], "2026-11-19 09:12:44.031000+00:00");
    assert!(told.as_object().is_some_and(|fields| !fields.keys().any(|name| name.to_lowercase().ends_with("id"))));
    assert!(bench.api.change_audit(number, |entry| entry.status = audit::AuditStatus::Failure));
    assert_eq!(bench.get("/v1/auditlogs").json()["auditLogs"][0]["status"], "FAILURE");
    assert!(bench.api.remove_audit(number));
}

#[test]
fn rows_of_not_analyzed_come_whole_between_start_and_end_until_they_vanish() {
    let bench = Bench::with(0);
    let mut row = generate::not_analyzed(1, 1, at(T8), at(T8)).pop().expect("one");
    row.message_id = -6_123_456_789_012_345_678;
    bench.api.put_not_analyzed(row);
    let ask = |query: &str| bench.get(&format!("/v1/abuse_mailbox/not_analyzed{query}"));
    let rows = |query: &str| ask(query).json()["results"].as_array().expect("a list").len();
    assert_eq!(rows(&format!("?start={T8}&end={T8}&pageSize=1&pageNumber=2")), 1, "inclusive, and pages mean nothing");
    assert_eq!(rows(&format!("?start=2026-11-19T08:00:00.500000001Z&end={T9}")), 0);
    assert_eq!(rows("?end=2026-11-19T09:00:00Z"), 1, "90 days back without a start");
    let text = String::from_utf8(ask(&format!("?start={T8}&end={T9}")).body).expect("text");
    assert!(text.contains(r#""abx_message_id":-6123456789012345678,"#), "{text}");
    for wrong in
        ["start=yesterday", "start=2020-01-01T00:00:00Z", "start=2026-11-19T09:00:00Z&end=2026-11-19T08:00:00Z"]
    {
        assert_eq!(ask(&format!("?{wrong}")).status, 400, "{wrong}");
    }
    assert!(
        bench.api.change_not_analyzed(-6_123_456_789_012_345_678, |row| row.vanishes_at = Some(Timestamp::UNIX_EPOCH))
    );
    assert_eq!(rows(&format!("?start={T8}&end={T9}")), 0);
}

#[test]
fn a_token_without_a_permission_is_refused_on_that_endpoint_alone() {
    let bench = Bench::with(1);
    bench.api.set_permissions(Some(&["soar_v1_read_threats"]));
    let detail = bench.first_detail();
    let statuses =
        ["/v1/threats", &detail, "/v1/cases", "/v1/auditlogs", "/v1/soar/tokens"].map(|p| bench.get(p).status);
    assert_eq!(statuses, [200, 200, 403, 403, 403]);
    bench.api.set_permissions(None);
    assert_eq!(bench.get("/v1/cases").status, 200);
}

#[test]
fn tokens_are_told_in_pages_the_ended_ones_only_when_asked_for() {
    let bench = Bench::with(0);
    let token = |name: &str, status, expires: &str| Token {
        status,
        ..Token::new(name, at("2026-01-02T00:00:00Z"), at(expires))
    };
    bench.api.set_tokens(Some(vec![
        token("edge", TokenStatus::Active, "2027-03-01T00:00:00Z"),
        token("old", TokenStatus::Expired, "2026-02-01T00:00:00Z"),
        token("lost", TokenStatus::Revoked, "2027-01-01T00:00:00Z"),
        token("soar", TokenStatus::Active, "2027-02-01T00:00:00Z"),
    ]));
    let names = |query: &str| {
        let json = bench.get(&format!("/v1/soar/tokens{query}")).json();
        let tokens = json["data"].as_array().expect("a list").clone();
        tokens.iter().map(|token| token["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["edge", "soar"]);
    assert_eq!(names("?sort_by=expires_at"), ["soar", "edge"]);
    assert_eq!(names("?show_all=true&limit=2&offset=1"), ["old", "lost"]);
    assert_eq!(names("?offset=9"), [""; 0]);
    let first = bench.get("/v1/soar/tokens?show_all=true&offset=1").json()["data"][0].clone();
    assert_eq!((&first["status"], &first["created_at"]), (&"expired".into(), &"2026-01-02T00:00:00Z".into()));
    assert_eq!(bench.get("/v1/soar/tokens?limit=201").status, 400);
    bench.api.set_tokens(None);
    assert_eq!(bench.get("/v1/soar/tokens").status, 403);
}

#[test]
fn mock_data_is_marked_fixed_and_only_where_the_header_is_declared() {
    let bench = Bench::with(1);
    bench.api.put_case(case(1));
    let window = "filter=lastModifiedTime+gte+2026-11-19T08:00:00Z+lte+2026-11-19T08:00:01Z";
    let cases = bench.mock(&format!("/v1/cases?{window}")).json();
    assert_eq!(cases["cases"].as_array().map(Vec::len), Some(2), "whatever the window");
    assert!(cases["cases"][0]["description"].as_str().is_some_and(|text| text.starts_with(mock::MARK)));
    let threat = bench.mock("/v1/threats").ids().pop().expect("one");
    assert_eq!(bench.get(&format!("/v1/threats/{threat}")).status, 404, "none of them is live");
    let detail = bench.mock(&format!("/v1/threats/{threat}")).json();
    assert!(detail["messages"][0]["subject"].as_str().is_some_and(|text| text.starts_with(mock::MARK)));
    for list in ["abusecampaigns", "vendor-cases", "auditlogs"] {
        let json = bench.mock(&format!("/v1/{list}")).json();
        let items = json.as_object().and_then(|fields| fields.values().next().cloned());
        assert_eq!(items.as_ref().and_then(Value::as_array).map(Vec::len), Some(2), "{list}");
    }
    let now = Timestamp::now();
    let mut row = generate::not_analyzed(1, 1, now, now).pop().expect("one");
    row.subject = "live".to_owned();
    bench.api.put_not_analyzed(row);
    assert_eq!(bench.mock("/v1/abuse_mailbox/not_analyzed").json()["results"][0]["subject"], "live");
    let mut bytes = Vec::new();
    bench.ask_with("/v1/cases", "mock-data: True").read_to_end(&mut bytes).expect("an answer");
    assert_eq!(Reply::from(bytes).status, 401, "a token is needed all the same");
}
