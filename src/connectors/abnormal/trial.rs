//! What a connection test asks of Abnormal's API.
//!
//! Promise: a stream's question is its own list over one minute with one entry a page: what it proves is the permission
//! for that list and no other, and its answer is small however much the tenant holds.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Abnormal;
use super::api::{Asked, encode};
use crate::connectors::Trial;
use crate::fault::{Fault, FaultKind};

/// The window of a question ends this long before now and is as long: late enough to be no future by the vendor's clock.
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// The list that proves a stream's permission; `None`: this connector knows no such stream.
fn question(stream: &str, now: Timestamp) -> Option<String> {
    let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let to = whole.checked_sub(MINUTE).unwrap_or(whole);
    let from = to.checked_sub(MINUTE).unwrap_or(to);
    let filtered = |path: &str, key: &str| {
        Some(format!("{path}?filter={}&pageSize=1", encode(&format!("{key} gte {from} lte {to}"))))
    };
    match stream {
        "threats" => filtered("/threats", "receivedTime"),
        "cases" => filtered("/cases", "lastModifiedTime"),
        // A refused filter is a 404 too: without one, a 404 has one meaning. The last 24 h are its default.
        "abuse-campaigns" => Some("/abusecampaigns?pageSize=1".to_owned()),
        "not-analyzed" => {
            let [start, end] = [from, to].map(|at| encode(&at.to_string()));
            Some(format!("/abuse_mailbox/not_analyzed?start={start}&end={end}"))
        }
        "vendor-cases" => filtered("/vendor-cases", "lastModifiedTime"),
        "audit-logs" => filtered("/auditlogs", "timestamp"),
        _ => None,
    }
}

/// Where the campaigns of older tenants are.
const OLDER_CAMPAIGNS: &str = "/abuse-mailbox/campaigns?pageSize=1";

impl Abnormal {
    async fn answers(&self, path: &str, asked: Asked) -> Result<(), Fault> {
        let answer = self.api.ask(path, asked).await?;
        self.api.read::<BTreeMap<String, serde::de::IgnoredAny>>(&answer.body).map(|_| ())
    }
}

