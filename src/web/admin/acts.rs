//! What somebody did by these pages, as it is noted.
//!
//! Promise: never a secret, never an event's content.

use super::Desk;
use super::visit::Visit;

/// Notes an act: in two or three words that never change, and what it was done to.
pub(super) async fn note(_desk: &Desk, visit: &Visit, act: &'static str, about: String, well: bool) {
    let who = visit.session.as_ref().map_or("", |session| session.user.as_str());
    tracing::info!(who, from = %visit.from, about, well, "{act}");
}
