//! One connection: TLS, HTTP/1.1, and an answer in the manner that was decided.
//!
//! Promise: whatever a client sends ends its own connection at worst.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use socket2::Socket;
use tokio::net::TcpStream;

use super::body::Outgoing;
use super::exchange::{Ask, Manner, http_date};
use super::state::Shared;
use crate::door::lock;

pub(super) fn connection(shared: Arc<Shared>, stream: TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        // A dial that fails at TLS, or a client that goes, is the client's affair.
        let _ = serve(shared, stream).await;
    })
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) -> io::Result<()> {
    let peer = stream.peer_addr()?.ip().to_string();
    stream.set_nodelay(true)?;
    // The same socket once more: TLS and HTTP hide theirs, and a reset is an option of the socket.
    let socket = Arc::new(Socket::from(stream.as_fd().try_clone_to_owned()?));
    let stream = shared.tls.accept(stream).await?;
    let service = service_fn(move |request| respond(shared.clone(), socket.clone(), peer.clone(), request));
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn respond(
    shared: Arc<Shared>,
    socket: Arc<Socket>,
    peer: String,
    request: Request<Incoming>,
) -> io::Result<Response<Outgoing>> {
    // Before the decision, so that a clearing right after it is not missed.
    let mut cleared = shared.cleared.subscribe();
    let (known, egress) = {
        let state = lock(&shared.state);
        let right = format!("Bearer {}", state.token);
        let known = request.headers().get(AUTHORIZATION).is_some_and(|header| header.as_bytes() == right.as_bytes());
        (known, state.egress.clone())
    };
    let ask = Ask {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        known,
        // The one spelling that the specification knows.
        mock: request.headers().get("mock-data").is_some_and(|value| value.as_bytes() == b"True"),
        peer: egress.as_deref().unwrap_or(&peer),
        now: Timestamp::now(),
    };
    let (answer, in_flight) = shared.decide(request.method().as_str(), &ask, Instant::now());
    if answer.manner == Manner::Never {
        let _ = cleared.changed().await;
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let mut response = Response::new(Outgoing::new(answer.body, answer.manner, socket, in_flight));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(io::Error::other)?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(DATE, HeaderValue::from_str(&http_date(answer.date.as_second())).map_err(io::Error::other)?);
    for (name, value) in answer.headers {
        headers.insert(name, HeaderValue::from_str(&value).map_err(io::Error::other)?);
    }
    Ok(response)
}
