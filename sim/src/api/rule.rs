//! Where a behaviour applies and how often: what [`Api::set`](super::Api::set) takes and the command line reads.
//!
//! Promise: a rule that names no place never touches the egress probe, and one that is used up is gone.

use std::str::FromStr;

use super::behaviour::Behaviour;

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
    /// Only where the path holds this, such as the id of one threat; `None`: any path.
    pub about: Option<String>,
    /// How many more requests meet it; `None`: all until it is cleared.
    pub times: Option<u32>,
}

impl Behaviour {
    /// On one endpoint only.
    pub fn on(self, endpoint: Endpoint) -> Rule {
        Rule { on: Some(endpoint), ..Rule::from(self) }
    }

    /// On requests about this id only.
    pub fn about(self, id: &str) -> Rule {
        Rule::from(self).about(id)
    }

    /// For the next requests only.
    pub fn times(self, times: u32) -> Rule {
        Rule::from(self).times(times)
    }
}

impl Rule {
    /// On requests about this id only.
    pub fn about(self, id: &str) -> Rule {
        Rule { about: Some(id.to_owned()), ..self }
    }

    /// For the next requests only.
    pub fn times(self, times: u32) -> Rule {
        Rule { times: Some(times), ..self }
    }

    /// Would one replace the other?
    pub(super) fn same_place(&self, other: &Rule) -> bool {
        self.behaviour.name() == other.behaviour.name() && self.on == other.on && self.about == other.about
    }

    /// Does the rule concern a request of this path?
    pub fn applies(&self, path: &str) -> bool {
        let endpoint = Endpoint::of(path);
        let meant = self.on.map_or(endpoint != Endpoint::Ip, |on| on == endpoint);
        meant
            && self.about.as_deref().is_none_or(|id| path.contains(id))
            && self.times != Some(0)
            && self.behaviour.fits(endpoint)
    }
}

impl From<Behaviour> for Rule {
    fn from(behaviour: Behaviour) -> Rule {
        Rule { behaviour, on: None, about: None, times: None }
    }
}

impl Endpoint {
    /// Which endpoint a path means.
    pub fn of(path: &str) -> Endpoint {
        match path {
            "/ip" => Endpoint::Ip,
            "/v1/threats" => Endpoint::List,
            "/v1/cases" => Endpoint::Cases,
            detail if detail.starts_with("/v1/threats/") => Endpoint::Detail,
            _ => Endpoint::Other,
        }
    }

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
        Ok(Rule { behaviour, on, about: None, times })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
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
    fn a_rule_without_a_place_leaves_the_egress_probe_alone() {
        assert!(!Rule::from(Behaviour::ServerError).applies("/ip"));
        assert!(Behaviour::ServerError.on(Endpoint::Ip).applies("/ip"));
    }

    #[test]
    fn a_rule_about_one_threat_leaves_the_others_and_the_list_alone() {
        let rule = Behaviour::MissingDetail.about("5b0e");
        let met = ["/v1/threats/5b0e", "/v1/threats/77aa", "/v1/threats"].map(|path| rule.applies(path));
        assert_eq!(met, [true, false, false]);
    }
}
