//! One connection: TLS or not, HTTP/1.1, and an answer in the manner that was ordered.
//!
//! Promise: whatever a client sends ends its own connection at worst.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Fault, Heard, Reply, Shared};
use crate::door::lock;

pub(super) fn connection(shared: Arc<Shared>, stream: TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        // A client that goes, or fails at TLS, is the client's affair.
        let _ = stream.set_nodelay(true);
        match shared.tls.clone() {
            None => drop(serve(shared, stream).await),
            Some(tls) => {
                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                    drop(serve(shared, stream).await);
                }
            }
        }
    })
}

async fn serve<S>(shared: Arc<Shared>, mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gibberish = {
        let mut record = lock(&shared.record);
        matches!(record.faults.front(), Some(Fault::Gibberish)).then(|| record.faults.pop_front()).is_some()
    };
    if gibberish {
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked).await?;
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await?;
        return stream.shutdown().await;
    }
    let service = service_fn(move |request| respond(shared.clone(), request));
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Outgoing>> {
    let process = lock(&shared.record).process;
    let mut stalled = shared.stalled.subscribe();
    let _ = stalled.wait_for(|stalled| !stalled).await;
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let encoding = head.headers.get("content-encoding").map(text);
    let size = body.len();
    let heard = Heard {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers,
        body: decompressed(encoding.as_deref(), &body)?,
    };
    let fault = {
        let mut record = lock(&shared.record);
        record.heard.push(heard.clone());
        record.faults.pop_front().filter(|fault| !matches!(fault, Fault::None))
    };
    let keeps = match &fault {
        None | Some(Fault::None | Fault::HangsInAnswer | Fault::Endless) => true,
        Some(Fault::Says(..) | Fault::Gibberish) => false,
        Some(Fault::Hangs { keeps } | Fault::Cuts { keeps } | Fault::CutsAnswer { keeps }) => *keeps,
    };
    let reply = match &fault {
        Some(Fault::Says(status, headers)) => Reply { headers: headers.clone(), ..Reply::new(*status, "as ordered") },
        Some(_) if !keeps => Reply::new(200, "{}"),
        Some(_) | None if size > shared.options.largest => Reply::new(413, "too large"),
        Some(_) | None => shared.answer(&heard, process).ok_or(io::ErrorKind::ConnectionAborted)?,
    };
    shared.asked.add();
    let _ = stalled.wait_for(|stalled| !stalled).await;
    let (whole, then) = match fault {
        None | Some(Fault::None | Fault::Says(..) | Fault::Gibberish) => (true, Then::End),
        Some(Fault::Hangs { .. }) => return std::future::pending().await,
        Some(Fault::Cuts { .. }) => return Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Fault::CutsAnswer { .. }) => (false, Then::Cut),
        Some(Fault::HangsInAnswer) => (false, Then::Hang),
        Some(Fault::Endless) => (false, Then::More),
    };
    let parts = if whole { VecDeque::from([Bytes::from(reply.body)]) } else { VecDeque::from(["{".into()]) };
    let mut response = Response::new(Outgoing { parts, then });
    *response.status_mut() = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    for (name, value) in reply.headers {
        let value = HeaderValue::from_str(&value).map_err(io::Error::other)?;
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(response)
}

fn decompressed(encoding: Option<&str>, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match encoding {
        None => plain.extend_from_slice(body),
        Some("gzip") => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut plain)?),
        Some("zstd") => plain = zstd::stream::decode_all(body)?,
        Some(_) => return Err(io::ErrorKind::InvalidData.into()),
    }
    Ok(plain)
}

/// What follows when all parts are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    Cut,
    CutNow,
    Hang,
    More,
}

struct Outgoing {
    parts: VecDeque<Bytes>,
    then: Then,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(part) = self.parts.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            // What came before is to be on its way first: hyper writes it out when there is nothing to do.
            Then::Cut => {
                self.then = Then::CutNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Then::CutNow => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            Then::Hang => Poll::Pending,
            Then::More => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 64 << 10]))))),
        }
    }
}
