//! API tokens of the customer, as the vendor tells them, and what each may read.
//!
//! Promise: a token's secret is not among these records, so nothing here can show one.

use jiff::Timestamp;

use super::endpoint::Endpoint;
use super::exchange::{Answer, Ask, error, json};
use super::filter::parameter;
use super::json::{array, object, plain, texts};

/// One token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// A UUID.
    pub id: String,
    pub name: String,
    pub status: TokenStatus,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// Such as `soar_v1_read_threats`.
    pub permissions: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStatus {
    Active,
    Expired,
    Revoked,
}

impl TokenStatus {
    fn word(self) -> &'static str {
        match self {
            TokenStatus::Active => "active",
            TokenStatus::Expired => "expired",
            TokenStatus::Revoked => "revoked",
        }
    }
}

impl Token {
    /// An active one with every permission.
    pub fn new(name: &str, created: Timestamp, expires: Timestamp) -> Token {
        let permissions = Endpoint::ALL.into_iter().filter_map(|(_, endpoint)| endpoint.permission());
        let mut permissions: Vec<String> = permissions.map(str::to_owned).collect();
        permissions.sort_unstable();
        permissions.dedup();
        Token {
            id: "6f1c2b1e-0000-4000-8000-000000000001".to_owned(),
            name: name.to_owned(),
            status: TokenStatus::Active,
            created,
            expires,
            permissions,
        }
    }

    /// The one that a test means which sets an end alone: `edge`, made on the second of January 2026.
    pub(super) fn edge(expires: Timestamp) -> Token {
        Token::new("edge", Timestamp::from_second(1_767_312_000).unwrap_or(Timestamp::UNIX_EPOCH), expires)
    }

    fn json(&self) -> String {
        object(&[
            ("token_id", plain(&self.id)),
            ("name", plain(&self.name)),
            ("version", plain("v2")),
            ("status", plain(self.status.word())),
            ("created_at", plain(&self.created.to_string())),
            ("expires_at", plain(&self.expires.to_string())),
            ("permissions", texts(&self.permissions)),
        ])
    }
}

/// The answer at `/v1/soar/tokens`: `limit` (1 to 200, else 50), `offset`, `show_all` (the ended ones too),
/// `sort_by=expires_at` (soonest first).
pub(super) fn told(tokens: &[Token], ask: &Ask<'_>) -> Answer {
    let number = |name, default: usize| parameter(ask.query, name).map_or(Some(default), |text| text.parse().ok());
    let (Some(limit @ 1..=200), Some(offset)) = (number("limit", 50), number("offset", 0)) else {
        return error(400, "error", "limit must be a whole number from 1 to 200, offset one from 0");
    };
    let all = parameter(ask.query, "show_all").is_some_and(|word| word.eq_ignore_ascii_case("true"));
    let mut shown: Vec<&Token> = tokens.iter().filter(|token| all || token.status == TokenStatus::Active).collect();
    match parameter(ask.query, "sort_by").as_deref() {
        None => {}
        Some("expires_at") => shown.sort_by_key(|token| token.expires),
        Some("created_at") => shown.sort_by_key(|token| token.created),
        Some(_) => return error(400, "error", "sort_by must be expires_at or created_at"),
    }
    json(object(&[("data", array(shown.into_iter().skip(offset).take(limit).map(Token::json)))]))
}
