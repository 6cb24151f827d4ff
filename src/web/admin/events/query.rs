//! The search form: what was typed, what it asks for, and the address of its next page. Pure.
//!
//! Promise: what was typed comes back as it was; a field that can't be read is told beside it, and nothing is searched.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use crate::engine::ledger::Asked;
use crate::event::Seq;
use crate::web::admin::posted::Posted;

/// Characters of one field.
const LONGEST: usize = 200;
const NOT_A_TIME: &str = "Write a day (2026-11-20), or a day and a time (2026-11-20 18:05), in UTC.";

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub id: String,
    pub subject: String,
    pub sender: String,
    pub kind: String,
    pub integration: String,
    pub stream: String,
    pub from: String,
    pub to: String,
    pub before: Option<Seq>,
    /// Why `from` and `to` can't be read; empty where they can.
    pub from_wrong: &'static str,
    pub to_wrong: &'static str,
}

impl Query {
    pub(super) fn read(posted: &Posted) -> Query {
        let text = |name: &str| posted.text(name).trim().chars().take(LONGEST).collect::<String>();
        let mut query = Query {
            id: text("id"),
            subject: text("subject"),
            sender: text("sender"),
            kind: text("type"),
            integration: text("integration"),
            stream: text("stream"),
            from: text("from"),
            to: text("to"),
            before: text("before").parse().ok().map(Seq),
            from_wrong: "",
            to_wrong: "",
        };
        if moment(&query.from, false).is_err() {
            query.from_wrong = NOT_A_TIME;
        }
        if moment(&query.to, true).is_err() {
            query.to_wrong = NOT_A_TIME;
        }
        query
    }

    /// What it asks for; nothing where a field can't be read.
    pub(super) fn asked(&self) -> Option<Asked> {
        Some(Asked {
            id: self.id.clone(),
            subject: self.subject.clone(),
            sender: self.sender.clone(),
            kind: self.kind.clone(),
            integration: self.integration.clone(),
            stream: self.stream.clone(),
            from: moment(&self.from, false).ok()?,
            to: moment(&self.to, true).ok()?,
            before: self.before,
        })
    }

    /// The address of this search from another place on; the quotes of the attribute are safe from it.
    pub(super) fn path(&self, before: Option<Seq>) -> String {
        let fields = [
            ("id", &self.id),
            ("subject", &self.subject),
            ("sender", &self.sender),
            ("type", &self.kind),
            ("integration", &self.integration),
            ("stream", &self.stream),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(fields.into_iter().filter(|(_, text)| !text.is_empty()));
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        match query.finish() {
            none if none.is_empty() => "/admin/events".into(),
            query => format!("/admin/events?{query}"),
        }
    }
}

/// A time as it is typed or as a browser's own field gives it; a day alone means its beginning, or with `end` its end.
fn moment(text: &str, end: bool) -> Result<Option<Timestamp>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time));
    }
    let day = || {
        let time = if end { Time::MAX } else { Time::MIN };
        text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-20".len()).map(|day| day.to_datetime(time))
    };
    let civil = day().or_else(|| text.parse::<DateTime>().ok()).ok_or(())?;
    civil.to_zoned(TimeZone::UTC).map(|zoned| Some(zoned.timestamp())).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Query {
        Query::read(&Posted::read(text.as_bytes()))
    }

    #[test]
    fn times_are_read_as_people_and_browsers_write_them_and_others_are_told() {
        let at = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        for (typed, from, to) in [
            ("", None, None),
            ("2026-11-20", at("2026-11-20T00:00:00Z"), at("2026-11-20T23:59:59.999999999Z")),
            ("2026-11-20T18:05", at("2026-11-20T18:05:00Z"), at("2026-11-20T18:05:00Z")),
            ("2026-11-20 18:05", at("2026-11-20T18:05:00Z"), at("2026-11-20T18:05:00Z")),
            ("2026-11-20T18:05:06+01:00", at("2026-11-20T17:05:06Z"), at("2026-11-20T17:05:06Z")),
        ] {
            assert_eq!((moment(typed, false), moment(typed, true)), (Ok(from), Ok(to)), "{typed}");
        }
        for wrong in ["yesterday", "2026-13-01", "20.11.2026", "9999999999"] {
            let query = read(&format!("from={wrong}&id=x"));
            assert!(!query.from_wrong.is_empty() && query.to_wrong.is_empty() && query.asked().is_none(), "{wrong}");
            assert_eq!((query.from.as_str(), query.id.as_str()), (wrong, "x"), "what was typed comes back");
        }
    }

    #[test]
    fn the_next_page_asks_for_the_same_from_another_place_on() {
        let typed = "subject=a%26b%22%3E&type=threat&from=2026-11-20&before=9";
        let query = read(typed);
        let path = query.path(Some(Seq(7)));
        let again = read(path.split_once('?').expect("a query").1);
        assert_eq!(again, Query { before: Some(Seq(7)), ..query });
        assert!(!path.contains('"') && !path.contains('>'), "{path}");
        assert_eq!(read("before=abc").path(None), "/admin/events");
        assert_eq!(read(&format!("id={}", "x".repeat(5000))).id.len(), LONGEST);
    }
}
