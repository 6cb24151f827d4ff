//! A vendor that answers from memory, and the real connector before it.
//!
//! Promise: each poll is the first one of a new integration and finds the same threat.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use conductor::connectors::abnormal::{Abnormal, Settings};
use conductor::connectors::{Connector, Page, PollContext};
use conductor::fault::Fault;
use conductor::net::http::{Answer, Get};
use conductor::values::Secret;
use jiff::Timestamp;

const MESSAGES: u32 = 100;
/// 2026-11-20 12:00 UTC.
const NOW: i64 = 1_795_176_000;

struct Answers {
    list: Bytes,
    detail: Bytes,
}

#[async_trait]
impl Get for Answers {
    async fn get(&self, url: &str, _: &[(&str, &str)], _: Option<&Secret>) -> Result<Answer, Fault> {
        let body = if url.contains("filter=") { self.list.clone() } else { self.detail.clone() };
        Ok(Answer { status: 200, date: None, retry_after: None, content_type: None, body })
    }
}

/// A connector, its vendor and the runtime that polls.
pub struct Vendor {
    connector: Abnormal,
    runtime: tokio::runtime::Runtime,
}

impl Vendor {
    pub fn new() -> Vendor {
        let messages: Vec<String> = (0..MESSAGES).map(message).collect();
        let answers = Answers {
            list: r#"{"threats":[{"threatId":"184712ab-6d8b-47b3-89d3-a314efef79e2"}],"pageNumber":1}"#.into(),
            detail: format!(
                r#"{{"threatId":"184712ab-6d8b-47b3-89d3-a314efef79e2","messages":[{}],"pageNumber":1}}"#,
                messages.join(",")
            )
            .into(),
        };
        let settings = Settings {
            host: "api.abnormal.test".to_owned(),
            polling_interval: Duration::from_secs(600),
            intervals: Default::default(),
            start: Duration::from_secs(3_600),
            lag: Duration::from_secs(120),
            overlap: Duration::from_secs(900),
            streams: vec!["threats".to_owned()],
            enrich: false,
        };
        let name = "acme".parse().expect("a name");
        let connector = Abnormal::new(name, settings, Arc::new(answers), Secret::new("a token of a bench"));
        Vendor { connector, runtime: tokio::runtime::Builder::new_current_thread().build().expect("a runtime") }
    }

    pub fn poll(&self) -> Page {
        let now = Timestamp::from_second(NOW).expect("a time");
        let (known, spare) = (|_: &str| false, |_: u32| true);
        let context = PollContext { now, round: true, known: &known, kept: &known, spare: &spare };
        self.runtime.block_on(self.connector.poll("threats", None, &context))
    }
}

/// A message as the vendor sends it, some 1.5 kB.
fn message(n: u32) -> String {
    format!(
        concat!(
            r#"{{"threatId":"184712ab-6d8b-47b3-89d3-a314efef79e2","abxMessageId":-8123456789012{n:06},"#,
            r#""abxMessageIdStr":"-8123456789012{n:06}","abxPortalUrl":"https://portal.abnormal.test/threats/{n}","#,
            r#""subject":"Overdue invoice {n} \"final notice\"","fromAddress":"billing{n}@quay.example","#,
            r#""fromName":"Quay Billing","senderDomain":"quay.example","senderIpAddress":"192.0.2.10","#,
            r#""toAddresses":["ana{n}@harbor.example","ben@harbor.example"],"ccEmails":[],"recipientAddress":"ana{n}@harbor.example","#,
            r#""replyToEmails":["pay@quay.example"],"returnPath":"bounce@quay.example","internetMessageId":"<{n}.41@quay.example>","#,
            r#""receivedTime":"2026-11-20T11:{minute:02}:07Z","sentTime":"2026-11-20T11:{minute:02}:01Z","#,
            r#""attackType":"Invoice/Payment Fraud (BEC)","attackStrategy":"Name Impersonation","attackVector":"Text","#,
            r#""attackedParty":"VIP","impersonatedParty":"Vendor","isRead":false,"autoRemediated":true,"postRemediated":false,"#,
            r#""remediationStatus":"Auto-Remediated","remediationTimestamp":"2026-11-20T11:{minute:02}:41.031Z","#,
            r#""attachmentCount":1,"attachmentNames":["invoice-{n}.pdf"],"urlCount":2,"#,
            r#""urls":["https://pay.quay.example/{n}","https://quay.example/unsubscribe?u={n}"],"#,
            r#""summaryInsights":["Unusual Sender","Invoice Fraud","Suspicious Link","Unusual Reply-To"]}}"#
        ),
        n = n,
        minute = n % 50
    )
}
