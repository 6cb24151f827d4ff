//! The first page: how the agent does.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::Desk;
use super::frame::{self, Frame, Place};
use super::visit::Visit;

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct Page {
    frame: Frame,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let frame = Frame::new(&desk, &visit, Place::Overview, "Overview").said(&uri);
    frame::page(StatusCode::OK, &Page { frame })
}
