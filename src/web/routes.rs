//! What each path answers. Every answer is made from one snapshot of the board.
//!
//! Promise: `/healthz` depends on nothing, `/readyz` on the queue alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;

use super::guard::{self, Hosts};
use super::page;
use crate::status::{Board, Snapshot, health, metrics};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[derive(Clone)]
struct Told {
    board: Board,
    clock: Clock,
}

impl Told {
    fn snapshot(&self) -> Snapshot {
        self.board.snapshot((self.clock)())
    }
}

/// All routes of the local listener behind its guard.
pub fn router(board: Board, clock: Clock, hosts: Hosts) -> Router {
    machine_routes()
        .route("/", get(status_page))
        .route("/style.css", get(style))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .with_state(Told { board, clock })
        .layer(middleware::from_fn_with_state(hosts, guard::guard))
}

/// What machines ask, without a guard: whoever serves it has decided who may.
pub fn machines(board: Board, clock: Clock) -> Router {
    machine_routes()
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_machine_path)
        .with_state(Told { board, clock })
}

fn machine_routes() -> Router<Told> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/health", get(health_json))
        .route("/status", get(status_json))
        .route("/metrics", get(metrics_text))
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(told): State<Told>) -> Response {
    let snapshot = told.snapshot();
    if snapshot.ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", snapshot.queue.text)).into_response()
    }
}

async fn health_json(State(told): State<Told>) -> Response {
    let health = health::health(&told.snapshot());
    let code = StatusCode::from_u16(health.http_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(code, health::MEDIA_TYPE, &health)
}

async fn status_json(State(told): State<Told>) -> Response {
    json(StatusCode::OK, "application/json", &told.snapshot())
}

async fn metrics_text(State(told): State<Told>) -> Response {
    // procfs answers from memory: this read waits for no disk.
    let resident = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| resident_bytes(&text));
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], metrics::metrics(&told.snapshot(), resident)).into_response()
}

async fn status_page(State(told): State<Told>) -> Response {
    match page::render(&told.snapshot()) {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => failed(&error),
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE).into_response()
}

async fn unknown_path() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There is nothing here. Try /, /status, /health, /healthz, /readyz or /metrics.\n")
}

async fn unknown_machine_path() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There is nothing here. Try /status, /health, /healthz, /readyz or /metrics.\n")
}

async fn wrong_method() -> (StatusCode, &'static str) {
    (StatusCode::METHOD_NOT_ALLOWED, "This listener only tells: use GET.\n")
}

fn json(code: StatusCode, media_type: &'static str, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (code, [(header::CONTENT_TYPE, media_type)], text + "\n").into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "an answer of the status listener could not be written");
    (StatusCode::INTERNAL_SERVER_ERROR, "The answer could not be written; the log says why.\n").into_response()
}

/// `VmRSS` of proc_pid_status(5), which counts in kB of 1024 bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_size_is_read_from_procfs_or_left_out() {
        assert_eq!(resident_bytes("Name:\tconductor\nVmRSS:\t   12345 kB\nThreads:\t4\n"), Some(12_345 * 1024));
        assert_eq!(resident_bytes("Name:\tconductor\n"), None);
        assert_eq!(resident_bytes("VmRSS:\tlots\n"), None);
    }
}