#[async_trait]
impl Trial for Abnormal {
    fn first_question(&self) -> &'static str {
        "GET /v1/cases"
    }

    /// Without a filter: any tenant answers it, with 100 cases at the most.
    async fn first(&self) -> Result<(), Fault> {
        self.answers("/cases", Asked::Probe).await
    }

    async fn permission(&self, stream: &str, now: Timestamp) -> Result<(), Fault> {
        let Some(path) = question(stream, now) else {
            let text = format!("abnormal-security has no stream {stream:?}");
            return Err(Fault::new(FaultKind::Misconfigured, text));
        };
        match self.answers(&path, Asked::List).await {
            Err(fault) if fault.status == Some(404) && stream == "abuse-campaigns" => {
                match self.answers(OLDER_CAMPAIGNS, Asked::List).await {
                    Err(fault) if fault.status == Some(404) => {
                        let text = "the vendor has no campaigns for this customer, neither at /v1/abusecampaigns nor at \
                                    /v1/abuse-mailbox/campaigns (404): the add-on is not enabled";
                        Err(Fault::new(FaultKind::Unlicensed, text).with_status(404))
                    }
                    other => other,
                }
            }
            // It may be asked for, and this minute lies before what the vendor keeps: our clock's matter.
            Err(fault) if fault.kind == FaultKind::OutOfRetention => Ok(()),
            other => other,
        }
    }

    /// The vendor declares its header on every list but this one, which would answer with live data.
    fn has_examples(&self, stream: &str) -> bool {
        stream != "not-analyzed"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::connectors::abnormal::Settings;
    use crate::net::http::{Answer, Get};
    use crate::values::Secret;

    /// Answers by the path; what it does not know is a 404.
    struct Vendor(&'static [(&'static str, u16, &'static str)]);

    #[async_trait]
    impl Get for Vendor {
        async fn get(&self, url: &str, _: &[(&str, &str)], _: Option<&Secret>) -> Result<Answer, Fault> {
            let known = self.0.iter().find(|(path, _, _)| url.contains(path));
            let (_, status, body) = *known.unwrap_or(&("", 404, r#"{"detail":"Not Found"}"#));
            Ok(Answer { status, date: None, retry_after: None, content_type: None, body: body.into() })
        }
    }

    async fn permission(vendor: &'static [(&'static str, u16, &'static str)], stream: &str) -> Result<(), Fault> {
        let settings = Settings {
            host: "localhost".into(),
            polling_interval: Duration::from_secs(600),
            intervals: BTreeMap::new(),
            start: Duration::from_secs(86_400),
            lag: Duration::from_secs(120),
            overlap: Duration::from_secs(900),
            streams: vec![stream.into()],
            enrich: false,
        };
        let name = "acme".parse().expect("a name");
        let connector = Abnormal::new(name, settings, Arc::new(Vendor(vendor)), Secret::new("k"));
        connector.permission(stream, Timestamp::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn campaigns_are_looked_for_in_both_places_before_the_add_on_is_called_absent() {
        let older = &[("/v1/abuse-mailbox/campaigns", 200, r#"{"campaigns":[]}"#)];
        permission(older, "abuse-campaigns").await.expect("the older place answers");
        let absent = permission(&[], "abuse-campaigns").await.expect_err("neither answers");
        assert_eq!((absent.kind, absent.status), (FaultKind::Unlicensed, Some(404)), "{absent}");
        assert!(absent.context.contains("/v1/abuse-mailbox/campaigns"), "{absent}");
        let forbidden = &[("/v1/abusecampaigns", 403, "")];
        let refused = permission(forbidden, "abuse-campaigns").await.expect_err("a 403 is no absence");
        assert_eq!(refused.status, Some(403), "{refused}");
    }

    #[tokio::test]
    async fn a_minute_before_the_vendors_retention_is_a_permission_and_a_404_or_another_shape_is_none() {
        let old = &[("/v1/threats", 400, r#"{"message":"Dates provided are out of accepted data retention range"}"#)];
        permission(old, "threats").await.expect("it may be asked for");
        assert_eq!(permission(&[], "threats").await.expect_err("no list").status, Some(404));
        let html = &[("/v1/threats", 200, "<!doctype html>")];
        let foreign = permission(html, "threats").await.expect_err("a portal");
        assert_eq!(foreign.kind, FaultKind::Unreadable, "{foreign}");
        assert_eq!(permission(&[], "quarks").await.expect_err("no stream").kind, FaultKind::Misconfigured);
    }

    #[test]
    fn each_stream_is_asked_for_by_its_own_list_and_a_window_of_one_minute() {
        let now = "2026-11-21T10:00:00.9Z".parse().expect("a timestamp");
        let filter = |key: &str| format!("{key}%20gte%202026-11-21T09%3A58%3A00Z%20lte%202026-11-21T09%3A59%3A00Z");
        for (stream, path) in [
            ("threats", format!("/threats?filter={}&pageSize=1", filter("receivedTime"))),
            ("cases", format!("/cases?filter={}&pageSize=1", filter("lastModifiedTime"))),
            ("abuse-campaigns", "/abusecampaigns?pageSize=1".to_owned()),
            (
                "not-analyzed",
                "/abuse_mailbox/not_analyzed?start=2026-11-21T09%3A58%3A00Z&end=2026-11-21T09%3A59%3A00Z".to_owned(),
            ),
            ("vendor-cases", format!("/vendor-cases?filter={}&pageSize=1", filter("lastModifiedTime"))),
            ("audit-logs", format!("/auditlogs?filter={}&pageSize=1", filter("timestamp"))),
        ] {
            assert_eq!(question(stream, now), Some(path));
        }
        assert_eq!(question("quarks", now), None);
        for stream in super::super::STREAMS {
            assert!(question(stream, now).is_some(), "{stream} is collected and can't be tried");
        }
    }
}
