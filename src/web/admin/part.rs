//! What the pages of integrations and of destinations have in common.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use toml::Table as Keys;

use super::Desk;
use super::changing::{Applied, Refused};
use super::form::Form;
use super::frame::{self, Frame};
use super::sheet::{self, Input, Shown, Wrong};
use super::trial::Trial;
use super::visit::Visit;
use crate::config::{Loaded, Mistakes, Section};
use crate::status::Snapshot;
use crate::status::conditions::{Condition, Severity};
use crate::values::Name;

/// The longest name that a page gives: the names of its secrets are made of it.
const LONGEST_NAME: usize = 40;

/// A condition, as a page shows it.
pub(super) struct ConditionRow {
    pub tone: &'static str,
    pub word: &'static str,
    /// The streams that it stands for; empty where it is the whole's.
    pub streams: String,
    pub text: String,
    /// Every other piece is something to type.
    pub advice: Vec<&'static str>,
}

/// The page of one that is not there yet.
#[derive(Template)]
#[template(path = "admin/new.html")]
pub(super) struct New {
    pub frame: Frame,
    pub above: &'static str,
    pub about: &'static str,
    pub form: Form,
    pub trial: Option<Trial>,
}

/// What a form was answered with.
#[derive(Default)]
pub(super) struct Said {
    pub refused: Refused,
    pub trial: Option<Trial>,
}

#[derive(Template)]
#[template(path = "admin/remove.html")]
struct RemovePage {
    frame: Frame,
    name: String,
    back: String,
    forfeits: Vec<String>,
    counted: u64,
}

/// Asks whether it is meant; `counted`: the events that are told to be given up.
pub(super) fn remove_page(frame: Frame, name: &str, back: String, forfeits: Vec<String>, counted: u64) -> Response {
    frame::page(StatusCode::OK, &RemovePage { frame, name: name.to_owned(), back, forfeits, counted })
}

/// What stands about an integration or destination, or about streams of it: what is said of several of them is said once.
pub(super) fn conditions(snapshot: &Snapshot, name: &str) -> Vec<ConditionRow> {
    let mut rows: Vec<(&Condition, Vec<&str>)> = Vec::new();
    for one in &snapshot.conditions {
        let (whole, stream) = one.subject.split_once('/').unwrap_or((&one.subject, ""));
        if whole != name {
            continue;
        }
        match rows.iter_mut().find(|(other, _)| other.code == one.code && other.text == one.text) {
            Some((_, streams)) => streams.push(stream),
            None => rows.push((one, vec![stream])),
        }
    }
    rows.iter().map(|(one, streams)| row(one, streams)).collect()
}

fn row(one: &Condition, streams: &[&str]) -> ConditionRow {
    let tone = match one.severity {
        Severity::Info => "plain",
        Severity::Warning => "fair",
        Severity::Error => "bad",
    };
    let advice = one.code.advice().split('`').collect();
    let streams: Vec<&str> = streams.iter().copied().filter(|stream| !stream.is_empty()).collect();
    ConditionRow { tone, word: one.severity.as_str(), streams: streams.join(", "), text: one.text.clone(), advice }
}

