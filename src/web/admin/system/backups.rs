//! Settings as a download, and back: without secrets on the way out; on the way in also those that a passphrase opens.
//!
//! Promise: what comes back is written where the pages may write, in the state folder, and only if it holds together with
//! the operator's own files; those that differ are named and left alone.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::backup::{self, Document, Memory, NotRestored, Opened, Reach, Restored, Sources, Wanted};
use crate::secrets::store;
use crate::values::Secret;
use crate::web::admin::changing::{self, Applied};
use crate::web::admin::upload::{Upload, Uploaded};
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts, frame};

const BACK: (&str, &str) = ("/admin/system", "System");

pub(in crate::web::admin) async fn backup(State(desk): State<Desk>, visit: Visit) -> Response {
    let refused = |text: &str| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        frame::message(&desk, &visit, status, "There is no backup", text, BACK)
    };
    let Some(turn) = desk.turns.bundle() else {
        let (title, text) = ("Another file is being made", "There is one at a time. Come back in a minute.");
        return frame::message(&desk, &visit, StatusCode::SERVICE_UNAVAILABLE, title, text, BACK);
    };
    let now = desk.now();
    let made = tokio::task::spawn_blocking({
        let desk = desk.clone();
        move || {
            let sources = Sources { config: &desk.settings, env: &env, secrets: &desk.secrets };
            let made = backup::gather(&sources, &Wanted::Settings, now);
            drop(turn);
            made
        }
    });
    let made = match made.await {
        Ok(made) => made,
        Err(error) => return frame::broken(&error),
    };
    // A download has no room for a sentence: the log and the audit log tell it.
    let unsearched = made.as_ref().map(|made| made.unsearched.as_slice()).unwrap_or_default();
    let about = match unsearched.len() {
        0 => "without secrets".to_owned(),
        some => format!("without secrets; {some} of them could not be searched for"),
    };
    acts::note(&desk, &visit, "settings backup", about, made.is_ok()).await;
    for one in unsearched {
        tracing::warn!(secret = %one, "not searched for in the backup that was downloaded");
    }
    let document = match made {
        Ok(made) => made.document,
        Err(why) => return refused(&why.to_string()),
    };
    let name = backup::name(&document.agent, now);
    match document.to_json() {
        Ok(bytes) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json".to_owned()),
                // Letters, digits, dots and dashes alone.
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.json\"")),
            ];
            (headers, bytes).into_response()
        }
        Err(error) => frame::broken(&error),
    }
}

pub(in crate::web::admin) async fn restore(State(desk): State<Desk>, visit: Visit, uploaded: Uploaded) -> Response {
    let refused = |text: &str| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        frame::message(&desk, &visit, status, "The settings were not restored", text, BACK)
    };
    let Some(upload) = uploaded.take().filter(|upload| !upload.name.is_empty()) else {
        return refused("No file was chosen. Choose the file of a backup, which ends in .json.");
    };
    let bytes = match read(upload).await {
        Ok(bytes) => bytes,
        Err(text) => return refused(&text),
    };
    let Some(turn) = desk.turns.bundle() else {
        return refused("Another backup or support bundle is being made. Come back in a minute.");
    };
    let now = desk.now();
    let done = tokio::task::spawn_blocking({
        let (desk, form) = (desk.clone(), visit.form.clone());
        move || {
            let done = put_back(&desk, &bytes, form.text("passphrase"), now);
            drop(turn);
            done
        }
    });
    let (restored, unreached) = match done.await {
        Ok(Ok(done)) => done,
        Ok(Err(text)) => {
            acts::note(&desk, &visit, "settings restore", "refused".into(), false).await;
            return refused(&text);
        }
        Err(error) => return frame::broken(&error),
    };
    let about = format!("in the state folder: {} steps", restored.steps.len());
    acts::note(&desk, &visit, "settings restore", about, true).await;
    let mut told = Vec::new();
    if !restored.steps.is_empty() {
        match changing::reload(&desk).await {
            Applied::InForce => {}
            Applied::NotTaken(why) => told.push(format!("The agent has not taken it up: {why}.")),
            Applied::UnderWay => {
                told.push("The agent is still taking it up: it ends what is under way in order.".to_owned());
            }
        }
    }
    if !unreached.is_empty() {
        told.push(format!(
            "These are not the pages' to write, or are the operator's own and differ from those here, and were left alone: {}. \
             On the box, `conductor restore` puts them back; on the appliance, a volume does.",
            unreached.join(", ")
        ));
    }
    match (told.is_empty(), restored.steps.is_empty()) {
        (true, true) => frame::see("/admin/system?said=as-it-is"),
        (true, false) => frame::see("/admin/system?said=restored"),
        (false, _) => {
            let text = format!("What lies in the state folder was restored. {}", told.join(" "));
            frame::message(&desk, &visit, StatusCode::OK, "Restored, in part", &text, BACK)
        }
    }
}

/// The whole file; the error is a sentence.
async fn read(mut upload: Upload) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(more) = upload.next().await.map_err(|cut| cut.to_string())? {
        if bytes.len() + more.len() > backup::LARGEST {
            let most = backup::LARGEST >> 20;
            return Err(format!("The file is larger than {most} MiB, and no backup is. Nothing was changed."));
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}

fn put_back(
    desk: &Desk,
    bytes: &[u8],
    passphrase: &str,
    now: jiff::Timestamp,
) -> Result<(Restored, Vec<String>), String> {
    let document = Document::read(bytes).map_err(|why| format!("Nothing was changed: {why}."))?;
    let opened = if passphrase.is_empty() {
        Opened::default()
    } else {
        backup::open(&document, &Secret::new(passphrase), Memory::OfAgent)
            .map_err(|why| format!("Nothing was changed: {why}."))?
    };
    let holds = |name: &str| store::path(name, &desk.secrets).exists();
    let plan = backup::plan(&desk.settings, &env, &document, opened, Reach::Pages { holds: &holds }).map_err(told)?;
    let unreached = plan.unreached.clone();
    let restored = backup::restore(&plan, &desk.settings, &env, &desk.secrets, now).map_err(told)?;
    Ok((restored, unreached))
}

/// The sentence of the page. Nobody logs in to an appliance: it names the way that there is.
fn told(why: NotRestored) -> String {
    match why {
        NotRestored::NotByPage(_) => {
            format!("{why}. On an appliance a volume brings such settings; elsewhere `conductor restore` takes them.")
        }
        NotRestored::Unread(_)
        | NotRestored::NoMain
        | NotRestored::Wrong(_)
        | NotRestored::Disk { .. }
        | NotRestored::Unsealed(_)
        | NotRestored::Half { .. } => why.to_string(),
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
