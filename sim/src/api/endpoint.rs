//! Which endpoint a path means, and what each endpoint is called on the command line.
//!
//! Promise: every path has exactly one endpoint, so a behaviour that is placed on one touches no other.

/// Where a rule may apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `/v1/threats`
    List,
    /// `/v1/threats/{id}`
    Detail,
    /// `/v1/threats/{id}/attachments`
    Attachments,
    /// `/v1/threats/{id}/links`
    Links,
    /// `/v1/cases`
    Cases,
    /// `/v1/cases/{id}`
    CaseDetail,
    /// `/v1/cases/{id}/analysis`
    CaseAnalysis,
    /// `/v1/abusecampaigns`
    Campaigns,
    /// `/v1/abusecampaigns/{id}`
    CampaignDetail,
    /// `/v1/abuse-mailbox/campaigns`: the older path, known from one connector alone.
    OldCampaigns,
    /// `/v1/abuse-mailbox/campaigns/{id}`
    OldCampaignDetail,
    /// `/v1/abuse_mailbox/not_analyzed`
    NotAnalyzed,
    /// `/v1/vendor-cases`
    VendorCases,
    /// `/v1/vendor-cases/{id}`
    VendorCaseDetail,
    /// `/v1/auditlogs`
    AuditLogs,
    /// `/v1/soar/tokens`
    Tokens,
    /// Any other path.
    Other,
    /// `/ip`, the egress probe: in the real world another host, so only a rule that names it applies.
    Ip,
}

impl Endpoint {
    /// All, with their words on the command line.
    pub const ALL: [(&'static str, Endpoint); 18] = [
        ("list", Endpoint::List),
        ("detail", Endpoint::Detail),
        ("attachments", Endpoint::Attachments),
        ("links", Endpoint::Links),
        ("cases", Endpoint::Cases),
        ("case-detail", Endpoint::CaseDetail),
        ("case-analysis", Endpoint::CaseAnalysis),
        ("campaigns", Endpoint::Campaigns),
        ("campaign-detail", Endpoint::CampaignDetail),
        ("old-campaigns", Endpoint::OldCampaigns),
        ("old-campaign-detail", Endpoint::OldCampaignDetail),
        ("not-analyzed", Endpoint::NotAnalyzed),
        ("vendor-cases", Endpoint::VendorCases),
        ("vendor-case-detail", Endpoint::VendorCaseDetail),
        ("audit-logs", Endpoint::AuditLogs),
        ("tokens", Endpoint::Tokens),
        ("other", Endpoint::Other),
        ("ip", Endpoint::Ip),
    ];

    /// Which endpoint a path means.
    pub fn of(path: &str) -> Endpoint {
        if path == "/ip" {
            return Endpoint::Ip;
        }
        let Some(path) = path.strip_prefix("/v1/") else { return Endpoint::Other };
        match path.split('/').collect::<Vec<_>>()[..] {
            ["threats"] => Endpoint::List,
            ["threats", _] => Endpoint::Detail,
            ["threats", _, "attachments"] => Endpoint::Attachments,
            ["threats", _, "links"] => Endpoint::Links,
            ["cases"] => Endpoint::Cases,
            ["cases", _] => Endpoint::CaseDetail,
            ["cases", _, "analysis"] => Endpoint::CaseAnalysis,
            ["abusecampaigns"] => Endpoint::Campaigns,
            ["abusecampaigns", _] => Endpoint::CampaignDetail,
            ["abuse-mailbox", "campaigns"] => Endpoint::OldCampaigns,
            ["abuse-mailbox", "campaigns", _] => Endpoint::OldCampaignDetail,
            ["abuse_mailbox", "not_analyzed"] => Endpoint::NotAnalyzed,
            ["vendor-cases"] => Endpoint::VendorCases,
            ["vendor-cases", _] => Endpoint::VendorCaseDetail,
            ["auditlogs"] => Endpoint::AuditLogs,
            ["soar", "tokens"] => Endpoint::Tokens,
            [..] => Endpoint::Other,
        }
    }

    /// What it answers, by an example path.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::List => "/v1/threats",
            Endpoint::Detail => "/v1/threats/{id}",
            Endpoint::Attachments => "/v1/threats/{id}/attachments",
            Endpoint::Links => "/v1/threats/{id}/links",
            Endpoint::Cases => "/v1/cases",
            Endpoint::CaseDetail => "/v1/cases/{id}",
            Endpoint::CaseAnalysis => "/v1/cases/{id}/analysis",
            Endpoint::Campaigns => "/v1/abusecampaigns",
            Endpoint::CampaignDetail => "/v1/abusecampaigns/{id}",
            Endpoint::OldCampaigns => "/v1/abuse-mailbox/campaigns",
            Endpoint::OldCampaignDetail => "/v1/abuse-mailbox/campaigns/{id}",
            Endpoint::NotAnalyzed => "/v1/abuse_mailbox/not_analyzed",
            Endpoint::VendorCases => "/v1/vendor-cases",
            Endpoint::VendorCaseDetail => "/v1/vendor-cases/{id}",
            Endpoint::AuditLogs => "/v1/auditlogs",
            Endpoint::Tokens => "/v1/soar/tokens",
            Endpoint::Other => "any other path",
            Endpoint::Ip => "/ip",
        }
    }

    /// A list in pages.
    pub fn is_list(self) -> bool {
        use Endpoint::*;
        matches!(self, List | Cases | Campaigns | OldCampaigns | VendorCases | AuditLogs)
    }

    /// One item of a list by its id.
    pub fn is_detail(self) -> bool {
        use Endpoint::*;
        matches!(self, Detail | CaseDetail | CampaignDetail | OldCampaignDetail | VendorCaseDetail)
    }

    /// The permission that a token needs there; `None`: none. `soar_v1_read_threats` is the vendor's word, the others
    /// are made after it.
    pub fn permission(self) -> Option<&'static str> {
        use Endpoint::*;
        match self {
            List | Detail | Attachments | Links => Some("soar_v1_read_threats"),
            Cases | CaseDetail | CaseAnalysis => Some("soar_v1_read_cases"),
            Campaigns | CampaignDetail | OldCampaigns | OldCampaignDetail => Some("soar_v1_read_abusecampaigns"),
            NotAnalyzed => Some("soar_v1_read_not_analyzed"),
            VendorCases | VendorCaseDetail => Some("soar_v1_read_vendor_cases"),
            AuditLogs => Some("soar_v1_read_auditlogs"),
            Tokens => Some("soar_v1_read_tokens"),
            Other | Ip => None,
        }
    }

    /// Does the header `mock-data` mean anything there? The specification declares it on most operations.
    pub fn has_mock_data(self) -> bool {
        use Endpoint::*;
        !matches!(self, NotAnalyzed | Tokens | Other | Ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_what_its_own_path_means() {
        for (word, endpoint) in Endpoint::ALL {
            let path = endpoint.path().replace("{id}", "5b0e");
            assert_eq!(Endpoint::of(&path), endpoint, "{word}");
        }
        for other in ["/v2/threats", "/v1/", "/v1/threats/5b0e/actions/1", "/v1/cases/1/analysis/2"] {
            assert_eq!(Endpoint::of(other), Endpoint::Other, "{other}");
        }
    }
}
