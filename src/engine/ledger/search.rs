//! What somebody searches for, and what is found of it. Pure.
//!
//! Promise: every field that is asked for must match; what is shown of an event is short, however long the event is.

use jiff::{SignedDuration, Timestamp};

use crate::event::{Event, Seq, Severity, Stored, native_part};
use crate::format::particulars::Particulars;

/// Events on one page of results, at the most.
pub const MOST_HITS: usize = 50;
/// Characters of a text in a row of results.
const SHOWN: usize = 200;
/// A vendor's clock may be ahead of ours: frames that were kept so long before the time asked for are not read.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What is asked for; an empty text asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// A part of the event's id, or of the mail's own id (Message-ID).
    pub id: String,
    /// A part of the subject; of an event that is no mail, of its summary. Capitals don't matter here and below.
    pub subject: String,
    /// A part of the sender's name, address or domain, or of the return path.
    pub sender: String,
    /// The kind (`threat`, `case`), or a part of the attack type.
    pub kind: String,
    pub integration: String,
    pub stream: String,
    /// When it happened, by the vendor; both ends included.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Only events before this place: the next page.
    pub before: Option<Seq>,
}

/// An event that was found, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub seq: Seq,
    /// When it was kept here.
    pub kept: Timestamp,
    pub occurred: Timestamp,
    pub id: String,
    pub integration: String,
    pub stream: String,
    pub kind: String,
    pub severity: Severity,
    /// The attack type, where the vendor names one.
    pub attack: String,
    /// The mail's subject, else the summary.
    pub subject: String,
    pub sender: String,
}

impl Asked {
    /// Is there anything that narrows the search?
    pub fn is_empty(&self) -> bool {
        Asked { before: None, ..self.clone() } == Asked::default()
    }

    /// Frames that were kept before (milliseconds since 1970) hold nothing of it.
    pub(super) fn kept_since_ms(&self) -> i64 {
        let earliest = self.from.and_then(|from| from.checked_sub(AHEAD).ok());
        earliest.map_or(i64::MIN, |earliest| earliest.as_millisecond())
    }

    /// The hit, if this event is meant.
    pub(super) fn hit(&self, stored: &Stored, kept_ms: i64) -> Option<Hit> {
        let event = &stored.event;
        let word = |asked: &str, is: &str| asked.is_empty() || asked.eq_ignore_ascii_case(is);
        let in_time =
            self.from.is_none_or(|from| event.occurred >= from) && self.to.is_none_or(|to| event.occurred <= to);
        if !word(&self.integration, &event.integration) || !word(&self.stream, &event.stream) || !in_time {
            return None;
        }
        let told = Particulars::read(&event.kind, &event.raw);
        let text = |found: &Option<_>| found.as_deref().map_or_else(String::new, str::to_owned);
        let (attack, mail) = (text(&told.attack_type), told.subject.as_deref().unwrap_or(&event.summary));
        let sender = [&told.from, &told.from_name, &told.sender_domain, &told.return_path];
        let meant = self.names(event, &text(&told.internet_message_id))
            && (word(&self.kind, &event.kind) || holds(&attack, &self.kind))
            && (holds(mail, &self.subject) || holds(&event.summary, &self.subject))
            && (self.sender.is_empty() || sender.iter().any(|part| holds(&text(part), &self.sender)));
        meant.then(|| Hit {
            seq: stored.seq,
            kept: Timestamp::from_millisecond(kept_ms).unwrap_or(event.observed),
            occurred: event.occurred,
            id: event.id.to_string(),
            integration: event.integration.to_string(),
            stream: event.stream.to_string(),
            kind: short(&event.kind),
            severity: event.severity,
            attack: short(&attack),
            subject: short(mail),
            sender: short(&text(if told.from.is_some() { &told.from } else { &told.from_name })),
        })
    }

    fn names(&self, event: &Event, message_id: &str) -> bool {
        // As people copy it from the vendor's portal, and as it stands in our id.
        let native = native_part(&self.id);
        holds(&event.id, &self.id) || holds(&event.id, &native) || holds(message_id, &self.id)
    }
}

