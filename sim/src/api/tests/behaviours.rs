//! Each behaviour once, as a client sees it.

use std::thread;
use std::time::Duration;

use super::super::*;
use super::*;

#[test]
fn a_rule_is_met_so_often_and_only_where_it_was_set() {
    let bench = Bench::with(1);
    bench.api.set(Behaviour::ServerError.on(Endpoint::Detail).times(2));
    let statuses =
        [bench.first_detail(), list(1, 1), bench.first_detail(), bench.first_detail()].map(|p| bench.get(&p).status);
    assert_eq!(statuses, [500, 200, 500, 200]);
}

#[test]
fn every_behaviour_is_seen_by_a_client() {
    let bench = Bench::with(3);
    for behaviour in Behaviour::list() {
        bench.api.set(behaviour.clone());
        observe(&bench, &behaviour);
        bench.api.clear();
    }
    assert_eq!(bench.get(&list(2, 1)).status, 200, "cleared, all is well again");
}

/// Asks what shows the behaviour. A behaviour that is new in the list finds no arm here.
fn observe(bench: &Bench, behaviour: &Behaviour) {
    let plain = || bench.get(&list(2, 1));
    match behaviour {
        Behaviour::IpDenied | Behaviour::NotPermitted => assert!(plain().status == 403 && !plain().body.is_empty()),
        Behaviour::OtherRegion => assert_eq!(plain().status, 401),
        Behaviour::NotFound => assert_eq!(plain().status, 404),
        Behaviour::CampaignsPathMissing => assert_eq!(both_paths(bench), [404, 404, 200, 200]),
        Behaviour::OldCampaignsPathMissing => assert_eq!(both_paths(bench), [200, 200, 404, 404]),
        Behaviour::OtherClient { .. } => {
            bench.api.set(Behaviour::OtherClient { per_minute: 300 });
            assert_eq!((plain().status, plain().header("retry-after")), (429, Some("60")), "of 300 none is left");
            bench.api.set(Behaviour::RateLimit { per_minute: 1_000_000 });
            assert_eq!(plain().status, 200, "of a limit that is set, its own rest is left");
            assert_eq!(bench.get("/ip").status, 200);
        }
        Behaviour::Scanning => {
            let path = format!("/v1/abusecampaigns/{}", campaign(bench).id);
            let before = bench.get(&path).json();
            assert_eq!((&before["judgementStatus"], &before["attackType"]), (&"Scanning".into(), &"".into()));
            bench.api.clear();
            let after = bench.get(&path).json();
            assert_ne!(after["judgementStatus"], "Scanning");
            assert_eq!(after["lastReported"], before["lastReported"]);
        }
        Behaviour::VanishingRows { .. } => {
            let rows = || bench.get("/v1/abuse_mailbox/not_analyzed").json()["results"].as_array().map(Vec::len);
            bench.api.put_not_analyzed(not_analyzed_row(Timestamp::now()));
            assert_eq!(rows(), Some(1));
            bench.api.set(Behaviour::VanishingRows { seconds: 0 });
            assert_eq!(rows(), Some(0));
        }
        Behaviour::TooWide { .. } => {
            let range = |start| format!("/v1/abuse_mailbox/not_analyzed?start={start}&end=2026-11-19T09:00:00Z");
            let statuses = ["2026-11-18T09:00:00Z", "2026-11-18T08:59:59.9Z"].map(|s| bench.get(&range(s)).status);
            assert_eq!(statuses, [200, 400]);
        }
        Behaviour::LateRemediation { .. } => observe_late_remediation(bench),
        Behaviour::IpDeniedSilently => assert!(plain().status == 403 && plain().body.is_empty()),
        Behaviour::Unlicensed => assert_eq!(bench.get("/v1/cases").status, 402),
        Behaviour::Throttled => assert!(plain().status == 429 && plain().header("retry-after").is_none()),
        Behaviour::ThrottledSeconds { .. } => assert_eq!(plain().header("retry-after"), Some("60")),
        Behaviour::ThrottledDate { .. } => assert!(plain().header("retry-after").is_some_and(|d| d.ends_with("gmt"))),
        Behaviour::RateLimit { .. } => {
            bench.api.set(Behaviour::RateLimit { per_minute: 1_000_000 });
            assert_eq!(plain().status, 200);
            bench.api.set(Behaviour::RateLimit { per_minute: 1 });
            assert_eq!(plain().status, 429);
        }
        Behaviour::ConcurrencyCap { .. } => observe_cap(bench),
        Behaviour::ServerError => assert_eq!(plain().status, 500),
        Behaviour::BadGateway => assert_eq!((plain().status, plain().header("content-type")), (502, Some("text/html"))),
        Behaviour::Hung => observe_hung(bench),
        Behaviour::Trickled { .. } => {
            bench.api.set(Behaviour::Trickled { every: Duration::from_millis(1) });
            assert_eq!(plain().ids().len(), 2);
        }
        Behaviour::Truncated => assert!(serde_json::from_slice::<Value>(&plain().body).is_err()),
        Behaviour::Html => assert!(plain().status == 200 && plain().body.starts_with(b"<!doctype")),
        Behaviour::EmptyBody => assert!(plain().status == 200 && plain().body.is_empty()),
        Behaviour::Endless { .. } => {
            let mut stream = bench.ask(&list(2, 1), TOKEN);
            let mut much = vec![0; 4 << 20];
            stream.read_exact(&mut much).expect("more than anyone asked for");
        }
        Behaviour::ShiftingPages => {
            let seen = [bench.get(&list(2, 1)).ids(), bench.get(&list(2, 2)).ids()].concat();
            assert_eq!(seen.len(), 2, "the third of three was skipped: {seen:?}");
        }
        Behaviour::MissingDetail => {
            assert_eq!(bench.get(&bench.first_detail()).status, 404);
            assert_eq!(bench.get(&format!("/v1/abusecampaigns/{}", campaign(bench).id)).status, 404);
        }
        Behaviour::WithoutMessages => assert!(bench.get(&bench.first_detail()).json().get("messages").is_none()),
        Behaviour::NoMessages => {
            assert_eq!(bench.get(&bench.first_detail()).json()["messages"], Value::Array(Vec::new()));
        }
        Behaviour::RepeatedNextPage => assert_eq!(bench.get(&list(2, 2)).json()["nextPageNumber"], 2),
        Behaviour::NextOnEmptyPage => {
            let empty = bench.get(&list(2, 9));
            assert_eq!((empty.ids().len(), &empty.json()["nextPageNumber"]), (0, &10.into()));
        }
        Behaviour::ClockSkew { .. } => {
            // So far behind that the header stops at its own beginning: nothing to measure.
            bench.api.set(Behaviour::ClockSkew { seconds: -10_000_000_000 });
            assert_eq!(plain().header("date"), Some("thu, 01 jan 1970 00:00:00 gmt"));
        }
        Behaviour::Reset => {
            let error = bench.try_get(&list(2, 1)).map(|reply| reply.status).expect_err("cut in the middle");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        Behaviour::WrongShape => assert!(plain().json().is_array()),
        Behaviour::NumericTotal => assert_eq!(plain().json()["total"], 3),
        Behaviour::ExtraFields => assert!(plain().json()["x-new"].is_object() && plain().ids().len() == 2),
        Behaviour::Redirected { .. } => {
            assert!(plain().status == 302 && plain().header("location").is_some_and(|to| to.contains("elsewhere")));
        }
    }
}

fn observe_hung(bench: &Bench) {
    let asked = bench.api.request_count();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut bytes = Vec::new();
            // Closed without a word of TLS, or with: no answer either way.
            let _ = bench.ask(&list(2, 1), TOKEN).read_to_end(&mut bytes);
            bytes
        });
        assert!(bench.api.wait_for_requests(asked + 1, GUARD));
        bench.api.clear();
        assert_eq!(waiting.join().expect("no panic"), b"");
    });
    assert_eq!(bench.api.requests().last().map(|seen| seen.status), Some(None));
}

