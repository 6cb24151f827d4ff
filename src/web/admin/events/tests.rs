//! The pages of events, asked without a socket.

use http::{StatusCode, header};

use super::*;
use crate::audit::Outcome;
use crate::engine::ledger::samples;
use crate::event::Event;
use crate::web::admin::router;
use crate::web::admin::tests::{Answer, Asked, Site, Visitor};

/// What a hostile mail's subject holds.
const EVIL: &str = "</code><script>alert(1)</script> invoice\u{202e}fdp.exe";

fn threat(n: u64, subject: &str) -> Event {
    let raw = serde_json::json!({"threatId": n, "subject": subject, "fromAddress": format!("sender{n}@evil.example"),
        "attackType": "Phishing", "abxMessageId": 4_551_618_356_913_732_076_u64});
    Event { summary: subject.to_owned().into(), ..samples::event("threats", n, &raw.to_string()) }
}

/// Sixty threats, of which `soc` has taken forty and will never take the third; the last one is hostile.
fn site() -> (Site, Visitor) {
    let (mut it, ada) = Site::claimed();
    let folder = it.folder.path().join("events");
    std::fs::create_dir(&folder).expect("made");
    let event = |n: u64| threat(n, &if n == 60 { EVIL.to_owned() } else { format!("mail {n}") });
    it.desk.ledger =
        samples::ledger(&folder, (0..6).map(|p| (p * 10 + 1..=p * 10 + 10).map(event).collect()).collect());
    it.desk.ledger.took("soc", Seq(40));
    it.desk.ledger.refused("soc", Seq(3), "its <b>subject</b> is too odd", &event(3));
    it.router = router(it.desk.clone());
    (it, ada)
}

async fn get(it: &Site, visitor: &Visitor, path: &str) -> Answer {
    it.ask(visitor.get(path)).await
}

fn location(answer: &Answer) -> &str {
    answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("")
}

/// The last entry of the audit log.
fn recorded(it: &Site) -> (String, String, Outcome) {
    let entries = it.desk.audit.as_ref().expect("a log").read_last(1).expect("read");
    let entry = entries.into_iter().next().expect("an entry");
    assert_eq!(entry.who, "ada");
    (entry.act, entry.about, entry.outcome)
}

#[tokio::test]
async fn the_newest_events_stand_there_unasked_and_the_next_page_goes_on_behind_them() {
    let (it, ada) = site();
    let page = get(&it, &ada, "/admin/events").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.body.matches("<tr><td class=\"when\">").count(), 50);
    assert!(page.body.contains("/admin/events?before=11"), "{}", page.body);
    let next = get(&it, &ada, "/admin/events?before=11").await;
    assert!(next.body.contains("10 events; nothing older is kept."), "{}", next.body);
    assert!(next.body.contains(">mail 1<") && !next.body.contains(">mail 11<"));
}

#[tokio::test]
async fn a_search_finds_by_subject_sender_id_and_type_and_keeps_what_was_typed() {
    let (it, ada) = site();
    for (query, found) in [
        ("subject=MAIL+59", vec![59]),
        ("sender=sender58%40evil", vec![58]),
        ("id=t57%2Fv", vec![57]),
        ("id=threats%2Ft57%2F", vec![57]),
        ("type=phishing&subject=mail+5", vec![59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 5]),
        ("integration=other", vec![]),
        ("from=2026-01-01", vec![]),
    ] {
        let page = get(&it, &ada, &format!("/admin/events?{query}")).await;
        let seqs: Vec<u64> = page
            .body
            .split("<a href=\"/admin/events/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(seqs, found, "{query}");
        if found.is_empty() {
            assert!(page.body.contains("Nothing was found in all that is kept."), "{query}");
        }
    }
    let page = get(&it, &ada, "/admin/events?subject=%22%3E%3Cscript%3E&from=yesterday").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("value=\"&#34;&#62;&#60;script&#62;\"") && page.body.contains("value=\"yesterday\""));
    assert!(page.body.contains("aria-describedby=\"from-wrong\"") && !page.body.contains("<script>"), "{}", page.body);
}

#[tokio::test]
async fn what_a_mail_wrote_is_text_on_every_page_and_turns_nothing_around() {
    let (it, ada) = site();
    for path in ["/admin/events", "/admin/events/60", "/admin/events/quarantine", "/admin/events/3"] {
        let page = get(&it, &ada, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.body.contains("<script>") && !page.body.contains("<b>subject"), "{path}: {}", page.body);
        assert!(!page.body.contains('\u{202e}'), "{path}");
    }
    let page = get(&it, &ada, "/admin/events/60").await;
    assert!(page.body.contains("invoice\\u202efdp.exe") && page.body.contains("4551618356913732076"), "{}", page.body);
}

#[tokio::test]
async fn an_event_of_a_mebibyte_is_shown_in_part_and_its_file_has_every_byte() {
    let (mut it, ada) = Site::claimed();
    let folder = it.folder.path().join("events");
    std::fs::create_dir(&folder).expect("made");
    let raw = format!("{{\"n\":1.50e3,\"list\":[{}0],\"u\":\"\u{202e}\"}}", "1234567,".repeat(1 << 17));
    it.desk.ledger = samples::ledger(&folder, vec![vec![samples::event("threats", 1, &raw)]]);
    it.router = router(it.desk.clone());
    let page = get(&it, &ada, "/admin/events/1").await;
    assert!(page.status == StatusCode::OK && page.body.len() < 400 << 10, "{} bytes", page.body.len());
    assert!(
        page.body.contains("The beginning of 1MiB") || page.body.contains("The beginning of 1.0"),
        "{}",
        &page.body[..3000]
    );
    let file = get(&it, &ada, "/admin/events/1/raw").await;
    assert_eq!(file.body, raw);
    assert_eq!(file.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"event-1.json\"");
    assert_eq!(recorded(&it), ("event export".into(), "acme/threats/t1/v".into(), Outcome::Done));
}