/// Is the part in the text, whatever their capitals? Nothing is in everything.
fn holds(text: &str, part: &str) -> bool {
    part.is_empty() || text.to_lowercase().contains(&part.to_lowercase())
}

/// The beginning of a text.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threat() -> Stored {
        let raw = r#"{"threatId":"184712ab-6d8b","abxMessageId":4551618356913732000,"subject":"Überweisung: URGENT",
            "fromAddress":"Support@secure-reply.org","fromName":"A. Support","senderDomain":"secure-reply.org",
            "internetMessageId":"<5edfca1c@mail.example>","attackType":"Phishing: Credential"}"#;
        Stored {
            seq: Seq(7),
            event: Event {
                id: Event::make_id("acme", "threats", "184712ab/6d8b:4551618356913732076", "v1"),
                integration: "acme".into(),
                stream: "threats".into(),
                kind: "threat".into(),
                severity: Severity::High,
                occurred: "2026-11-20T12:00:00Z".parse().expect("a time"),
                observed: "2026-11-20T12:01:00Z".parse().expect("a time"),
                summary: "Phishing: Credential to a@b.example".into(),
                raw: raw.into(),
            },
        }
    }

    fn finds(asked: Asked) -> bool {
        asked.hit(&threat(), 1_795_000_000_000).is_some()
    }

    #[test]
    fn each_field_finds_its_part_of_the_event_and_nothing_else() {
        let asked = Asked::default;
        for found in [
            asked(),
            Asked { id: "4551618356913732076".into(), ..asked() },
            Asked { id: "184712ab/6d8b".into(), ..asked() },
            Asked { id: "184712ab%2F6d8b".into(), ..asked() },
            Asked { id: "5edfca1c@mail".into(), ..asked() },
            Asked { subject: "überweisung".into(), ..asked() },
            Asked { subject: "credential to".into(), ..asked() },
            Asked { sender: "support@SECURE-reply.org".into(), ..asked() },
            Asked { sender: "a. support".into(), ..asked() },
            Asked { kind: "Threat".into(), ..asked() },
            Asked { kind: "phishing".into(), ..asked() },
            Asked { integration: "acme".into(), stream: "threats".into(), ..asked() },
        ] {
            assert!(finds(found.clone()), "{found:?}");
        }
        for missed in [
            Asked { id: "4551618356913732000".into(), ..asked() },
            Asked { subject: "secure-reply".into(), ..asked() },
            Asked { sender: "urgent".into(), ..asked() },
            Asked { kind: "case".into(), ..asked() },
            Asked { integration: "acm".into(), ..asked() },
            Asked { stream: "cases".into(), ..asked() },
            // Each of them must match.
            Asked { id: "184712ab".into(), stream: "cases".into(), ..asked() },
        ] {
            assert!(!finds(missed.clone()), "{missed:?}");
        }
    }

    #[test]
    fn a_range_of_time_holds_both_its_ends() {
        let at = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        let noon = at("2026-11-20T12:00:00Z");
        assert!(finds(Asked { from: noon, to: noon, ..Asked::default() }));
        assert!(!finds(Asked { from: at("2026-11-20T12:00:01Z"), ..Asked::default() }));
        assert!(!finds(Asked { to: at("2026-11-20T11:59:59Z"), ..Asked::default() }));
        // A day for a vendor's clock that is ahead.
        let since = Asked { from: noon, ..Asked::default() }.kept_since_ms();
        assert_eq!(since, at("2026-11-19T12:00:00Z").expect("a time").as_millisecond());
    }

    #[test]
    fn what_is_shown_is_short_however_long_the_event_is() {
        let mut stored = threat();
        stored.event.raw = format!("{{\"subject\":\"{}\"}}", "ü".repeat(1 << 20)).into();
        let hit = Asked::default().hit(&stored, 0).expect("found");
        assert_eq!(hit.subject.chars().count(), SHOWN + 1);
        assert!(hit.subject.ends_with('…') && hit.sender.is_empty());
    }

    #[test]
    fn the_place_to_go_on_from_narrows_nothing() {
        assert!(Asked { before: Some(Seq(9)), ..Asked::default() }.is_empty());
        assert!(!Asked { kind: "case".into(), ..Asked::default() }.is_empty());
    }
}