fn observe_cap(bench: &Bench) {
    bench.api.set(Behaviour::ConcurrencyCap { most: 1 });
    bench.api.set(Behaviour::Hung.on(Endpoint::Detail).times(1));
    let (asked, path) = (bench.api.request_count(), bench.first_detail());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.try_get(&path).map(|reply| reply.status).is_err());
        assert!(bench.api.wait_for_requests(asked + 1, GUARD));
        assert_eq!(bench.get(&path).status, 429);
        assert_eq!(bench.api.most_details_at_once(), 2);
        bench.api.clear();
        assert!(waiting.join().is_ok());
    });
}

fn observe_late_remediation(bench: &Bench) {
    let mut message = generate::message(1, at("2020-11-19T08:00:00Z"));
    message.remediated = Remediated::At(Moment::seconds(at("2020-11-19T08:00:10Z")));
    bench.api.put([Threat { id: "late".to_owned(), messages: vec![message] }]);
    let listed = |from: &str, to: &str| {
        let path = format!("/v1/threats?filter=latestTimeRemediated+gte+{from}+lte+{to}");
        bench.get(&path).ids().iter().any(|id| id == "late")
    };
    let told = || bench.get("/v1/threats/late").json()["messages"][0]["remediationTimestamp"].clone();
    bench.api.set(Behaviour::LateRemediation { seconds: 3_600 });
    assert_eq!(told(), "2020-11-19T09:00:00.000000Z");
    assert!(listed("2020-11-19T09:00:00Z", "2020-11-19T09:00:01Z"));
    assert!(!listed("2020-11-19T08:00:00Z", "2020-11-19T08:59:59Z"));
    bench.api.set(Behaviour::LateRemediation { seconds: 1_000_000_000_000 });
    assert_eq!(told(), "", "not before its time");
    bench.api.clear();
    assert_eq!(told(), "2020-11-19T08:00:10Z");
    assert!(bench.api.remove("late"));
}

/// A campaign that the bench holds, made if need be.
fn campaign(bench: &Bench) -> Campaign {
    let at = at("2026-11-19T08:00:00Z");
    let campaign = generate::campaigns(1, 1, at, at).pop().expect("one");
    bench.api.put_campaign(campaign.clone());
    campaign
}

/// List and detail at the path, then at the older one.
fn both_paths(bench: &Bench) -> [u16; 4] {
    let id = campaign(bench).id;
    let paths = ["/v1/abusecampaigns", "/v1/abuse-mailbox/campaigns"];
    let [new, old] = paths.map(|path| [bench.get(path).status, bench.get(&format!("{path}/{id}")).status]);
    [new[0], new[1], old[0], old[1]]
}

fn not_analyzed_row(at: Timestamp) -> NotAnalyzed {
    generate::not_analyzed(1, 1, at, at).pop().expect("one")
}
