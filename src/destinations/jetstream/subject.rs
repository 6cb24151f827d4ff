//! Subjects: which one an event is published under, and whether a stream takes it. Pure.
//!
//! Promise: an event's subject has just the tokens of its template, whatever the event holds: no name can add a dot, a
//! blank or a wildcard to it.

use std::fmt;

use crate::event::Event;

/// A subject with places for what differs from event to event: `conductor.{integration}.{stream}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Fixed(String),
    Integration,
    Stream,
    Kind,
    Severity,
}

impl Template {
    /// From what stands in the settings.
    ///
    /// # Errors
    /// What is wrong with it, as it follows the key's name.
    pub fn read(text: &str) -> Result<Template, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let tokens = text.split('.').map(|token| match token {
            "{integration}" => Ok(Token::Integration),
            "{stream}" => Ok(Token::Stream),
            "{kind}" => Ok(Token::Kind),
            "{severity}" => Ok(Token::Severity),
            fixed if !fixed.is_empty() && fixed.bytes().all(plain) => Ok(Token::Fixed(fixed.to_owned())),
            _ => Err("must be tokens with dots between: of letters, digits, - and _, or one of {integration}, \
                      {stream}, {kind} and {severity}"
                .to_owned()),
        });
        Ok(Template { tokens: tokens.collect::<Result<_, _>>()? })
    }

    /// The subject of this event.
    pub fn of(&self, event: &Event) -> String {
        let mut subject = String::new();
        for token in &self.tokens {
            if !subject.is_empty() {
                subject.push('.');
            }
            match token {
                Token::Fixed(word) => subject.push_str(word),
                Token::Integration => push_token(&mut subject, &event.integration),
                Token::Stream => push_token(&mut subject, &event.stream),
                Token::Kind => push_token(&mut subject, &event.kind),
                Token::Severity => subject.push_str(event.severity.as_str()),
            }
        }
        subject
    }

    /// All subjects that it can become, as a stream is told: `conductor.*.*`.
    pub fn pattern(&self) -> String {
        let tokens = self.tokens.iter().map(|token| match token {
            Token::Fixed(word) => word,
            Token::Integration | Token::Stream | Token::Kind | Token::Severity => "*",
        });
        tokens.collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, token) in self.tokens.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            f.write_str(match token {
                Token::Fixed(word) => word,
                Token::Integration => "{integration}",
                Token::Stream => "{stream}",
                Token::Kind => "{kind}",
                Token::Severity => "{severity}",
            })?;
        }
        Ok(())
    }
}

/// What no token may hold becomes `_`.
fn push_token(subject: &mut String, text: &str) {
    let start = subject.len();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    subject.extend(text.chars().take(128).map(plain));
    if subject.len() == start {
        subject.push('_');
    }
}

/// Is there a subject that both patterns take? `*` is any one token, `>` one or more at the end.
#[cfg(any(feature = "jetstream", test))]
pub(super) fn meet(one: &str, other: &str) -> bool {
    let (mut ours, mut theirs) = (one.split('.'), other.split('.'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(_), None) | (None, Some(_)) => return false,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            (Some(_), Some(_)) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rfc5424::tests::sample;

    #[test]
    fn a_subject_keeps_its_tokens_whatever_the_event_holds() {
        let template = Template::read("soc.{integration}.{stream}.{kind}.{severity}").expect("a template");
        let mut event = sample().event;
        event.integration = "acme.*.> \r\nPUB x".into();
        event.stream = "".into();
        event.kind = "bedrohung-é".into();
        let subject = template.of(&event);
        assert_eq!(subject, format!("soc.acme_______PUB_x._.bedrohung-_.{}", event.severity));
        assert_eq!(subject.split('.').count(), 5);
        assert!(meet(&template.pattern(), &subject), "its own pattern takes it");
    }

    #[test]
    fn a_template_comes_back_as_it_was_written_and_what_is_none_is_refused() {
        for good in ["conductor.{integration}.{stream}", "a", "{kind}.{severity}.x-y_Z9"] {
            assert_eq!(Template::read(good).expect(good).to_string(), good);
        }
        for bad in ["", ".", "a..b", "a.*", "a.>", "a b", "a.{vendor}", "a.x{stream}", "é", "a.\n"] {
            assert!(Template::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_meet_where_one_subject_fits_both() {
        for (one, other, expected) in [
            ("conductor.*.*", "conductor.>", true),
            ("conductor.*.*", ">", true),
            ("conductor.*.*", "conductor.acme.*", true),
            ("conductor.*.*", "conductor.*", false),
            ("conductor.*.*", "conductor.*.*.x", false),
            ("conductor.*.*", "orders.>", false),
            ("a.>", "a", false),
        ] {
            assert_eq!((meet(one, other), meet(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
