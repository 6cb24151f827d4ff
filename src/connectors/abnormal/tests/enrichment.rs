//! Attachments and links of threats: once a threat, beside the messages, never instead of them.

use super::*;

const MAIL: &str = r#"{"abxMessageIdStr":"1","receivedTime":"2026-11-20T11:30:00Z"}"#;

/// One threat of two messages, whose attachments and links are answered so.
fn threat(parts: impl Fn(&str) -> Result<Answer, Fault>) -> impl Fn(&Ask) -> Result<Answer, Fault> {
    move |ask| match ask {
        Ask::List { field, from, to, .. } => {
            let at = time("2026-11-20T11:30:00Z");
            let listed = field == "receivedTime" && *from <= at && at < *to;
            list(if listed { &["t"] } else { &[] }, None)
        }
        Ask::Item { .. } => detail(&[MAIL, &MAIL.replace("\"1\"", "\"2\"")], None),
        Ask::Other(path) => parts(path),
    }
}

#[tokio::test]
async fn attachments_and_links_are_asked_for_once_a_threat_and_not_once_a_message() {
    let mut bench = Bench::of(
        "threats",
        true,
        threat(|path| match path {
            "/threats/t/attachments" => {
                status(200, r#"{"attachments":[{"abxMessageIdStr":"1", "attachmentName":"a\u00e9.pdf"}],"tenantId":1}"#)
            }
            "/threats/t/links" => status(200, r#"{"links":[]}"#),
            _ => status(404, ""),
        }),
    );
    let page = bench.round().await;
    assert!(page.fault.is_none() && page.shortfall.is_none(), "{:?}", page.fault);
    assert_eq!(bench.natives(), ["t:1", "t:2", "t:attachments"]);
    let raw = r#"{"threatId":"t","attachments":[{"abxMessageIdStr":"1", "attachmentName":"a\u00e9.pdf"}]}"#;
    assert_eq!(bench.events[2].raw, raw);
    let others = bench.asked().into_iter().filter(|ask| matches!(ask, Ask::Other(_))).count();
    assert_eq!(others, 2);
}

#[tokio::test]
async fn links_that_the_key_may_not_read_cost_no_message_and_are_told() {
    let mut bench = Bench::of("threats", true, threat(|_| status(403, "")));
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["t:1", "t:2"]);
    assert!(page.fault.is_none() && page.deferred.is_empty());
    assert_eq!(page.shortfall.and_then(|fault| fault.status), Some(403));
}

#[tokio::test]
async fn links_that_fail_defer_the_threat_whose_messages_are_kept_already() {
    let mut bench = Bench::of("threats", true, threat(|_| status(500, "")));
    let page = bench.round().await;
    assert_eq!(bench.natives(), ["t:1", "t:2"]);
    assert_eq!(page.deferred.len(), 1);
    bench.script(threat(|_| status(200, r#"{"attachments":[{}],"links":[{}]}"#)));
    bench.later(600);
    bench.round().await;
    assert_eq!(bench.natives(), ["t:1", "t:2", "t:attachments", "t:links"]);
}

#[tokio::test]
async fn without_enrich_nobody_asks_for_them() {
    let mut bench = Bench::new(threat(|path| panic!("{path} was asked for")));
    bench.round().await;
    assert_eq!(bench.natives(), ["t:1", "t:2"]);
}
