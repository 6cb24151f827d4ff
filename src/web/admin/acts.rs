//! What somebody did by these pages, as entries of the audit log.
//!
//! Promise: an entry names who, from where, what, and what came of it; never a secret, never an event's content.
//! Of what anybody can do without end there are few entries, and the number of the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Desk;
use super::ration::{Ration, Share};
use super::visit::Visit;
use crate::audit::{Act, Outcome};
use crate::status::Code;

/// What the log still takes of acts that anybody can do without end: downloads, and refusals. Shared by clone.
#[derive(Clone, Debug)]
pub struct Rations {
    looks: Arc<Mutex<Ration>>,
    refusals: Arc<Mutex<Ration>>,
}

impl Default for Rations {
    fn default() -> Rations {
        Rations {
            looks: Arc::new(Mutex::new(Ration::of_looks())),
            refusals: Arc::new(Mutex::new(Ration::of_refusals())),
        }
    }
}

fn lock(ration: &Mutex<Ration>) -> MutexGuard<'_, Ration> {
    ration.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes an act of this visit's user: in two or three words that never change, and what it was done to.
pub(super) async fn note(desk: &Desk, visit: &Visit, act: &'static str, about: String, well: bool) {
    let who = visit.session.as_ref().map_or("nobody", |session| session.user.as_str()).to_owned();
    note_of(desk, visit, who, act, about, if well { Outcome::Done } else { Outcome::Failed }).await;
}

/// Notes that this visit's user was handed something that is there to be read.
pub(super) async fn note_look(desk: &Desk, visit: &Visit, act: &'static str, about: String) {
    let who = visit.session.as_ref().map_or("nobody", |session| session.user.as_str()).to_owned();
    // A user is one, from wherever they look and at whatever.
    let kind = Act { who, from: None, act, about: String::new(), outcome: Outcome::Done };
    let about = match share(desk, &desk.rations.looks, &kind).await {
        Share::Noted => about,
        Share::Last => format!("{about}; more within the hour are counted alone"),
        Share::Counted => return,
    };
    note_of(desk, visit, kind.who, act, about, kind.outcome).await;
}

/// Notes that somebody did not prove who they are.
pub(super) async fn note_refusal(
    desk: &Desk,
    visit: &Visit,
    who: String,
    act: &'static str,
    about: String,
    outcome: Outcome,
) {
    let kind = Act { who, from: Some(visit.from), act, about, outcome };
    match share(desk, &desk.rations.refusals, &kind).await {
        Share::Noted | Share::Last => note_of(desk, visit, kind.who, act, kind.about, outcome).await,
        Share::Counted => {}
    }
}

/// What becomes of one more of this kind, when the numbers that are due have been noted.
async fn share(desk: &Desk, ration: &Mutex<Ration>, kind: &Act) -> Share {
    let now = desk.now();
    let (owed, share) = {
        let mut ration = lock(ration);
        (ration.owed(now), ration.take(kind, now))
    };
    write(desk, owed).await;
    share
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
    let now = desk.now();
    let mut acts = lock(&desk.rations.looks).owed(now);
    acts.extend(lock(&desk.rations.refusals).owed(now));
    acts.push(Act { who, from: Some(visit.from), act, about, outcome });
    write(desk, acts).await;
}

/// Writes them, in this order.
async fn write(desk: &Desk, acts: Vec<Act>) {
    let Some(log) = desk.audit.clone() else { return };
    if acts.is_empty() {
        return;
    }
    let now = desk.now();
    let written = tokio::task::spawn_blocking(move || acts.iter().try_for_each(|act| log.record(act, now).map(drop)));
    match written.await.map_err(std::io::Error::from).and_then(|written| written) {
        Ok(()) => {
            desk.board.clear(Code::AuditBroken, "pages");
        }
        Err(error) => {
            let text = format!("the audit log can't be written: {error}");
            tracing::error!("{text}");
            desk.board.raise(Code::AuditBroken, "pages", text, now);
        }
    }
}
