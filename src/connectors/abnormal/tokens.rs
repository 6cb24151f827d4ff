//! What the vendor tells of API keys: `GET /soar/tokens`, where the key may ask it.
//!
//! Promise: a key that may not ask is no fault; and where several keys are listed, nothing is said of one as if it were
//! surely ours.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::api::{Api, Asked};
use crate::connectors::KeyTold;
use crate::fault::Fault;

/// The most that one answer holds (the vendor's specification: `limit`, 1 to 200).
const LIST: &str = "/soar/tokens?limit=200&show_all=false";

/// One key of the customer, as far as the list tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
    name: Option<String>,
    made: Option<Timestamp>,
    expires: Option<Timestamp>,
}

/// What is told of our key; `None` where it may not ask (403), or the host knows no such list (404, 402).
pub async fn told(api: &Api, named: Option<&str>) -> Result<Option<KeyTold>, Fault> {
    match api.ask(LIST, Asked::Probe).await {
        Ok(answer) => Ok(pick(&active(&api.read::<List>(&answer.body)?), named)),
        Err(fault) if matches!(fault.status, Some(402..=404)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    data: Vec<Value>,
}

/// Those that work. A field of another shape than it should have is not told.
fn active(list: &List) -> Vec<Listed> {
    let text = |one: &Value, field: &str| one.get(field).and_then(Value::as_str).map(str::to_owned);
    let works = |one: &&Value| text(one, "status").is_none_or(|status| status.eq_ignore_ascii_case("active"));
    let listed = |one: &Value| Listed {
        name: text(one, "name"),
        made: text(one, "created_at").as_deref().and_then(moment),
        expires: text(one, "expires_at").as_deref().and_then(moment),
    };
    list.data.iter().filter(|one| one.is_object()).filter(works).map(listed).collect()
}

/// With an offset or without one, which then is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let local = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    text.parse().ok().or_else(local)
}

/// Which of the active keys is ours, as far as it can be known. One: that. Several: by name, else the earliest end.
fn pick(active: &[Listed], named: Option<&str>) -> Option<KeyTold> {
    let by_name: Vec<&Listed> = active.iter().filter(|one| named.is_some() && one.name.as_deref() == named).collect();
    let sure = match (active, by_name.as_slice()) {
        ([], _) => return None,
        ([one], _) => Some(one),
        (_, [one]) => Some(*one),
        (_, _) => None,
    };
    if let Some(one) = sure {
        return Some(KeyTold { expires: one.expires, made: one.made, unsure: None });
    }
    let (among, all) = if by_name.is_empty() {
        (active.iter().collect(), format!("{} active keys of this customer", active.len()))
    } else {
        let all = format!("{} active keys of this name", by_name.len());
        (by_name.clone(), all)
    };
    // A key without an end is later than any.
    let first = among.iter().min_by_key(|one| (one.expires.is_none(), one.expires))?;
    let missed = named.filter(|_| by_name.is_empty()).map(|_| " (none is called as api-key-name says)");
    let hint = if by_name.is_empty() { "; api-key-name can pick ours" } else { "" };
    let unsure = format!("that is the earliest of {all}{}{hint}", missed.unwrap_or_default());
    Some(KeyTold { expires: first.expires, made: first.made, unsure: Some(unsure) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::fault::FaultKind;
    use crate::net::http::{Answer, Get};
    use crate::values::Secret;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn key(name: &str, made: &str, expires: Option<&str>) -> Listed {
        let day = |day: &str| at(&format!("{day}T00:00:00Z"));
        Listed { name: Some(name.into()), made: Some(day(made)), expires: expires.map(day) }
    }

    #[test]
    fn the_only_active_key_is_ours_whatever_it_is_called() {
        let told = pick(&[key("edge", "2026-01-02", Some("2027-01-02"))], Some("conductor")).expect("told");
        assert_eq!((told.expires, told.unsure), (Some(at("2027-01-02T00:00:00Z")), None));
        assert_eq!(pick(&[], Some("conductor")), None);
    }

    #[test]
    fn of_several_the_named_one_is_ours_else_the_earliest_end_is_told_as_what_it_is() {
        let all = [
            key("endless", "2026-01-01", None),
            key("late", "2026-01-02", Some("2027-06-01")),
            key("early", "2026-01-03", Some("2027-02-01")),
            key("late", "2026-01-04", Some("2027-05-01")),
        ];
        let table = [
            (Some("early"), "2027-02-01", None),
            (None, "2027-02-01", Some("earliest of 4 active keys of this customer; api-key-name")),
            (Some("ours"), "2027-02-01", Some("earliest of 4 active keys of this customer (none is called")),
            (Some("late"), "2027-05-01", Some("earliest of 2 active keys of this name")),
        ];
        for (named, day, said) in table {
            let told = pick(&all, named).expect("told");
            assert_eq!(told.expires, Some(at(&format!("{day}T00:00:00Z"))), "{named:?}");
            match (told.unsure, said) {
                (None, None) => {}
                (Some(unsure), Some(said)) => assert!(unsure.contains(said), "{unsure}"),
                other => panic!("{named:?}: {other:?}"),
            }
        }
    }

    /// Answers everything alike.
    struct Always(u16, &'static str);

    #[async_trait]
    impl Get for Always {
        async fn get(&self, url: &str, _: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
            assert!(url.starts_with("https://api.abnormal.test/v1/soar/tokens?limit=200") && bearer.is_some());
            let body = Bytes::from_static(self.1.as_bytes());
            Ok(Answer { status: self.0, date: None, retry_after: None, content_type: None, body })
        }
    }

    async fn ask(status: u16, body: &'static str) -> Result<Option<KeyTold>, Fault> {
        told(&Api::new("api.abnormal.test", Arc::new(Always(status, body)), Secret::new("CANARY")), None).await
    }

    #[tokio::test]
    async fn a_list_is_read_through_unknown_fields_odd_times_and_keys_that_no_longer_work() {
        let body = r#"{"data":[
            {"name":"old","status":"expired","created_at":"2024-01-02T00:00:00Z","expires_at":"2025-01-02T00:00:00Z"},
            {"name":"gone","status":"revoked","expires_at":"2026-12-01T00:00:00Z"}, 17,
            {"token_id":"x","name":7,"status":"Active","created_at":"2026-01-02 03:04:05.678901","expires_at":"2027-01-02T00:00:00+02:00","permissions":null}
        ],"more":{}}"#;
        let told = ask(200, body).await.expect("an answer").expect("told");
        assert_eq!(told.expires, Some(at("2027-01-01T22:00:00Z")));
        assert_eq!(told.made, Some(at("2026-01-02T03:04:05.678901Z")));
        assert_eq!(told.unsure, None);
    }

    #[tokio::test]
    async fn a_key_that_may_not_ask_is_told_nothing_and_an_answer_that_is_none_is_a_fault() {
        for status in [402, 403, 404] {
            assert_eq!(ask(status, "{}").await.expect("no fault"), None, "{status}");
        }
        assert_eq!(ask(200, "{}").await.expect("no fault"), None, "an empty list");
        assert_eq!(ask(401, "CANARY").await.expect_err("refused").kind, FaultKind::Refused);
        let fault = ask(200, "<html>CANARY").await.expect_err("not JSON");
        assert!(fault.kind == FaultKind::Unreadable && !fault.chain().contains("CANARY"), "{fault}");
    }
}
