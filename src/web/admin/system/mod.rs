//! The system: what runs here, certificates and their ends, users, the audit log's end, support and updates.
//!
//! Promise: of a user nothing is shown that lets anybody in; a second factor's key and recovery codes are shown once, to
//! the user whose they are.

mod backups;
mod bundle;
mod own;
mod proof;
mod reset;
mod updates;
mod users;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::frame::{self, Frame, Place};
use super::visit::Visit;
use super::{Desk, shown};
use crate::access::{Broken, User};
use crate::audit::Entry;
use crate::status::Snapshot;
use crate::status::sentences::{seconds_between, span};

pub(super) use backups::{backup, restore};
pub(super) use bundle::download as support_bundle;
pub(super) use own::{begin_factor, change_password, confirm_factor, drop_factor, factor_page, password_page};
pub(super) use reset::{reset, reset_page};
pub(super) use updates::update;
pub(super) use users::{add, new_page, remove, reset_factor, reset_password, set_role, user_page};

/// Entries of the audit log on the page.
const ENTRIES: usize = 50;

#[derive(Template)]
#[template(path = "admin/system.html")]
struct Page {
    frame: Frame,
    facts: Vec<(&'static str, String)>,
    certificates: Vec<CertificateRow>,
    me: String,
    second_factor: bool,
    users: Vec<UserRow>,
    users_trouble: String,
    entries: Vec<EntryRow>,
    entries_trouble: String,
    updates: updates::Updates,
}

struct CertificateRow {
    whose: String,
    ends: String,
    left: String,
    tone: &'static str,
}

pub(in crate::web::admin) struct UserRow {
    pub name: String,
    pub role: &'static str,
    pub factor: String,
    pub since: String,
}

struct EntryRow {
    number: u64,
    time: String,
    who: String,
    from: String,
    act: String,
    about: String,
    outcome: &'static str,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let frame = Frame::new(&desk, &visit, Place::System, "System").said(&uri);
    let (access, audit) = (desk.access.clone(), desk.audit.clone());
    let read = tokio::task::spawn_blocking({
        let desk = desk.clone();
        move || (access.users(), audit.map(|audit| audit.read_last(ENTRIES)), updates::Updates::look(&desk))
    });
    let (users, entries, updates) = match read.await {
        Ok(read) => read,
        Err(error) => return frame::broken(&error),
    };
    let snapshot = desk.snapshot();
    let (users, users_trouble) = list(users);
    let (entries, entries_trouble) = match entries {
        Some(Ok(entries)) => (entries.iter().rev().map(EntryRow::new).collect(), String::new()),
        Some(Err(error)) => (Vec::new(), format!("The audit log can't be read: {error}")),
        None => (Vec::new(), "The audit log can't be opened; the condition audit-broken says why.".into()),
    };
    let page = Page {
        frame,
        facts: facts(&snapshot),
        certificates: certificates(&snapshot),
        me: visit.session.as_ref().map_or_else(String::new, |session| session.user.clone()),
        second_factor: visit.session.as_ref().is_some_and(|session| session.second_factor),
        users,
        users_trouble,
        entries,
        entries_trouble,
        updates,
    };
    frame::page(StatusCode::OK, &page)
}

fn list(users: Result<Vec<User>, Broken>) -> (Vec<UserRow>, String) {
    match users {
        Ok(users) => (users.iter().map(UserRow::new).collect(), String::new()),
        Err(error) => {
            tracing::error!(%error, "the users can't be read");
            (Vec::new(), "The users can't be read; the log says why.".into())
        }
    }
}

fn facts(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let agent = &snapshot.agent;
    let mut facts = vec![
        ("Name", agent.name.clone()),
        ("Version", format!("{} ({})", agent.version, agent.arch)),
        ("Runs since", format!("{} UTC, {}", shown::second(agent.started), span(agent.uptime_seconds))),
        ("Settings read again", format!("{} times", agent.reloads_total)),
        ("Secrets", snapshot.secrets.text.clone()),
    ];
    if let Some(storage) = snapshot.appliance.as_ref().and_then(|appliance| appliance.storage.as_ref()) {
        facts.push(("Data on the disk", storage.text.clone()));
    }
    if let Some(remote) = &snapshot.remote {
        facts.push(("These pages", remote.text.clone()));
        facts.push(("Fingerprint (SHA-256)", remote.fingerprint_sha256.clone()));
    }
    facts
}

/// All that are known, the first to end first.
fn certificates(snapshot: &Snapshot) -> Vec<CertificateRow> {
    let of_remote = snapshot.remote.iter().filter_map(|remote| {
        let whose = format!("These pages and the SOC's checks ({})", remote.certificate.as_str());
        Some((remote.expires?, whose))
    });
    let of_destinations = snapshot.destinations.iter().flat_map(|one| {
        let named = |end: &crate::status::CertificateEnd| {
            (end.expires, format!("{}: {}", one.name, end.whose.in_words().replace('`', "")))
        };
        one.certificates.iter().map(named)
    });
    let mut all: Vec<(Timestamp, String)> = of_remote.chain(of_destinations).collect();
    all.sort();
    all.into_iter().map(|(ends, whose)| CertificateRow::new(ends, whose, snapshot.time)).collect()
}

impl CertificateRow {
    fn new(ends: Timestamp, whose: String, now: Timestamp) -> CertificateRow {
        const SOON: u64 = 30 * 86_400;
        let left = seconds_between(now, ends);
        let (left, tone) = match left {
            0 => ("has ended".to_owned(), "bad"),
            soon if soon < SOON => (format!("in {}", span(soon)), "fair"),
            far => (format!("in {}", span(far)), "good"),
        };
        CertificateRow { whose, ends: shown::minute(ends), left, tone }
    }
}

impl UserRow {
    fn new(user: &User) -> UserRow {
        UserRow {
            name: user.name.clone(),
            role: user.role.as_str(),
            factor: if user.second_factor {
                format!("set, {} recovery codes left", user.recovery_codes)
            } else {
                "none".into()
            },
            since: shown::minute(user.password_set),
        }
    }
}

impl EntryRow {
    fn new(entry: &Entry) -> EntryRow {
        let text = |text: &str| shown::visible(text).into_owned();
        EntryRow {
            number: entry.number,
            time: shown::second(entry.time),
            who: text(&entry.who),
            from: entry.from.map_or_else(String::new, |from| from.to_string()),
            act: text(&entry.act),
            about: text(&entry.about),
            outcome: entry.outcome.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
