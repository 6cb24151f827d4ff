//! What the simulated API can do wrong, by name: one behaviour at a time or several, anywhere or on one endpoint.
//!
//! Promise: each behaviour has a name for the command line and a sentence that says what a client will see.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

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
    Redirected,
}

/// Where a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/threats`.
    List,
    /// `/v1/threats/{id}` and what lies under it.
    Detail,
    /// `/v1/cases`.
    Cases,
    /// Any other path under `/v1`.
    Other,
    /// `/ip`, the egress probe: in the real world another host, so only a rule that names it applies.
    Ip,
}

/// A behaviour, where it applies, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub behaviour: Behaviour,
    /// `None`: on all of `/v1` where the behaviour makes sense.
    pub on: Option<Endpoint>,
    /// How many more requests meet it; `None`: all until it is cleared.
    pub times: Option<u32>,
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
            Redirected,
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
            Redirected => ("redirected", "302 to another host"),
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

    /// On one endpoint only.
    pub fn on(self, endpoint: Endpoint) -> Rule {
        Rule { on: Some(endpoint), ..Rule::from(self) }
    }

    /// For the next requests only.
    pub fn times(self, times: u32) -> Rule {
        Rule::from(self).times(times)
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
    fn fits(&self, endpoint: Endpoint) -> bool {
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
            | Redirected => true,
        }
    }

    /// The same with the number that its sentence speaks of; `None` if it takes none, or not that one.
    fn with_number(self, number: i64) -> Option<Behaviour> {
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
            IpDenied | IpDeniedSilently | NotPermitted | Unlicensed | Throttled | ServerError | BadGateway | Hung
            | Truncated | Html | EmptyBody | ShiftingPages | MissingDetail | WithoutMessages | NoMessages
            | RepeatedNextPage | NextOnEmptyPage | Reset | WrongShape | NumericTotal | ExtraFields | Redirected => None,
        }
    }
}

impl Rule {
    /// For the next requests only.
    pub fn times(self, times: u32) -> Rule {
        Rule { times: Some(times), ..self }
    }

    /// Does the rule concern this endpoint?
    pub fn applies(&self, endpoint: Endpoint) -> bool {
        let meant = self.on.map_or(endpoint != Endpoint::Ip, |on| on == endpoint);
        meant && self.times != Some(0) && self.behaviour.fits(endpoint)
    }
}

impl From<Behaviour> for Rule {
    fn from(behaviour: Behaviour) -> Rule {
        Rule { behaviour, on: None, times: None }
    }
}

impl Endpoint {
    /// All, with their words on the command line.
    pub const ALL: [(&'static str, Endpoint); 5] = [
        ("list", Endpoint::List),
        ("detail", Endpoint::Detail),
        ("cases", Endpoint::Cases),
        ("other", Endpoint::Other),
        ("ip", Endpoint::Ip),
    ];
}

/// `NAME[=NUMBER][@list|detail|cases|other|ip][*TIMES]`, such as `server-error@detail*3` or `clock-skew=-90`.
impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        let (rest, times) = split(text, '*');
        let (rest, on) = split(rest, '@');
        let (name, number) = split(rest, '=');
        let behaviour = Behaviour::list()
            .into_iter()
            .find(|behaviour| behaviour.name() == name)
            .ok_or_else(|| format!("no behaviour is called {name:?}: `conductor-sim list` names them all"))?;
        let behaviour = match number {
            None => behaviour,
            Some(number) => number
                .parse()
                .ok()
                .and_then(|number| behaviour.with_number(number))
                .ok_or_else(|| format!("{name} does not take the number {number:?}: see `conductor-sim list`"))?,
        };
        let on = match on {
            None => None,
            Some(word) => Some(
                Endpoint::ALL
                    .into_iter()
                    .find_map(|(name, endpoint)| (name == word).then_some(endpoint))
                    .ok_or_else(|| format!("{word:?} is no endpoint: write list, detail, cases, other or ip"))?,
            ),
        };
        let times = match times {
            None => None,
            Some(n) => Some(n.parse().map_err(|_| format!("after * stands how many requests, not {n:?}"))?),
        };
        Ok(Rule { behaviour, on, times })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_rule_is_read_with_its_number_its_endpoint_and_its_times() {
        assert_eq!("server-error@detail*3".parse(), Ok(Behaviour::ServerError.on(Endpoint::Detail).times(3)));
        assert_eq!("clock-skew=-90".parse(), Ok(Rule::from(Behaviour::ClockSkew { seconds: -90 })));
        for bad in ["nonsense", "hung=3", "hung@nowhere", "hung*often", "rate-limit=-1", "rate-limit=x"] {
            assert!(bad.parse::<Rule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rule_without_a_place_leaves_the_egress_probe_alone() {
        assert!(!Rule::from(Behaviour::ServerError).applies(Endpoint::Ip));
        assert!(Behaviour::ServerError.on(Endpoint::Ip).applies(Endpoint::Ip));
        assert!(!Rule::from(Behaviour::MissingDetail).applies(Endpoint::List));
    }
}
