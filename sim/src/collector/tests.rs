//! The stand-ins speak as their vendors say.

use serde_json::{Value, json};

use super::bulk::Bulk;
use super::hec::Hec;

const RIGHT: Option<&str> = Some("Splunk t");
const GUID: Option<&str> = Some("3f1a7c52-6d0e-4b8b-9a55-0c2d1e4f6a7b");

fn ask(hec: &mut Hec, path: &str, said: Option<&str>, channel: Option<&str>, body: &str) -> (u16, Value) {
    let (reply, _) = hec.take(path, said, RIGHT, channel, body.as_bytes(), Some("POISON"));
    (reply.status, serde_json::from_str(&reply.body).expect("JSON"))
}

#[test]
fn hec_tells_each_code_of_its_contract() {
    let event = "/services/collector/event";
    let mut hec = Hec::new(true);
    let code = |(status, body): (u16, Value)| (status, body["code"].as_u64().unwrap_or(99));
    assert_eq!(code(ask(&mut hec, event, None, GUID, "{}")), (401, 2));
    assert_eq!(code(ask(&mut hec, event, Some("Bearer t"), GUID, "{}")), (401, 3));
    assert_eq!(code(ask(&mut hec, event, Some("Splunk x"), GUID, "{}")), (403, 4));
    assert_eq!(code(ask(&mut hec, event, RIGHT, None, "{}")), (400, 10));
    assert_eq!(code(ask(&mut hec, event, RIGHT, Some("1"), "{}")), (400, 11));
    assert_eq!(code(ask(&mut hec, event, RIGHT, GUID, "")), (400, 5));
    assert_eq!(code(ask(&mut hec, event, RIGHT, GUID, r#"{"time":1}"#)), (400, 12));
    let (status, body) = ask(&mut hec, event, RIGHT, GUID, "{\"event\":1}\n{\"event\":\"POISON\"}");
    assert_eq!((status, body["invalid-event-number"].as_u64()), (400, Some(1)));
    assert!(hec.indexed.is_empty());
    assert_eq!(code(ask(&mut Hec::new(false), "/services/collector/ack", RIGHT, GUID, "{}")), (400, 14));
}

#[test]
fn an_acknowledgement_is_told_once_after_indexing_and_never_after_a_restart() {
    let (event, ack) = ("/services/collector/event", "/services/collector/ack");
    let mut hec = Hec::new(true);
    let send = |hec: &mut Hec| ask(hec, event, RIGHT, GUID, r#"{"event":"x"}"#).1["ackId"].as_u64();
    let look = |hec: &mut Hec| ask(hec, ack, RIGHT, GUID, r#"{"acks":[0]}"#).1["acks"]["0"].clone();
    assert_eq!(send(&mut hec), Some(0));
    assert_eq!([look(&mut hec), look(&mut hec), look(&mut hec)], [json!(false), json!(true), json!(false)]);
    assert_eq!(send(&mut hec), Some(1));
    hec.restart();
    assert_eq!((send(&mut hec), hec.indexed.len()), (Some(0), 1), "what was not indexed is lost");
}

#[test]
fn a_bulk_is_answered_item_by_item() {
    let mut bulk = Bulk::default();
    let line = |id: &str, text: &str| {
        format!(
            "{{\"create\":{{\"_index\":\"i\",\"_id\":{id:?}}}}}\n{{\"@timestamp\":\"2026-11-21T00:00:00Z\",\"m\":{text:?}}}\n"
        )
    };
    let body = [line("1", "a"), line("2", "POISON"), line("1", "a")].concat();
    let (reply, created) = bulk.take("/_bulk?x", body.as_bytes(), Some("POISON"));
    let told: Value = serde_json::from_str(&reply.body).expect("JSON");
    let status = |at: usize| told["items"][at]["create"]["status"].as_u64().unwrap_or_default();
    assert_eq!((created, told["errors"].as_bool()), (1, Some(true)));
    assert_eq!([status(0), status(1), status(2)], [201, 400, 409]);
    assert_eq!(bulk.take("/_bulk", b"{}", None).0.status, 400, "no newline at the end");
}
