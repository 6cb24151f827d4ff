//! Who asks: what the guard found out about a request, for the page that answers it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use super::posted::Posted;
use crate::access::Session;
use crate::values::Secret;

/// One request that was let in.
#[derive(Clone)]
pub(super) struct Visit {
    /// Where it came from.
    pub from: IpAddr,
    /// `None` on the pages that need none.
    pub session: Option<Session>,
    /// The cookie that the session was found by.
    pub cookie: Option<Secret>,
    /// The form, of what was posted.
    pub form: Arc<Posted>,
}

/// Where the listener does not tell: nobody's address.
pub(super) const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visit, Self::Rejection> {
        let unseen = (StatusCode::INTERNAL_SERVER_ERROR, "This path is not guarded: please report this.\n");
        parts.extensions.get::<Visit>().cloned().ok_or(unseen)
    }
}
