//! A rule as the command line writes it: `NAME[=NUMBER][@ENDPOINT][*TIMES]`.
//!
//! Promise: what can't be read is refused with a sentence; a number is never taken by a behaviour that has none.

use std::str::FromStr;
use std::time::Duration;

use super::behaviour::Behaviour;
use super::endpoint::Endpoint;
use super::rule::Rule;

/// `NAME[=NUMBER][@ENDPOINT][*TIMES]`, such as `server-error@detail*3` or `clock-skew=-90`.
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
                .and_then(|number| with_number(behaviour, number))
                .ok_or_else(|| format!("{name} does not take the number {number:?}: see `conductor-sim list`"))?,
        };
        let on = match on {
            None => None,
            Some(word) => Some(
                Endpoint::ALL
                    .into_iter()
                    .find_map(|(name, endpoint)| (name == word).then_some(endpoint))
                    .ok_or_else(|| format!("{word:?} is no endpoint: `conductor-sim list` names them all"))?,
            ),
        };
        let times = match times {
            None => None,
            Some(n) => Some(n.parse().map_err(|_| format!("after * stands how many requests, not {n:?}"))?),
        };
        Ok(Rule { behaviour, on, about: None, times })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// The same with the number that its sentence speaks of; `None` if it takes none, or not that one.
fn with_number(behaviour: Behaviour, number: i64) -> Option<Behaviour> {
    use Behaviour::*;
    let positive = u64::try_from(number).ok();
    match behaviour {
        ThrottledSeconds { .. } => Some(ThrottledSeconds { seconds: positive? }),
        ThrottledDate { .. } => Some(ThrottledDate { seconds: positive? }),
        RateLimit { .. } => Some(RateLimit { per_minute: u32::try_from(number).ok()? }),
        OtherClient { .. } => Some(OtherClient { per_minute: u32::try_from(number).ok()? }),
        VanishingRows { .. } => Some(VanishingRows { seconds: positive? }),
        TooWide { .. } => Some(TooWide { hours: positive? }),
        LateRemediation { .. } => Some(LateRemediation { seconds: positive? }),
        ConcurrencyCap { .. } => Some(ConcurrencyCap { most: usize::try_from(number).ok()? }),
        // A pause of nothing would not be a ticking clock.
        Trickled { .. } => Some(Trickled { every: Duration::from_millis(positive?.max(1)) }),
        Endless { .. } => Some(Endless { bytes: positive? }),
        ClockSkew { .. } => Some(ClockSkew { seconds: number }),
        IpDenied
        | IpDeniedSilently
        | NotPermitted
        | OtherRegion
        | Unlicensed
        | NotFound
        | CampaignsPathMissing
        | OldCampaignsPathMissing
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
        | Scanning
        | Reset
        | WrongShape
        | NumericTotal
        | ExtraFields
        | Redirected { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_with_its_number_its_endpoint_and_its_times() {
        assert_eq!("server-error@detail*3".parse(), Ok(Behaviour::ServerError.on(Endpoint::Detail).times(3)));
        assert_eq!("clock-skew=-90".parse(), Ok(Rule::from(Behaviour::ClockSkew { seconds: -90 })));
        for bad in ["nonsense", "hung=3", "hung@nowhere", "hung*often", "rate-limit=-1", "rate-limit=x"] {
            assert!(bad.parse::<Rule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_behaviour_is_found_by_its_own_name_and_no_two_share_one() {
        let all = Behaviour::list();
        for behaviour in &all {
            let rule: Rule = behaviour.name().parse().expect("a rule");
            assert_eq!(rule.behaviour, *behaviour);
            assert!(behaviour.name().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
        let mut names: Vec<_> = all.iter().map(Behaviour::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