/// What is wrong with the settings as they are written.
pub(super) fn mistakes(loaded: &Result<Loaded, Mistakes>) -> Vec<String> {
    loaded.as_ref().err().map(|mistakes| mistakes.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// May a page name other hosts than the vendor's? A file of the operator's own says so.
pub(super) fn other_hosts(loaded: &Result<Loaded, Mistakes>) -> bool {
    let remote = loaded.as_ref().ok().and_then(|loaded| loaded.settings.remote.as_ref());
    remote.is_some_and(|remote| remote.allow_other_hosts)
}

/// Marks what a page writes, where the settings know the mark: a stricter rule goes with it.
pub(super) fn set_by_page(keys: &mut Keys, section: &Section) {
    if section.key("set-by").is_some() {
        keys.insert("set-by".into(), toml::Value::String("page".into()));
    }
}

/// The name that was typed for a new one.
pub(super) fn new_name(visit: &Visit) -> Result<Name, Refused> {
    let typed = visit.form.text("name").trim();
    let wrong = |sentence: &str| Refused { fields: vec![("name".into(), sentence.into())], whole: Vec::new() };
    if typed.len() > LONGEST_NAME {
        return Err(wrong("It is too long: take at most 40 characters."));
    }
    typed.parse().map_err(|_| wrong("It must be of a-z, 0-9, - and _, and begin with a letter or digit."))
}

/// What is written, for whoever may not change it: secrets by where they lie.
pub(super) fn rows(section: &Section, keys: &Keys) -> Vec<(String, String)> {
    let fields = sheet::fields(section, Shown::Written(keys), &[], true);
    fields
        .into_iter()
        .map(|field| (field.label, field.input.in_words()))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The sentences about one field.
pub(super) fn about(wrong: &[Wrong], name: &str) -> Vec<String> {
    wrong.iter().filter(|(field, _)| field == name).map(|(_, sentence)| sentence.clone()).collect()
}

pub(super) fn whole(sentence: impl Into<String>) -> Refused {
    Refused { fields: Vec::new(), whole: vec![sentence.into()] }
}

/// All that was refused, without the form beside it.
pub(super) fn sentences(refused: &Refused) -> Vec<String> {
    let fields = refused.fields.iter().map(|(name, sentence)| format!("{name}: {sentence}"));
    fields.chain(refused.whole.iter().cloned()).collect()
}

/// The way back to the page, with what was done; or why it is not in force.
pub(super) fn done(desk: &Desk, visit: &Visit, applied: &Applied, to: &str, said: &'static str) -> Response {
    match applied {
        Applied::InForce => frame::see(&format!("{to}?said={said}")),
        Applied::UnderWay => frame::see(&format!("{to}?said=under-way")),
        Applied::NotTaken(why) => {
            let text = format!("It is written, and the agent did not take it up: {why}");
            frame::message(desk, visit, StatusCode::OK, "Written, and not in force", &text, (to, "Go on"))
        }
    }
}

pub(super) fn not_done(desk: &Desk, visit: &Visit, refused: &Refused, back: &str) -> Response {
    let text = sentences(refused).join(" ");
    frame::message(desk, visit, StatusCode::UNPROCESSABLE_ENTITY, "Nothing was changed", &text, (back, "Go back"))
}

pub(super) fn absent(desk: &Desk, visit: &Visit, kind: &str, above: &str) -> Response {
    let text =
        format!("There is no {kind} of this name. It may have been removed, or renamed in the operator's files.");
    frame::message(desk, visit, StatusCode::NOT_FOUND, "Not there", &text, (above, "See those that are"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::conditions::Code;
    use crate::status::samples;

    #[test]
    fn what_stands_for_several_streams_is_said_once_and_of_others_nothing() {
        let mut snapshot = samples::healthy().snapshot(samples::now());
        let refused = |subject: &str, text: &str| Condition {
            code: Code::IntegrationRefused,
            subject: subject.into(),
            severity: Severity::Error,
            text: text.into(),
            since: samples::now(),
        };
        snapshot.conditions = vec![
            refused("acme/threats", "401"),
            refused("acme/cases", "401"),
            refused("acme/abuse-campaigns", "403"),
            refused("acme", "402"),
            refused("acme-2/threats", "401"),
        ];
        let rows = conditions(&snapshot, "acme");
        let told: Vec<(&str, &str)> = rows.iter().map(|row| (row.streams.as_str(), row.text.as_str())).collect();
        assert_eq!(told, [("threats, cases", "401"), ("abuse-campaigns", "403"), ("", "402")]);
        assert!(rows[0].advice.contains(&"host"), "what is to be typed stands by itself: {:?}", rows[0].advice);
    }
}
