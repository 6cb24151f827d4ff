//! Where a behaviour applies and how often: what [`Api::set`](super::Api::set) takes.
//!
//! Promise: a rule that names no place never touches the egress probe, and one that is used up is gone.

use super::behaviour::Behaviour;
use super::endpoint::Endpoint;

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
            && fits(&self.behaviour, endpoint)
    }
}

impl From<Behaviour> for Rule {
    fn from(behaviour: Behaviour) -> Rule {
        Rule { behaviour, on: None, about: None, times: None }
    }
}

/// Does the behaviour mean anything there?
fn fits(behaviour: &Behaviour, on: Endpoint) -> bool {
    use Behaviour::*;
    match behaviour {
        ShiftingPages | NextOnEmptyPage | NumericTotal => on.is_list(),
        RepeatedNextPage => on.is_list() || on == Endpoint::Detail,
        ConcurrencyCap { .. } | MissingDetail => on.is_detail(),
        WithoutMessages | NoMessages => on == Endpoint::Detail,
        CampaignsPathMissing => matches!(on, Endpoint::Campaigns | Endpoint::CampaignDetail),
        OldCampaignsPathMissing => matches!(on, Endpoint::OldCampaigns | Endpoint::OldCampaignDetail),
        Scanning => matches!(on, Endpoint::CampaignDetail | Endpoint::OldCampaignDetail),
        VanishingRows { .. } | TooWide { .. } => on == Endpoint::NotAnalyzed,
        LateRemediation { .. } => matches!(on, Endpoint::List | Endpoint::Detail),
        RateLimit { .. } | OtherClient { .. } => on != Endpoint::Ip,
        IpDenied
        | IpDeniedSilently
        | NotPermitted
        | OtherRegion
        | Unlicensed
        | NotFound
        | Throttled
        | ThrottledSeconds { .. }
        | ThrottledDate { .. }
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

#[cfg(test)]
mod tests {
    use super::*;

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
