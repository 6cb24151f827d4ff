//! What the simulated API can do wrong, by name: one behaviour at a time or several, anywhere or on one endpoint.
//!
//! Promise: each behaviour has a name for the command line and a sentence that says what a client will see.

use std::fmt;
use std::time::Duration;

use super::rule::Endpoint;

/// One way of going wrong. [`Behaviour::list`] gives each with a usual payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    IpDenied,
    IpDeniedSilently,
    NotPermitted,
    Unlicensed,
    Throttled,
    ThrottledSeconds { seconds: u64 },
    ThrottledDate { seconds: u64 },
    RateLimit { per_minute: u32 },
    ConcurrencyCap { most: usize },
    ServerError,
    BadGateway,
    Hung,
    Trickled { every: Duration },
    Truncated,
    Html,
    EmptyBody,
    Endless { bytes: u64 },
    ShiftingPages,
    MissingDetail,
    WithoutMessages,
    NoMessages,
    RepeatedNextPage,
    NextOnEmptyPage,
    ClockSkew { seconds: i64 },
    Reset,
    WrongShape,
    NumericTotal,
    ExtraFields,
    Redirected { to: String },
}

/// What must be passed before a behaviour shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    InMinute(u32),
    DetailsAtOnce(usize),
}

impl Behaviour {
    /// All, in the order of the documentation.
    pub fn list() -> Vec<Behaviour> {
        use Behaviour::*;
        vec![
            IpDenied,
            IpDeniedSilently,
            NotPermitted,
            Unlicensed,
            Throttled,
            ThrottledSeconds { seconds: 60 },
            ThrottledDate { seconds: 60 },
            RateLimit { per_minute: 300 },
            ConcurrencyCap { most: 4 },
            ServerError,
            BadGateway,
            Hung,
            Trickled { every: Duration::from_millis(200) },
            Truncated,
            Html,
            EmptyBody,
            Endless { bytes: 1 << 30 },
            ShiftingPages,
            MissingDetail,
            WithoutMessages,
            NoMessages,
            RepeatedNextPage,
            NextOnEmptyPage,
            ClockSkew { seconds: 300 },
            Reset,
            WrongShape,
            NumericTotal,
            ExtraFields,
            Redirected { to: "https://elsewhere.example.test/v1/threats".to_owned() },
        ]
    }

    /// The name and the sentence.
    fn words(&self) -> (&'static str, &'static str) {
        use Behaviour::*;
        match self {
            IpDenied => ("ip-denied", "403 with a body: the address is not on the IP Safelist"),
            IpDeniedSilently => ("ip-denied-silently", "403 without a body"),
            NotPermitted => ("not-permitted", "403: the token lacks the permission for this endpoint"),
            Unlicensed => ("unlicensed", "402: the tenant has no licence for this"),
            Throttled => ("throttled", "429 without Retry-After"),
            ThrottledSeconds { .. } => ("throttled-seconds", "429 with Retry-After in seconds (=60)"),
            ThrottledDate { .. } => {
                ("throttled-date", "429 with Retry-After as an HTTP date so many seconds ahead (=60)")
            }
            RateLimit { .. } => {
                ("rate-limit", "429 with Retry-After past so many requests in a minute (=300), all shared")
            }
            ConcurrencyCap { .. } => ("concurrency-cap", "429 for a detail past so many at once (=4)"),
            ServerError => ("server-error", "500 with a JSON error"),
            BadGateway => ("bad-gateway", "502 with a proxy's HTML"),
            Hung => ("hung", "the request is read and never answered; cleared, the connection closes"),
            Trickled { .. } => ("trickled", "the body comes one byte each so many milliseconds (=200)"),
            Truncated => ("truncated", "a whole answer whose JSON stops in the middle"),
            Html => ("html", "200 with an HTML page, as a captive portal sends it"),
            EmptyBody => ("empty-body", "200 with nothing in it"),
            Endless { .. } => ("endless", "200 with so many bytes of list (=1073741824), length not told"),
            ShiftingPages => ("shifting-pages", "an item leaves the list between pages, so the next page skips one"),
            MissingDetail => ("missing-detail", "404 on the detail of a threat that the list names"),
            WithoutMessages => ("without-messages", "a detail that has no field `messages`"),
            NoMessages => ("no-messages", "a detail whose `messages` is empty"),
            RepeatedNextPage => ("repeated-next-page", "nextPageNumber is the page just asked for"),
            NextOnEmptyPage => ("next-on-empty-page", "every page names a next one, the empty ones past the end too"),
            ClockSkew { .. } => {
                ("clock-skew", "the Date header runs ahead by so many seconds (=300; negative: behind)")
            }
            Reset => ("reset", "half of the answer, then a TCP reset"),
            WrongShape => ("wrong-shape", "the JSON is an array that holds the object"),
            NumericTotal => ("numeric-total", "lists carry a numeric `total`"),
            ExtraFields => ("extra-fields", "answers carry fields that no documentation names"),
            Redirected { .. } => ("redirected", "302 to another host"),
        }
    }

