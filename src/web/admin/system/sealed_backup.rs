//! A backup with the sealed secrets in it, sealed anew under a passphrase: for an appliance, where nobody types commands.
//!
//! Promise: no secret leaves in any other form, and none for a session alone: it takes the administrator's password once
//! more. It is recorded.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::backups::download;
use crate::access::Denied;
use crate::audit::Outcome;
use crate::backup::{SHORTEST, Wanted};
use crate::values::Secret;
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::login::told;
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts};

#[derive(Template)]
#[template(path = "admin/sealed-backup.html")]
struct Page {
    frame: Frame,
    shortest: usize,
    denied: String,
}

fn page_of(desk: &Desk, visit: &Visit, status: StatusCode, denied: String) -> Response {
    let frame = Frame::new(desk, visit, Place::System, "Backup with secrets");
    frame::page(status, &Page { frame, shortest: SHORTEST, denied })
}

pub(in crate::web::admin) async fn sealed_backup_page(State(desk): State<Desk>, visit: Visit) -> Response {
    page_of(&desk, &visit, StatusCode::OK, String::new())
}

pub(in crate::web::admin) async fn sealed_backup(State(desk): State<Desk>, visit: Visit) -> Response {
    let passphrase = visit.form.text("passphrase");
    let mistake = if passphrase.chars().count() < SHORTEST {
        Some(format!("The passphrase is too short: {SHORTEST} letters or more; a few words will do."))
    } else if passphrase != visit.form.text("again") {
        Some("The two passphrases are not the same. Nothing was made.".to_owned())
    } else {
        None
    };
    if let Some(mistake) = mistake {
        return page_of(&desk, &visit, StatusCode::UNPROCESSABLE_ENTITY, mistake);
    }
    let wanted = Wanted::WithSecrets(Secret::new(passphrase));
    let (Some(cookie), Some(session)) = (visit.cookie.clone(), visit.session.clone()) else {
        return frame::see("/admin/login");
    };
    let (access, posted, now) = (desk.access.clone(), visit.form.clone(), desk.now());
    let proved = tokio::task::spawn_blocking(move || access.confirm(cookie.reveal(), posted.text("password"), now));
    match proved.await {
        Ok(Ok(())) => download(&desk, &visit, wanted).await,
        Ok(Err(denied)) => {
            if matches!(denied, Denied::Wrong | Denied::SecondFactor) {
                let about = "with secrets".to_owned();
                acts::note_refusal(&desk, &visit, session.user, "settings backup", about, Outcome::Refused).await;
            }
            let (status, denied) = told(&denied);
            page_of(&desk, &visit, status, denied)
        }
        Err(error) => frame::broken(&error),
    }
}
