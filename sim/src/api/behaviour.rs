//! What the simulated API can do wrong, by name: one behaviour at a time or several, anywhere or on one endpoint.
//!
//! Promise: each behaviour has a name for the command line and a sentence that says what a client will see.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

/// One way of going wrong. [`Behaviour::list`] gives each with a usual payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    IpDenied,
    IpDeniedSilently,
    NotPermitted,
    OtherRegion,
    Unlicensed,
    NotFound,
    CampaignsPathMissing,
    OldCampaignsPathMissing,
    Throttled,
    ThrottledSeconds { seconds: u64 },
    ThrottledDate { seconds: u64 },
    RateLimit { per_minute: u32 },
    OtherClient { per_minute: u32 },
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
    Scanning,
    VanishingRows { seconds: u64 },
    TooWide { hours: u64 },
    LateRemediation { seconds: u64 },
    ClockSkew { seconds: i64 },
    Reset,
    WrongShape,
    NumericTotal,
    ExtraFields,
    Redirected { to: String },
}

/// What the vendor allows a customer's clients together in a minute.
pub const VENDORS_LIMIT: u32 = 300;

impl Behaviour {
    /// All, in the order of the documentation.
    pub fn list() -> Vec<Behaviour> {
        use Behaviour::*;
        vec![
            IpDenied,
            IpDeniedSilently,
            NotPermitted,
            OtherRegion,
            Unlicensed,
            NotFound,
            CampaignsPathMissing,
            OldCampaignsPathMissing,
            Throttled,
            ThrottledSeconds { seconds: 60 },
            ThrottledDate { seconds: 60 },
            RateLimit { per_minute: VENDORS_LIMIT },
            OtherClient { per_minute: 150 },
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
            Scanning,
            VanishingRows { seconds: 300 },
            TooWide { hours: 24 },
            LateRemediation { seconds: 3_600 },
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
            OtherRegion => ("other-region", "401: the token belongs to the customer's other region"),
            Unlicensed => ("unlicensed", "402: the tenant has no licence for this"),
            NotFound => ("not-found", "404, as for a path that does not exist"),
            CampaignsPathMissing => ("campaigns-path-404", "404 at /v1/abusecampaigns and under it"),
            OldCampaignsPathMissing => ("old-campaigns-path-404", "404 at /v1/abuse-mailbox/campaigns and under it"),
            Throttled => ("throttled", "429 without Retry-After"),
            ThrottledSeconds { .. } => ("throttled-seconds", "429 with Retry-After in seconds (=60)"),
            ThrottledDate { .. } => {
                ("throttled-date", "429 with Retry-After as an HTTP date so many seconds ahead (=60)")
            }
            RateLimit { .. } => {
                ("rate-limit", "429 with Retry-After past so many answers in any 60 s (=300), shared by all of /v1")
            }
            OtherClient { .. } => {
                ("other-client", "another client takes so many a minute (=150) of the shared rate-limit (300 if none)")
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
            MissingDetail => ("missing-detail", "404 on the detail of an item that the list names"),
            WithoutMessages => ("without-messages", "a detail that has no field `messages`"),
            NoMessages => ("no-messages", "a detail whose `messages` is empty"),
            RepeatedNextPage => ("repeated-next-page", "nextPageNumber is the page just asked for"),
            NextOnEmptyPage => ("next-on-empty-page", "every page names a next one, the empty ones past the end too"),
            Scanning => {
                ("scanning", "campaigns are `Scanning`; cleared, they have a verdict and the same lastReported")
            }
            VanishingRows { .. } => {
                ("vanishing-rows", "rows of not_analyzed are gone so many seconds after they were reported (=300)")
            }
            TooWide { .. } => ("too-wide", "400 for a range of not_analyzed wider than so many hours (=24)"),
            LateRemediation { .. } => {
                ("late-remediation", "what is remediated shows so only so many seconds after its arrival (=3600)")
            }
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

    /// How many requests a minute the customer may have, where that is limited.
    pub(super) fn a_minute(&self) -> Option<u32> {
        if let Behaviour::RateLimit { per_minute } = *self { Some(per_minute) } else { None }
    }

    /// How many details at once are answered, where that is limited.
    pub(super) fn at_once(&self) -> Option<usize> {
        if let Behaviour::ConcurrencyCap { most } = *self { Some(most) } else { None }
    }

    /// How many requests a minute another client takes, where there is one.
    pub(super) fn others_a_minute(&self) -> Option<u32> {
        if let Behaviour::OtherClient { per_minute } = *self { Some(per_minute) } else { None }
    }

    /// How long after its arrival a message is remediated, where that is late.
    pub(super) fn remediation_after(&self) -> Option<SignedDuration> {
        if let Behaviour::LateRemediation { seconds } = *self { Some(span(seconds)) } else { None }
    }

    /// How long a row of not_analyzed stays, where it vanishes.
    pub(super) fn row_life(&self) -> Option<SignedDuration> {
        if let Behaviour::VanishingRows { seconds } = *self { Some(span(seconds)) } else { None }
    }

    /// The widest range of not_analyzed that is still answered, where that is not the vendor's usual one.
    pub(super) fn widest_range(&self) -> Option<SignedDuration> {
        if let Behaviour::TooWide { hours } = *self { Some(span(hours.saturating_mul(3_600))) } else { None }
    }
}

fn span(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
