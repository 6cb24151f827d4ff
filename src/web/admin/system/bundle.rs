//! The support bundle, as a download.
//!
//! Promise: one is made at a time, so that nobody fills the memory with them; it is the bundle of `conductor support-bundle`, without the long look through the queue's files; who took it
//! is recorded.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::bundle::{self, Sources};
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts, frame};

pub(in crate::web::admin) async fn download(State(desk): State<Desk>, visit: Visit) -> Response {
    let Some(turn) = desk.turns.bundle() else {
        let (title, text) = ("A support bundle is being made", "There is one at a time. Come back in a minute.");
        let way_on = ("/admin/system", "System");
        return frame::message(&desk, &visit, StatusCode::SERVICE_UNAVAILABLE, title, text, way_on);
    };
    let queue = desk.ledger.numbers().await.map_err(|trouble| trouble.to_string());
    let (snapshot, now) = (desk.snapshot(), desk.now());
    let name = bundle::name(&snapshot.agent.name, now);
    let made = tokio::task::spawn_blocking({
        let (desk, name) = (desk.clone(), name.clone());
        move || {
            let sources = Sources {
                config: &desk.settings,
                env: &|name| std::env::var(name).ok(),
                state_dir: &desk.secrets.state_dir,
                secrets: &desk.secrets,
                snapshot: Ok(snapshot),
                queue,
                verified: Err("it takes long: `conductor queue verify --json` on the box".into()),
            };
            let made = bundle::make(&sources, &name, now);
            // Here: it is made to its end also where nobody waits for it any more.
            drop(turn);
            made
        }
    });
    let made = made.await.map_err(std::io::Error::from).and_then(|made| made);
    acts::note(&desk, &visit, "support-bundle", name.clone(), made.is_ok()).await;
    match made {
        Ok(bytes) => {
            let headers = [
                (header::CONTENT_TYPE, "application/gzip".to_owned()),
                // Letters, digits, dots and dashes alone.
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.tar.gz\"")),
            ];
            (headers, bytes).into_response()
        }
        Err(error) => frame::broken(&error),
    }
}
