//! `/admin/live`: what the tiles say, as it changes, as server-sent events.
//!
//! Promise: it says nothing that the pages do not; it ends with its session, which it does not keep alive, and within
//! [`LONGEST`]; the browser then asks again. A session has few of them at a time.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::Desk;
use super::tile::{self, Told};
use super::visit::Visit;

/// How often the board is looked at.
const PACE: Duration = Duration::from_secs(2);
/// The listener cuts such answers off at five minutes: an end in order comes before that.
const LONGEST: Duration = Duration::from_secs(4 * 60);

pub(super) async fn stream(State(desk): State<Desk>, visit: Visit) -> Response {
    let Some(seat) = visit.cookie.as_ref().and_then(|cookie| desk.turns.stream(cookie)) else {
        let text = "This session has as many live pages as it may: close one, and load this one again.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let end = Instant::now() + LONGEST;
    // The seat goes with the stream, however that ends.
    let changes = stream::unfold((desk, visit, Vec::new(), seat), move |(desk, visit, before, seat)| async move {
        let now = next(&desk, &visit, &before, end).await?;
        let event = Event::default().json_data(&now).unwrap_or_default();
        Some((Ok::<_, Infallible>(event), (desk, visit, now, seat)))
    });
    Sse::new(changes).keep_alive(KeepAlive::new().interval(Duration::from_secs(20))).into_response()
}

/// What the tiles say as soon as it is not what they said before; `None` at the end, and once the session has ended.
async fn next(desk: &Desk, visit: &Visit, before: &[Told], end: Instant) -> Option<Vec<Told>> {
    loop {
        let now = tile::all(&desk.snapshot());
        if now != before {
            return Some(now);
        }
        if Instant::now() + PACE >= end {
            return None;
        }
        sleep(PACE).await;
        let (access, cookie, at) = (desk.access.clone(), visit.cookie.clone()?, desk.now());
        tokio::task::spawn_blocking(move || access.glance(cookie.reveal(), at)).await.ok()??;
    }
}
