//! The password of who is logged in, once more: for what a session that was left open must not be enough for.
//!
//! Promise: a wrong one is recorded, and counts as a try at the login does.

use http::StatusCode;

use crate::access::Denied;
use crate::audit::Outcome;
use crate::web::admin::login::told;
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts};

/// Is `typed` the password of who is logged in? `act` is what it was asked for. Whom it was about is not recorded: before it is
/// proved, that is any text of any length.
///
/// # Errors
/// The answer's status, and a sentence for the page.
pub(super) async fn proved(
    desk: &Desk,
    visit: &Visit,
    typed: &str,
    act: &'static str,
) -> Result<(), (StatusCode, String)> {
    let (Some(cookie), Some(session)) = (visit.cookie.clone(), visit.session.clone()) else {
        return Err((StatusCode::FORBIDDEN, "Nobody is logged in. Log in, and try again.".to_owned()));
    };
    let (access, typed, now) = (desk.access.clone(), typed.to_owned(), desk.now());
    let judged = tokio::task::spawn_blocking(move || access.confirm(cookie.reveal(), &typed, now)).await;
    let Err(denied) = judged.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) else {
        return Ok(());
    };
    if matches!(denied, Denied::Wrong | Denied::SecondFactor) {
        acts::note_refusal(desk, visit, session.user, act, String::new(), Outcome::Refused).await;
    }
    Err(told(&denied))
}
