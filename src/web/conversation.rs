//! HTTP/1.1 over one connection, for both listeners.
//!
//! Promise: at each moment one limit of time stands over the connection, whoever is slow and in whatever: it moves only
//! when a whole head has come or a whole answer has been handed over, or when a page that knows who sends takes a file in.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Extensions, Request, Response, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connections::Limits;

/// Answers what `stream` asks, by `router`, until its time is over or `end` resolves. Each request carries `with`.
pub(super) async fn converse<S>(
    stream: S,
    router: Router,
    with: Extensions,
    end: impl Future<Output = ()>,
    limits: Limits,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Pulse { until: Arc::new(watch::channel(Instant::now() + limits.request).0), limits };
    let mut until = pulse.until.subscribe();
    let mut deadline = pin!(tokio::time::sleep_until(*until.borrow_and_update()));
    let exchanges = Exchanges { router: TowerToHyperService::new(router), with, pulse };
    let mut http = http1::Builder::new();
    http.keep_alive(limits.idle.is_some()).max_buf_size(limits.head).max_headers(limits.headers);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), exchanges));
    let mut end = pin!(end);
    let mut told = false;
    loop {
        tokio::select! {
            // What can be answered at once is answered, however late it is.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to a listener of ours ended early");
                }
                return;
            }
            Ok(()) = until.changed() => deadline.as_mut().reset(*until.borrow_and_update()),
            () = &mut deadline => return,
            () = &mut end, if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Moves the limit of a connection.
#[derive(Clone, Debug)]
struct Pulse {
    until: Arc<watch::Sender<Instant>>,
    limits: Limits,
}

impl Pulse {
    /// Of one request a connection, the first limit covers all.
    fn within(&self, limit: Duration) {
        if self.limits.idle.is_some() {
            self.until.send_replace(Instant::now() + limit);
        }
    }

    fn rest(&self) {
        if let Some(idle) = self.limits.idle {
            self.within(idle);
        }
    }
}

/// By which a page moves the limit of its request; stands in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Pulse);

impl Patience {
    /// This request may take so long from now on.
    pub(crate) fn allow(&self, limit: Duration) {
        self.0.within(limit);
    }

    /// From now on as long as every other.
    pub(crate) fn usual(&self) {
        self.0.within(self.0.limits.request);
    }
}

/// One request after the other.
struct Exchanges {
    router: TowerToHyperService<Router>,
    with: Extensions,
    pulse: Pulse,
}

impl Service<Request<Incoming>> for Exchanges {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().extend(self.with.clone());
        request.extensions_mut().insert(Patience(self.pulse.clone()));
        self.pulse.within(self.pulse.limits.request);
        let (answer, pulse) = (self.router.call(request), self.pulse.clone());
        Box::pin(async move {
            let answer = answer.await?;
            if is_stream(&answer) {
                pulse.within(pulse.limits.stream);
            }
            Ok(answer.map(|body| Answer { body, pulse }))
        })
    }
}

/// Server-sent events.
fn is_stream(answer: &Response<Body>) -> bool {
    let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|media_type| media_type.starts_with("text/event-stream"))
}

/// An answer's body. That it is dropped means that hyper has the last of it, or that nobody wants it any more.
struct Answer {
    body: Body,
    pulse: Pulse,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pulse.rest();
    }
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::routing::post;
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMITS: Limits = Limits {
        handshake: Duration::from_secs(10),
        request: Duration::from_secs(10),
        idle: Some(Duration::from_secs(30)),
        stream: Duration::from_secs(300),
        connections: 1,
        per_address: 1,
        stop: Duration::from_secs(1),
        head: 16 << 10,
        headers: 64,
    };

    /// What a peer gets that sends a body of two bytes with a minute between them.
    async fn slowly(path: &str) -> String {
        async fn patient(Extension(patience): Extension<Patience>, body: Body) -> &'static str {
            patience.allow(Duration::from_secs(3600));
            let whole = body.collect().await.is_ok();
            patience.usual();
            if whole { "whole" } else { "cut" }
        }
        async fn usual(body: Body) -> &'static str {
            if body.collect().await.is_ok() { "whole" } else { "cut" }
        }
        let router = Router::new().route("/patient", post(patient)).route("/usual", post(usual));
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let served = tokio::spawn(converse(ours, router, Extensions::new(), std::future::pending(), LIMITS));
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\na");
        theirs.write_all(head.as_bytes()).await.expect("sent");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let _ = theirs.write_all(b"b").await;
        let mut answer = String::new();
        let _ = theirs.read_to_string(&mut answer).await;
        served.await.expect("it ends");
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_takes_a_file_in_may_wait_for_it_and_no_other_may() {
        assert!(slowly("/patient").await.ends_with("whole"));
        assert_eq!(slowly("/usual").await, "", "ten seconds are its time");
    }
}
