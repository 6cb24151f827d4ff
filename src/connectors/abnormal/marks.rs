//! What evidence needs of an event of this vendor: its attack type, its judgement, and what became of it.
//!
//! Promise: every event of a kind that we know gets marks, whatever the shape of its fields; a word that we don't know
//! is [`Remediation::Unknown`], never "not remediated".

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{text, time};
use crate::event::Event;
use crate::marks::{ATTACK, JUDGEMENT, Marks, Remediation};

/// The fields that we look at, of all kinds, as raw JSON: one of an unexpected type can't spoil the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow, rename = "attackType")]
    attack_type: Option<&'a RawValue>,
    /// A message's judgement.
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow, rename = "remediationStatus")]
    remediation_status: Option<&'a RawValue>,
    #[serde(borrow, rename = "remediationTimestamp")]
    remediation_timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "autoRemediated")]
    auto_remediated: Option<&'a RawValue>,
    #[serde(borrow, rename = "postRemediated")]
    post_remediated: Option<&'a RawValue>,
    #[serde(borrow)]
    case_status: Option<&'a RawValue>,
    #[serde(borrow, rename = "remediation_status")]
    case_remediation: Option<&'a RawValue>,
    #[serde(borrow, rename = "judgementStatus")]
    judgement_status: Option<&'a RawValue>,
    #[serde(borrow, rename = "overallStatus")]
    overall_status: Option<&'a RawValue>,
    /// An event of several answers holds each under a name of its own.
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    list: Option<&'a RawValue>,
}

/// The kinds of this connector's events.
enum Kind {
    Threat,
    Case,
    Campaign,
    /// Nothing is remediated about it.
    Other,
    /// What enriches a threat.
    Part,
}

/// The marks of an event, or nothing where it is not one of this vendor's kinds.
pub fn marks(event: &Event) -> Option<Marks> {
    let kind = match &*event.kind {
        "threat" => Kind::Threat,
        "case" => Kind::Case,
        "campaign" => Kind::Campaign,
        "vendor-case" | "audit" | "not-analyzed" => Kind::Other,
        "threat-attachments" | "threat-links" => Kind::Part,
        _ => return None,
    };
    let mut marks = Marks {
        kind: event.kind.to_string(),
        severity: event.severity,
        occurred: event.occurred,
        observed: event.observed,
        attack: String::new(),
        judgement: String::new(),
        remediation: None,
        remediated: None,
        gap: None,
        part: matches!(kind, Kind::Part),
    };
    let whole = read(Some(&event.raw));
    // The detail knows most; the list's entry stands in where it has no such field.
    let parts = [read(whole.detail.map(RawValue::get)), read(whole.list.map(RawValue::get)), whole];
    let first = |field: fn(&Named<'_>) -> String| parts.iter().map(field).find(|found| !found.is_empty());
    let word = |field: fn(&Named<'_>) -> String| first(field).unwrap_or_default();
    match kind {
        Kind::Threat => {
            marks.attack = one_line(&word(|named| text(named.attack_type)), ATTACK);
            marks.judgement = one_line(&word(|named| text(named.source)), JUDGEMENT);
            marks.remediated = parts.iter().find_map(|named| time(named.remediation_timestamp));
            let acted = parts.iter().any(|named| flag(named.auto_remediated) || flag(named.post_remediated));
            let told = by_status(&word(|named| text(named.remediation_status)));
            // The status alone counts where it says something; flags and time are what older answers have.
            marks.remediation = Some(match told {
                None if marks.remediated.is_some() || acted => Remediation::Remediated,
                None => Remediation::Unknown,
                Some(status) => status,
            });
        }
        Kind::Case => {
            marks.judgement = one_line(&word(|named| text(named.case_status)), JUDGEMENT);
            let status = word(|named| text(named.case_remediation));
            marks.remediation = Some(by_status(&status).unwrap_or(Remediation::Unknown));
        }
        Kind::Campaign => {
            let attack = word(|named| text(named.attack_type));
            let attack = attack.trim().strip_prefix("Attack Type:").unwrap_or(&attack);
            marks.attack = one_line(attack, ATTACK);
            marks.judgement = one_line(&word(|named| text(named.judgement_status)), JUDGEMENT);
            let status = word(|named| text(named.overall_status));
            marks.remediation = Some(by_status(&status).unwrap_or(Remediation::Unknown));
        }
        Kind::Other | Kind::Part => {}
    }
    Some(marks)
}

fn read(raw: Option<&str>) -> Named<'_> {
    raw.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default()
}

/// `true`, "true" and "True": the vendor writes them all.
fn flag(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get().trim_matches('"').eq_ignore_ascii_case("true"))
}

/// The vendor's word for what became of it; nothing where it has none. Spelling and case differ between answers.
fn by_status(status: &str) -> Option<Remediation> {
    let letters = status.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    Some(match letters.collect::<String>().as_str() {
        "" => return None,
        "autoremediated" | "postremediated" | "remediated" => Remediation::Remediated,
        "remediationattempted" => Remediation::Attempted,
        "wouldremediate" => Remediation::WouldRemediate,
        "noactiondone" | "notremediated" | "couldnotfindoriginalmessage" => Remediation::NotRemediated,
        "noactionneeded" => Remediation::NotNeeded,
        _ => Remediation::Unknown,
    })
}

