//! What somebody did by these pages, as entries of the audit log.
//!
//! Promise: an entry names who, from where, what, and what came of it; never a secret, never an event's content.

use super::Desk;
use super::visit::Visit;
use crate::audit::{Act, Outcome};
use crate::status::Code;

/// Notes an act of this visit's user: in two or three words that never change, and what it was done to.
pub(super) async fn note(desk: &Desk, visit: &Visit, act: &'static str, about: String, well: bool) {
    let who = visit.session.as_ref().map_or("nobody", |session| session.user.as_str()).to_owned();
    note_of(desk, visit, who, act, about, if well { Outcome::Done } else { Outcome::Failed }).await;
}

/// Notes an act of somebody who was not in when it began.
pub(super) async fn note_of(
    desk: &Desk,
    visit: &Visit,
    who: String,
    act: &'static str,
    about: String,
    outcome: Outcome,
) {
    let Some(log) = desk.audit.clone() else { return };
    let (now, from) = (desk.now(), Some(visit.from));
    let act = Act { who, from, act, about, outcome };
    let written = tokio::task::spawn_blocking(move || log.record(&act, now)).await;
    match written.map_err(std::io::Error::from).and_then(|written| written) {
        Ok(_) => {
            desk.board.clear(Code::AuditBroken, "pages");
        }
        Err(error) => {
            let text = format!("the audit log can't be written: {error}");
            tracing::error!("{text}");
            desk.board.raise(Code::AuditBroken, "pages", text, now);
        }
    }
}
