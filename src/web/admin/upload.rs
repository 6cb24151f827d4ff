//! A form with a file, as the guard takes it in: its fields first, and then the file piece by piece.
//!
//! Promise: nothing of the file is read before the session's token stood before it; a piece that does not come, and a file
//! that takes for ever, end the request; a piece is in memory at one time, and not the file.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use zeroize::Zeroizing;

use super::multipart::{Multipart, Piece};
use super::posted::{self, Posted};
use crate::web::Patience;

/// From one piece to the next.
const PAUSE: Duration = Duration::from_secs(30);
/// For all of it: 1 GiB at 1.2 Mbit/s.
const WHOLE: Duration = Duration::from_secs(2 * 3600);

/// What a field costs beside its name and its text, in bytes, at the most.
const FIELD: usize = 512;
/// Of a file that was refused, in bytes.
const DRAINED: usize = 64 << 20;

/// A file that is coming in.
pub(super) struct Upload {
    /// As the browser calls it.
    pub name: String,
    /// Of the whole request, in bytes: the file is smaller.
    pub announced: Option<u64>,
    body: Body,
    multipart: Multipart,
    patience: Option<Patience>,
}

/// It did not come in whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The file did not come in whole: the connection was cut, or stood still for half a minute. Nothing was changed."
)]
pub(super) struct Cut;

/// What the guard hands on: the file, for whoever takes it first.
#[derive(Clone, Default)]
pub(super) struct Uploaded(Arc<Mutex<Option<Upload>>>);

impl Uploaded {
    /// `None`: no file was sent.
    pub(super) fn take(&self) -> Option<Upload> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<S: Sync> FromRequestParts<S> for Uploaded {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Uploaded, Self::Rejection> {
        Ok(parts.extensions.get::<Uploaded>().cloned().unwrap_or_default())
    }
}

/// The form that the headers tell of; `None`: it is one without a file.
pub(super) fn told(headers: &HeaderMap) -> Option<Multipart> {
    Multipart::of(headers.get(header::CONTENT_TYPE)?.to_str().ok()?)
}

/// Reads the fields up to the file.
pub(super) async fn begin(
    multipart: Multipart,
    body: Body,
    headers: &HeaderMap,
    patience: Option<Patience>,
) -> Result<(Posted, Uploaded), Response> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let mut upload = Upload { name: String::new(), announced, body, multipart, patience };
    let mut posted = Posted::default();
    let (mut field, mut value, mut room) = (String::new(), Zeroizing::new(Vec::new()), posted::LARGEST);
    let large = || (StatusCode::PAYLOAD_TOO_LARGE, "The form is too large.\n").into_response();
    let cut = || (StatusCode::BAD_REQUEST, "The form is none that these pages send, or was cut off.\n").into_response();
    loop {
        match upload.piece().await.map_err(|_| cut())? {
            Piece::Head { file: Some(name), .. } => {
                upload.name = name;
                return Ok((posted, Uploaded(Arc::new(Mutex::new(Some(upload))))));
            }
            Piece::Head { name, file: None } => {
                // Fields cost memory also where nothing is in them.
                room = room.checked_sub(name.len() + FIELD).ok_or_else(large)?;
                field = name;
            }
            Piece::Data(data) => {
                room = room.checked_sub(data.len()).ok_or_else(large)?;
                // Grown by hand, so that no copy of a passphrase is left behind.
                let mut grown = Zeroizing::new(Vec::with_capacity(value.len() + data.len()));
                grown.extend_from_slice(&value);
                grown.extend_from_slice(&data);
                value = grown;
            }
            Piece::End => {
                let text = std::str::from_utf8(&value).map_err(|_| cut())?;
                posted.put(std::mem::take(&mut field), text);
                value = Zeroizing::new(Vec::new());
            }
            Piece::Done => return Ok((posted, Uploaded::default())),
        }
    }
}

impl Upload {
    /// The next bytes of the file; `None`: it is whole.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        match self.piece().await? {
            Piece::Data(data) => Ok(Some(data)),
            Piece::End => {
                if let Some(patience) = &self.patience {
                    patience.usual();
                }
                Ok(None)
            }
            // Only the end of a part follows on its data.
            Piece::Head { .. } | Piece::Done => Err(Cut),
        }
    }

    /// From now on it may take longer than other requests: who sends has been let in.
    pub(super) fn allow(&self) {
        if let Some(patience) = &self.patience {
            patience.allow(WHOLE);
        }
    }

    /// Reads on for a while, so that a browser which still sends gets to read why it was refused.
    pub(super) async fn drain(&mut self) {
        let mut read = 0;
        while let Ok(Some(bytes)) = self.next().await {
            read += bytes.len();
            if read > DRAINED {
                return;
            }
        }
    }

    async fn piece(&mut self) -> Result<Piece, Cut> {
        loop {
            if let Some(piece) = self.multipart.next().map_err(|_| Cut)? {
                return Ok(piece);
            }
            let frame = tokio::time::timeout(PAUSE, self.body.frame()).await.map_err(|_| Cut)?;
            let frame = frame.ok_or(Cut)?.map_err(|_| Cut)?;
            // Trailers are nothing to us.
            if let Ok(data) = frame.into_data() {
                self.multipart.push(&data);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_of_very_many_fields_with_nothing_in_them_is_too_large() {
        let part = "--x7\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
        for (many, refused) in [(20, None), (20_000, Some(StatusCode::PAYLOAD_TOO_LARGE))] {
            let multipart = Multipart::of("multipart/form-data; boundary=x7").expect("a form");
            let body = Body::from(part.repeat(many) + "--x7--\r\n");
            let begun = begin(multipart, body, &HeaderMap::new(), None).await;
            assert_eq!(begun.err().map(|answer| answer.status()), refused, "{many}");
        }
    }
}