    /// Kebab-case, as the command line takes it.
    pub fn name(&self) -> &'static str {
        self.words().0
    }

    /// What a client sees.
    pub fn sentence(&self) -> &'static str {
        self.words().1
    }

    /// The limit behind it; `None`: it shows at once.
    pub(super) fn limit(&self) -> Option<Limit> {
        if let Behaviour::RateLimit { per_minute } = *self {
            Some(Limit::InMinute(per_minute))
        } else if let Behaviour::ConcurrencyCap { most } = *self {
            Some(Limit::DetailsAtOnce(most))
        } else {
            None
        }
    }

    /// Does it mean anything there?
    pub(super) fn fits(&self, endpoint: Endpoint) -> bool {
        use Behaviour::*;
        match self {
            ShiftingPages | NextOnEmptyPage | NumericTotal => matches!(endpoint, Endpoint::List | Endpoint::Cases),
            RepeatedNextPage => matches!(endpoint, Endpoint::List | Endpoint::Cases | Endpoint::Detail),
            ConcurrencyCap { .. } | MissingDetail | WithoutMessages | NoMessages => endpoint == Endpoint::Detail,
            IpDenied
            | IpDeniedSilently
            | NotPermitted
            | Unlicensed
            | Throttled
            | ThrottledSeconds { .. }
            | ThrottledDate { .. }
            | RateLimit { .. }
            | ServerError
            | BadGateway
            | Hung
            | Trickled { .. }
            | Truncated
            | Html
            | EmptyBody
            | Endless { .. }
            | ClockSkew { .. }
            | Reset
            | WrongShape
            | ExtraFields
            | Redirected { .. } => true,
        }
    }

    /// The same with the number that its sentence speaks of; `None` if it takes none, or not that one.
    pub(super) fn with_number(self, number: i64) -> Option<Behaviour> {
        use Behaviour::*;
        let positive = u64::try_from(number).ok();
        match self {
            ThrottledSeconds { .. } => Some(ThrottledSeconds { seconds: positive? }),
            ThrottledDate { .. } => Some(ThrottledDate { seconds: positive? }),
            RateLimit { .. } => Some(RateLimit { per_minute: u32::try_from(number).ok()? }),
            ConcurrencyCap { .. } => Some(ConcurrencyCap { most: usize::try_from(number).ok()? }),
            // A pause of nothing would not be a ticking clock.
            Trickled { .. } => Some(Trickled { every: Duration::from_millis(positive?.max(1)) }),
            Endless { .. } => Some(Endless { bytes: positive? }),
            ClockSkew { .. } => Some(ClockSkew { seconds: number }),
            IpDenied
            | IpDeniedSilently
            | NotPermitted
            | Unlicensed
            | Throttled
            | ServerError
            | BadGateway
            | Hung
            | Truncated
            | Html
            | EmptyBody
            | ShiftingPages
            | MissingDetail
            | WithoutMessages
            | NoMessages
            | RepeatedNextPage
            | NextOnEmptyPage
            | Reset
            | WrongShape
            | NumericTotal
            | ExtraFields
            | Redirected { .. } => None,
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Rule;

    #[test]
    fn every_behaviour_is_found_by_its_own_name_and_no_two_share_one() {
        let all = Behaviour::list();
        for behaviour in &all {
            let rule: Rule = behaviour.name().parse().expect("a rule");
            assert_eq!(rule.behaviour, *behaviour);
            assert!(behaviour.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        }
        let mut names: Vec<_> = all.iter().map(Behaviour::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
