//! Updates, where this box is an appliance: a bundle is taken in and handed to the system, which judges it.
//!
//! Promise: it is streamed to the disk by the code that `conductor update` uses, within its limits, and only for an
//! administrator; what was refused leaves nothing.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::appliance::update::{self, Arrived, LARGEST, NotTaken, Taking, Told};
use crate::web::admin::upload::{Upload, Uploaded};
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts, frame};

const BACK: (&str, &str) = ("/admin/system", "System");

/// What the page tells of them.
pub(super) struct Updates {
    /// An appliance takes them here.
    pub appliance: bool,
    pub facts: Vec<(&'static str, String)>,
    /// What to do elsewhere.
    pub elsewhere: &'static str,
}

impl Updates {
    /// Looks; for a blocking thread.
    pub(super) fn look(desk: &Desk) -> Updates {
        let elsewhere = update::packages();
        let Some(version) = update::appliance(&desk.version_file) else {
            return Updates { appliance: false, facts: Vec::new(), elsewhere };
        };
        let mut facts = vec![("Version of the box", version)];
        match Told::read(&desk.secrets.state_dir) {
            Ok(told) => {
                facts.extend(told.slot.map(|slot| ("Slot", slot)));
                facts.push(("Last update", told.last.map_or_else(|| "none yet".to_owned(), |last| last.sentence())));
            }
            Err(error) => facts.push(("Last update", format!("what the system tells can't be read: {error}"))),
        }
        Updates { appliance: true, facts, elsewhere }
    }
}

pub(in crate::web::admin) async fn update(State(desk): State<Desk>, visit: Visit, uploaded: Uploaded) -> Response {
    let refused = |status, text: &str| frame::message(&desk, &visit, status, "The update was not taken", text, BACK);
    let version_file = desk.version_file.clone();
    let appliance = tokio::task::spawn_blocking(move || update::appliance(&version_file).is_some()).await;
    if !appliance.unwrap_or_default() {
        return refused(StatusCode::CONFLICT, &format!("Nothing was done: {}.", update::packages()));
    }
    let Some(mut upload) = uploaded.take().filter(|upload| !upload.name.is_empty()) else {
        return refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "No file was chosen. Choose the bundle, a file that ends in .raucb.",
        );
    };
    let name = update::file_name(&upload.name);
    match take(&desk, &mut upload).await {
        Ok(arrived) => {
            let about = format!("{} ({} bytes, SHA-256 {})", arrived.name, arrived.bytes, arrived.sha256);
            acts::note(&desk, &visit, "update", about, true).await;
            frame::see("/admin/system?said=update-taken")
        }
        Err((status, why)) => {
            if status != StatusCode::BAD_REQUEST {
                upload.drain().await;
            }
            acts::note(&desk, &visit, "update", name, false).await;
            refused(status, &why)
        }
    }
}

async fn take(desk: &Desk, upload: &mut Upload) -> Result<Arrived, (StatusCode, String)> {
    let most = LARGEST;
    // The form around the file is a few hundred bytes; its own size is known at its end alone.
    if upload.announced.is_some_and(|bytes| bytes > most + (64 << 10)) {
        return Err(told(&NotTaken::TooLarge { most }));
    }
    upload.allow();
    let state_dir = desk.secrets.state_dir.clone();
    let mut taking = Taking::begin(state_dir, upload.name.clone(), None, most).await.map_err(|why| told(&why))?;
    while let Some(bytes) = upload.next().await.map_err(|cut| (StatusCode::BAD_REQUEST, cut.to_string()))? {
        taking.put(bytes).await.map_err(|why| told(&why))?;
    }
    taking.end(None).await.map_err(|why| told(&why))
}

fn told(why: &NotTaken) -> (StatusCode, String) {
    let status = match why {
        NotTaken::Busy | NotTaken::Installing => StatusCode::CONFLICT,
        NotTaken::NoBundle | NotTaken::Short { .. } | NotTaken::Another { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        NotTaken::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        NotTaken::NoRoom { .. } => StatusCode::INSUFFICIENT_STORAGE,
        NotTaken::Disk { .. } => {
            tracing::error!(error = %why, "an update could not be taken in");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    (status, format!("Nothing was changed: {why}."))
}
