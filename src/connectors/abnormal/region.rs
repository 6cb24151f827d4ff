//! The regions of the vendor: each has a host of its own, and a key of one is refused by the others.
//!
//! Promise: pure; a short name stands for exactly one host, and a host that is none of the vendor's has no region.

/// One region, by the name that settings may write instead of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// `us`, `eu`, `fedramp`.
    pub name: String,
    /// The host that answers for it, with a port where that is not 443.
    pub host: String,
}

/// Names and hosts, the usual one first. US and EU stand in the vendor's API description (servers of abx 1.4.3);
/// FedRAMP does not, it is what the vendor's partners connect to (Netskope's plugin, 1.1.0).
pub const REGIONS: [(&str, &str); 3] = [
    ("us", "api.abnormalplatform.com"),
    ("eu", "eu.rest.abnormalsecurity.com"),
    ("fedramp", "rest.abnormalsecurity.us"),
];

/// The vendor's regions.
pub fn regions() -> Vec<Region> {
    REGIONS.iter().map(|(name, host)| Region { name: (*name).to_owned(), host: (*host).to_owned() }).collect()
}

/// The host of a region's short name, in whatever case it is written; `None` where it is no such name.
pub fn host_of(name: &str) -> Option<&'static str> {
    REGIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map(|(_, host)| *host)
}

impl Region {
    /// Is this its host, however it is written?
    pub fn answers_at(&self, host: &str) -> bool {
        let bare = |host: &str| host.strip_suffix(":443").unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
        bare(&self.host) == bare(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_one_host_and_a_host_has_its_region_however_it_is_written() {
        assert_eq!(host_of("us"), Some("api.abnormalplatform.com"));
        assert_eq!(host_of("EU"), Some("eu.rest.abnormalsecurity.com"));
        assert_eq!(host_of("fedramp"), Some("rest.abnormalsecurity.us"));
        assert_eq!(host_of("eu.rest.abnormalsecurity.com"), None);
        assert_eq!(host_of(""), None);
        let regions = regions();
        for (host, name) in [
            ("api.abnormalplatform.com", Some("us")),
            ("EU.rest.abnormalsecurity.com.:443", Some("eu")),
            ("rest.abnormalsecurity.us", Some("fedramp")),
            ("rest.abnormalsecurity.us:8443", None),
            ("rest.abnormalsecurity.us.evil.example", None),
            ("localhost:443", None),
        ] {
            let found = regions.iter().find(|region| region.answers_at(host));
            assert_eq!(found.map(|region| region.name.as_str()), name, "{host}");
        }
    }
}
