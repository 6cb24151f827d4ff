//! The traps of the vendor's fields, one by one.

use super::*;

fn threat(raw: &str) -> Particulars<'_> {
    Particulars::read("threat", raw)
}

#[test]
fn every_shape_of_the_recipients_is_read() {
    for (raw, expected) in [
        (r#"{"toAddresses": "a@x.example, b@x.example"}"#, vec!["a@x.example", "b@x.example"]),
        (r#"{"toAddresses": ["a@x.example", null, "", "b@x.example"]}"#, vec!["a@x.example", "b@x.example"]),
        (r#"{"toAddresses": ""}"#, vec![]),
        (r#"{"toAddresses": null}"#, vec![]),
        (r#"{"toAddresses": {"a": 1}}"#, vec![]),
        ("{}", vec![]),
    ] {
        assert_eq!(threat(raw).to, expected, "{raw}");
    }
}

#[test]
fn an_address_that_the_vendor_cut_in_the_middle_is_none() {
    let mut all = "somebody@harbor.example, ".repeat(11);
    all.truncate(255);
    let raw = format!("{{\"toAddresses\": \"{all}\"}}");
    let told = threat(&raw);
    assert_eq!((told.to.len(), &*told.to[9]), (10, "somebody@harbor.example"));
}

#[test]
fn a_field_of_a_strange_type_is_left_out_and_spoils_no_other() {
    let told = threat(
        r#"{"subject": ["x"], "fromAddress": {"a": 1}, "receivedTime": "yesterday", "isRead": "True", "urls": "https://a/",
            "senderIpAddress": "", "attackType": "  ", "tenantId": 77, "abxMessageId": -8123456789012345678,
            "remediationTimestamp": null, "attachmentNames": [1, "inv.pdf", [], ""]}"#,
    );
    assert!(told.subject.is_none() && told.from.is_none() && told.received.is_none() && told.attack_type.is_none());
    assert!(told.addresses.is_empty() && told.remediated.is_none());
    assert_eq!((told.is_read, told.tenant_id.as_deref()), (Some(true), Some("77")));
    assert_eq!(told.message_id.as_deref(), Some("-8123456789012345678"), "no digit passes through a float");
    assert_eq!((told.urls, told.attachments), (vec!["https://a/".into()], vec!["1".into(), Text::from("inv.pdf")]));
}

#[test]
fn what_is_no_object_tells_nothing_and_has_its_kind_all_the_same() {
    for raw in ["", "null", "[]", "\"x\"", "{", r#"{"subject": "a", "subject": "b"}"#] {
        let told = threat(raw);
        assert!(told.subject.is_none() && told.matter == Matter::Threat && told.is_finding(), "{raw}");
    }
    assert_eq!(Particulars::read("something new", r#"{"subject": "a"}"#).matter, Matter::Other);
}

#[test]
fn the_three_answers_about_a_case_are_read_as_one() {
    let raw = r#"{"list": {"caseId": "90117", "description": "Potential Account Takeover", "confidence": "LOW"},
        "detail": {"caseId": 90117, "case_status": "Action Required", "confidence": "HIGH", "affectedEmployee": "Ivo Berg",
                   "genai_summary": "Sign-in from a new network", "firstObserved": "2026-11-19T06:58:10.417000+00:00"},
        "analysis": {"insights": [{"signal": "Risky Location", "description": "far away"}, {"signal": "Rare"}],
                     "eventTimeline": [{"ip_address": "2001:db8::7"}, {"sender": "a@x.example"}]}}"#;
    let told = Particulars::read("case", raw);
    assert_eq!((told.subject_id.as_deref(), told.confidence.as_deref()), (Some("90117"), Some("HIGH")));
    assert_eq!(told.insights, ["Sign-in from a new network", "Risky Location: far away", "Rare"]);
    assert_eq!(told.addresses, ["2001:db8::7".parse::<IpAddr>().expect("an address")]);
    assert_eq!((told.mail_addresses(), told.course()), (vec!["a@x.example"], Some(Course::New)));
}

#[test]
fn a_reason_that_nobody_gave_and_a_prefix_that_says_nothing_are_left_out() {
    let audit = Particulars::read("audit", r#"{"actionDetails": {"providedReason": "null", "messageId": "-8"}}"#);
    assert_eq!((audit.reason, audit.message_id.as_deref()), (None, Some("-8")));
    let campaign = Particulars::read("campaign", r#"{"attackType": "Attack Type: Spam", "overallStatus": ""}"#);
    assert_eq!((campaign.attack_type.as_deref(), campaign.remediation), (Some("Spam"), None));
}

#[test]
fn the_vendors_words_say_how_far_a_threat_is_dealt_with_however_they_are_spelled() {
    for (word, expected) in [
        ("Auto-Remediated", Some(Course::Resolved)),
        ("Auto Remediated", Some(Course::Resolved)),
        ("Post Remediated", Some(Course::Resolved)),
        ("Remediation Attempted", Some(Course::InProgress)),
        ("No Action Done", Some(Course::New)),
        ("Would Remediate", Some(Course::New)),
        ("Something new", None),
        ("", None),
    ] {
        let raw = format!("{{\"remediationStatus\": \"{word}\"}}");
        assert_eq!(threat(&raw).course(), expected, "{word}");
    }
}

#[test]
fn only_what_the_schemas_take_for_a_mail_address_is_one() {
    for good in ["a@b.example", "o'neill+tag@harbor.example", "x.y@a-b.c.example"] {
        assert!(is_mail_address(good), "{good}");
    }
    for bad in [
        "",
        "Ivo Berg",
        "a@b",
        "@b.example",
        "a@",
        "a b@c.example",
        "a@b@c.example",
        "a@.",
        "ü@b.example",
        "a@b.exam ple",
    ] {
        assert!(!is_mail_address(bad), "{bad}");
    }
}
