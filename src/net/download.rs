//! A large answer, piece by piece: for what must not be held in memory.
//!
//! Promise: over HTTPS alone, no redirect is followed; each piece comes within its limit of time and all of them within
//! theirs, or a sentence says why not.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::http::Client;
use super::pool::Connection;
use super::question::Question;
use crate::fault::{Fault, FaultKind};
use crate::values::format_duration;

/// From one piece to the next.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer that is coming in. Dropped, its connection is cut.
pub struct Download {
    /// What the server says that all of it will be, in bytes.
    pub length: Option<u64>,
    question: Question,
    body: Incoming,
    whole: Duration,
    deadline: Instant,
    _connection: Connection,
}

impl Client {
    /// Asks for `url` without a token and on a connection of its own. `whole`: for all of it.
    ///
    /// # Errors
    /// As of a GET; an answer that is no 200 is `Unavailable`.
    pub async fn download(&self, url: &str, whole: Duration) -> Result<Download, Fault> {
        let question = Question::new(url, &[], None, false)?;
        let proxy = self.proxy_for(&question)?;
        let deadline = Instant::now() + whole;
        // It takes no place of those that short questions share: it may last for an hour.
        let mut connection = self.connect(&question, proxy.as_ref(), deadline).await?;
        let asked = self.ask(&mut connection, &question, proxy.as_ref(), deadline).await;
        let (head, body) = asked.map_err(|unanswered| unanswered.fault)?.into_parts();
        let unfit = |rest: String| Fault::new(FaultKind::Unavailable, format!("{} {rest}", question.place));
        if head.status.is_redirection() {
            return Err(unfit(format!("answered {}: name the address that it leads to", head.status.as_u16())));
        }
        if head.status != http::StatusCode::OK {
            return Err(unfit(format!("answered {}: is the URL right?", head.status.as_u16())));
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(unfit("compressed its answer though it was not asked to".to_owned()));
        }
        let length = head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        Ok(Download { length, question, body, whole, deadline, _connection: connection })
    }
}

impl Download {
    /// The next piece; `None`: that was all.
    ///
    /// # Errors
    /// `Unavailable`, where the connection was cut or stands still.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let until = self.deadline.min(Instant::now() + PATIENCE);
        loop {
            return match timeout_at(until, self.body.frame()).await {
                Ok(None) => Ok(None),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Ok(Some(data)),
                    // Trailers are nothing to us.
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => {
                    let text = format!("{} cut its answer in the middle", self.question.place);
                    Err(Fault::new(FaultKind::Unavailable, text).caused_by(error))
                }
                Err(_) => {
                    let (pause, whole) = (format_duration(PATIENCE), format_duration(self.whole));
                    let text = format!("{} sent nothing for {pause}, or not all within {whole}", self.question.place);
                    Err(Fault::new(FaultKind::Unavailable, text))
                }
            };
        }
    }
}
