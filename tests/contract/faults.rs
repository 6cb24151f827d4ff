//! Every stream through every fault, on its list and on its details.

use std::collections::BTreeSet;
use std::time::Duration;

use conductor::connectors::abnormal::STREAMS;
use conductor::fault::FaultKind;
use conductor_sim::api::{Behaviour, Endpoint};
use jiff::SignedDuration;

use super::bench::{ITEMS, Polled, TOKEN, Vendor};

/// Where a stream's list is, and the rest of what it asks for.
fn places(stream: &str) -> (Endpoint, &'static [Endpoint]) {
    match stream {
        "threats" => (Endpoint::List, &[Endpoint::Detail, Endpoint::Attachments, Endpoint::Links]),
        "cases" => (Endpoint::Cases, &[Endpoint::CaseDetail, Endpoint::CaseAnalysis]),
        "abuse-campaigns" => (Endpoint::Campaigns, &[Endpoint::CampaignDetail]),
        "vendor-cases" => (Endpoint::VendorCases, &[Endpoint::VendorCaseDetail]),
        "audit-logs" => (Endpoint::AuditLogs, &[]),
        "not-analyzed" => (Endpoint::NotAnalyzed, &[]),
        other => panic!("{other} has no place in the contract"),
    }
}

/// What a fault on a list is told as; `None`: it does no harm.
fn told(behaviour: &Behaviour) -> Option<FaultKind> {
    use Behaviour::*;
    match behaviour {
        IpDenied | IpDeniedSilently | NotPermitted | OtherRegion => Some(FaultKind::Refused),
        Unlicensed => Some(FaultKind::Unlicensed),
        Throttled | ThrottledSeconds { .. } | ThrottledDate { .. } => Some(FaultKind::Throttled),
        ServerError | BadGateway | Hung | Trickled { .. } | Reset => Some(FaultKind::Unavailable),
        NotFound | Truncated | Html | EmptyBody | Endless { .. } | WrongShape | Redirected { .. } => {
            Some(FaultKind::Unreadable)
        }
        CampaignsPathMissing
        | OldCampaignsPathMissing
        | RateLimit { .. }
        | OtherClient { .. }
        | ConcurrencyCap { .. }
        | ShiftingPages
        | MissingDetail
        | WithoutMessages
        | NoMessages
        | RepeatedNextPage
        | NextOnEmptyPage
        | Scanning
        | VanishingRows { .. }
        | TooWide { .. }
        | LateRemediation { .. }
        | ClockSkew { .. }
        | NumericTotal
        | ExtraFields => None,
    }
}

/// Does it change what there is to collect? Then an undisturbed run is no measure; these have tests of their own.
fn changes_the_truth(behaviour: &Behaviour) -> bool {
    use Behaviour::*;
    let paced = matches!(behaviour, RateLimit { .. } | OtherClient { .. });
    paced || matches!(behaviour, Scanning | VanishingRows { .. } | LateRemediation { .. })
}

/// Polls a day and more on, so that everything that was set aside is tried again.
async fn recover(polled: &mut Polled, name: &str) {
    for minutes in [2, 6, 31, 24 * 60 + 1] {
        polled.later(SignedDuration::from_mins(minutes));
        let page = polled.round().await;
        assert!(page.fault.is_none(), "{name}: {:?}", page.fault);
    }
}

async fn every_fault(stream: &'static str) {
    let vendor = Vendor::new();
    let mut undisturbed = Polled::new(&vendor, stream);
    let page = undisturbed.round().await;
    assert!(page.fault.is_none() && undisturbed.gaps.is_empty(), "{:?}", page.fault);
    recover(&mut undisturbed, "undisturbed").await;
    let whole = undisturbed.kept;
    assert!(whole.len() >= ITEMS, "{stream}: {whole:?}");
    let (list, rest) = places(stream);
    for behaviour in Behaviour::list().into_iter().filter(|behaviour| !changes_the_truth(behaviour)) {
        for place in std::iter::once(&list).chain(rest) {
            let name = format!("{stream}: {behaviour} on {place:?}");
            let hangs = matches!(behaviour, Behaviour::Hung | Behaviour::Trickled { .. });
            let patience = Duration::from_millis(300);
            let mut polled =
                if hangs { Polled::waiting(&vendor, stream, patience) } else { Polled::new(&vendor, stream) };
            vendor.api.set(behaviour.clone().on(*place));
            let page = polled.round().await;
            // The older path of the campaigns answers in place of the one that is gone.
            let elsewhere = stream == "abuse-campaigns" && behaviour == Behaviour::NotFound;
            if *place == list && !elsewhere {
                let kind = page.fault.as_ref().map(|fault| fault.kind);
                assert_eq!(kind, told(&behaviour), "{name}: {:?}", page.fault);
            }
            if *place == list && kind_quotes(&behaviour) {
                let text = page.fault.as_ref().map(|fault| fault.chain()).unwrap_or_default();
                assert!(text.contains("not Abnormal's API"), "{name}: {text}");
            }
            let words = format!("{:?} {:?}", page.fault, page.deferred);
            assert!(!words.contains(TOKEN), "{name}");
            let silent = page.fault.is_none() && page.deferred.is_empty() && !polled.shortfall;
            let missing = whole.iter().filter(|id| !polled.kept.contains(*id)).count();
            let gone = matches!(place, Endpoint::CaseAnalysis | Endpoint::Attachments | Endpoint::Links)
                && matches!(behaviour, Behaviour::NotFound | Behaviour::MissingDetail);
            assert!(missing == 0 || !silent || gone, "{name}: {missing} are missing and nobody says so");
            vendor.api.clear();
            if hangs {
                polled.wait_long(&vendor);
            }
            recover(&mut polled, &name).await;
            // A part that was refused is not asked for again; the item itself came.
            let parts = polled.shortfall || gone;
            let items = |ids: &BTreeSet<String>| {
                let of = |id: &String| id.split('/').nth(2).map(|native| native.split(':').next().map(str::to_owned));
                ids.iter().filter_map(of).flatten().collect::<BTreeSet<_>>()
            };
            if parts {
                assert_eq!(items(&polled.kept), items(&whole), "{name}");
            } else {
                assert_eq!(polled.kept, whole, "{name}");
            }
            let endless_paging = behaviour == Behaviour::RepeatedNextPage;
            assert!(polled.gaps.is_empty() || endless_paging, "{name}: {:?}", polled.gaps);
        }
    }
}

/// Faults whose sentence must say who is not answering, with the first bytes.
fn kind_quotes(behaviour: &Behaviour) -> bool {
    use Behaviour::*;
    matches!(behaviour, Truncated | Html | EmptyBody | WrongShape)
}

macro_rules! streams {
    ($($test:ident: $stream:literal),+ $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            every_fault($stream).await;
        })+

        #[test]
        fn no_stream_is_left_out_of_the_contract() {
            assert_eq!(BTreeSet::from([$($stream),+]), BTreeSet::from_iter(STREAMS.iter().copied()));
        }
    };
}

streams! {
    threats_lose_nothing_by_any_fault: "threats",
    cases_lose_nothing_by_any_fault: "cases",
    abuse_campaigns_lose_nothing_by_any_fault: "abuse-campaigns",
    not_analyzed_loses_nothing_by_any_fault: "not-analyzed",
    vendor_cases_lose_nothing_by_any_fault: "vendor-cases",
    audit_logs_lose_nothing_by_any_fault: "audit-logs",
}