#[tokio::test]
async fn an_event_tells_its_fate_at_each_destination_in_words() {
    let (it, ada) = site();
    let waits = get(&it, &ada, "/admin/events/41").await.body;
    assert!(waits.contains(">waits<") && waits.contains(">passed over<"), "{waits}");
    assert!(get(&it, &ada, "/admin/events/40").await.body.contains(">taken<"));
    let aside = get(&it, &ada, "/admin/events/3").await.body;
    assert!(aside.contains(">quarantined<") && aside.contains("too odd"), "{aside}");
    for none in ["/admin/events/61", "/admin/events/0", "/admin/events/x", "/admin/events/-1", "/admin/events/9/raw/.."]
    {
        assert_eq!(get(&it, &ada, none).await.status, StatusCode::NOT_FOUND, "{none}");
    }
}

#[tokio::test]
async fn a_replay_is_asked_about_with_its_number_before_it_begins_and_is_recorded() {
    let (it, ada) = site();
    let asked = get(&it, &ada, "/admin/events/31/replay?destination=soc").await;
    assert!(asked.status == StatusCode::OK && asked.body.contains("Up to <strong>"), "{}", asked.body);
    let begun = it.ask(ada.post("/admin/events/31/replay", &[("destination", "soc")])).await;
    assert_eq!((begun.status, location(&begun)), (StatusCode::SEE_OTHER, "/admin/events/31?said=replay-begun"));
    let (act, about, outcome) = recorded(&it);
    assert!(act == "queue replay" && about.starts_with("soc, ") && outcome == Outcome::Done, "{about}");
    let page = get(&it, &ada, location(&begun)).await;
    assert!(page.body.contains("handed over again"), "{}", page.body);
    let again = it.ask(ada.post("/admin/events/31/replay", &[("destination", "soc")])).await;
    assert!(again.status == StatusCode::INTERNAL_SERVER_ERROR && again.body.contains("under way"), "{}", again.body);
    assert_eq!(recorded(&it).2, Outcome::Failed);
    let nobody = it.ask(ada.post("/admin/events/31/replay", &[("destination", "<i>")])).await;
    assert!(nobody.body.contains("no destination") && !nobody.body.contains("<i>"), "{}", nobody.body);
}

#[tokio::test]
async fn the_quarantine_is_decided_by_ticks_and_a_drop_is_asked_about_first() {
    let (it, ada) = site();
    let list = get(&it, &ada, "/admin/events/quarantine").await;
    assert!(list.body.contains("value=\"soc@3\"") && list.body.contains("too odd"), "{}", list.body);
    let none = it.ask(ada.post("/admin/events/quarantine/drop", &[])).await;
    assert_eq!(location(&none), "/admin/events/quarantine?said=nothing-ticked");
    let sure = it.ask(ada.post("/admin/events/quarantine/sure", &[("event", "soc@3")])).await;
    assert!(sure.status == StatusCode::OK && sure.body.contains("Drop 1 event?"), "{}", sure.body);
    assert_eq!(it.desk.ledger.aside().await.expect("read").entries.len(), 1, "asking drops nothing");
    let retried = it.ask(ada.post("/admin/events/quarantine/retry", &[("event", "soc@3")])).await;
    assert_eq!(location(&retried), "/admin/events/quarantine?said=aside-retried");
    assert!(get(&it, &ada, "/admin/events/3").await.body.contains(">tried again<"));
    let dropped = it.ask(ada.post("/admin/events/quarantine/drop", &[("event", "soc@3")])).await;
    assert_eq!(location(&dropped), "/admin/events/quarantine?said=aside-dropped");
    assert_eq!(recorded(&it), ("queue quarantine drop".into(), "soc, seq 3: 1 dropped".into(), Outcome::Done));
    let late = it.ask(ada.post("/admin/events/quarantine/drop", &[("event", "soc@3")])).await;
    assert!(late.status == StatusCode::CONFLICT && late.body.contains("nothing was done"), "{}", late.body);
}

#[tokio::test]
async fn a_viewer_sees_events_and_is_offered_nothing_that_changes_any() {
    let (it, _) = site();
    let viewer = it.viewer();
    for path in ["/admin/events/10", "/admin/events/quarantine"] {
        let page = get(&it, &viewer, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.body.contains("/replay") && !page.body.contains("type=\"checkbox\""), "{path}: {}", page.body);
    }
}

#[tokio::test]
async fn a_viewer_who_downloads_one_event_without_end_does_not_fill_the_log() {
    let (mut it, _) = site();
    let vic = it.viewer();
    for _ in 0..70 {
        assert_eq!(get(&it, &vic, "/admin/events/1/raw").await.status, StatusCode::OK);
    }
    let noted = |it: &Site| it.desk.audit.as_ref().expect("a log").read_last(200).expect("read");
    assert_eq!(noted(&it).len(), 60);
    // The number comes with whatever is noted first when the hour is over.
    let then = it.desk.now() + jiff::SignedDuration::from_mins(61);
    it.desk.clock = std::sync::Arc::new(move || then);
    it.router = router(it.desk.clone());
    it.ask(Asked::post("/admin/login", &[("name", "eve"), ("password", "wrong password of hers")])).await;
    let number: Vec<_> = noted(&it).into_iter().filter(|entry| entry.about.starts_with("and 10 more since")).collect();
    assert!(matches!(number.as_slice(), [one] if one.who == "vic" && one.act == "event export"), "{number:?}");
}