/// The text in one line: what would break it or steer a terminal becomes a space. At most so many bytes are kept.
fn one_line(text: &str, most: usize) -> String {
    let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;
    use jiff::Timestamp;

    fn event(kind: &str, raw: &str) -> Event {
        Event {
            id: Event::make_id("acme", "s", "n", "v"),
            integration: "acme".into(),
            stream: "s".into(),
            kind: kind.to_owned().into(),
            severity: Severity::High,
            occurred: Timestamp::UNIX_EPOCH,
            observed: Timestamp::UNIX_EPOCH,
            summary: "".into(),
            raw: raw.to_owned().into(),
        }
    }

    fn of(kind: &str, raw: &str) -> Marks {
        marks(&event(kind, raw)).expect("marks")
    }

    #[test]
    fn every_word_that_the_vendor_has_been_seen_to_write_for_a_message_has_its_state() {
        use Remediation::{Attempted, NotRemediated, Remediated, Unknown, WouldRemediate};
        for (status, state) in [
            ("Auto-Remediated", Remediated),
            ("Auto Remediated", Remediated),
            ("Post Remediated", Remediated),
            ("Remediated", Remediated),
            ("No Action Done", NotRemediated),
            ("Would Remediate", WouldRemediate),
            ("Remediation Attempted", Attempted),
            ("Quantum Remediated", Unknown),
            ("", Unknown),
        ] {
            let raw = serde_json::json!({"remediationStatus": status}).to_string();
            assert_eq!(of("threat", &raw).remediation, Some(state), "{status}");
        }
    }

    #[test]
    fn a_message_without_a_status_was_remediated_where_its_flags_or_its_time_say_so() {
        for raw in [
            r#"{"autoRemediated":true}"#,
            r#"{"postRemediated":"True"}"#,
            r#"{"remediationStatus":null,"remediationTimestamp":"2026-11-19T14:40:11.50321Z"}"#,
        ] {
            assert_eq!(of("threat", raw).remediation, Some(Remediation::Remediated), "{raw}");
        }
        for raw in [r#"{"autoRemediated":false,"remediationTimestamp":""}"#, "{}", "[]", "17"] {
            assert_eq!(of("threat", raw).remediation, Some(Remediation::Unknown), "{raw}");
        }
    }

    #[test]
    fn a_threats_words_are_kept_though_a_field_has_a_strange_shape() {
        let marks = of(
            "threat",
            r#"{"attackType":"Invoice/Payment Fraud (BEC)","source":"Attack","remediationStatus":{"a":1},
                "remediationTimestamp":"2026-11-19T14:40:11.5Z","subject":["x"]}"#,
        );
        assert_eq!((&*marks.attack, &*marks.judgement), ("Invoice/Payment Fraud (BEC)", "Attack"));
        assert_eq!(marks.remediated.map(|at| at.as_millisecond()), Some(1_795_099_211_500));
        assert_eq!(marks.remediation, Some(Remediation::Unknown));
    }

    #[test]
    fn a_case_is_read_from_its_detail_alone_or_from_a_whole_of_list_and_detail() {
        let detail = r#"{"caseId":17,"case_status":"Action Required","remediation_status":"Not remediated"}"#;
        let list = r#"{"caseId":"17","severity_level":"HIGH"}"#;
        for raw in [detail.to_owned(), format!(r#"{{"list":{list},"detail":{detail},"analysis":{{"insights":[]}}}}"#)] {
            let marks = of("case", &raw);
            assert_eq!(marks.judgement, "Action Required", "{raw}");
            assert_eq!(marks.remediation, Some(Remediation::NotRemediated), "{raw}");
        }
    }

    #[test]
    fn a_campaign_needs_action_only_where_the_vendor_says_so() {
        let marks = of(
            "campaign",
            r#"{"attackType":"Attack Type: Graymail","judgementStatus":"Safe","overallStatus":"No Action Needed"}"#,
        );
        assert_eq!((&*marks.attack, &*marks.judgement), ("Graymail", "Safe"));
        assert_eq!(marks.remediation, Some(Remediation::NotNeeded));
        let scanning = of("campaign", r#"{"judgementStatus":"Scanning","overallStatus":""}"#);
        assert_eq!(scanning.remediation, Some(Remediation::Unknown));
    }

    #[test]
    fn nothing_is_remediated_about_an_audit_log_and_other_kinds_have_no_marks() {
        for kind in ["audit", "not-analyzed", "vendor-case"] {
            assert_eq!((of(kind, "{}").remediation, of(kind, "{}").part), (None, false), "{kind}");
        }
        assert_eq!(marks(&event("import", r#"{"attackType":"x"}"#)), None);
    }

    #[test]
    fn attachments_and_links_are_parts_of_their_threat_and_no_items() {
        for kind in ["threat-attachments", "threat-links"] {
            let marks = of(kind, r#"{"threatId":"x","links":[{"attackType":"y"}]}"#);
            assert_eq!((marks.part, marks.remediation, &*marks.attack), (true, None, ""), "{kind}");
            assert_eq!(Marks::decode(&marks.encode()), Some(marks), "{kind}");
        }
    }
}
