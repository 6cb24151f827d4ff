//! A stream that fails, hangs or is not licensed costs the others nothing.

use std::time::Duration;

use conductor_sim::api::{Behaviour, Endpoint};

use super::bench::{ITEMS, Polled, Vendor};

#[tokio::test]
async fn a_stream_that_hangs_is_refused_or_unlicensed_delays_no_other() {
    let vendor = Vendor::new();
    for behaviour in [Behaviour::Hung, Behaviour::Unlicensed, Behaviour::NotPermitted, Behaviour::ServerError] {
        vendor.api.set(behaviour.clone().on(Endpoint::Cases));
        let mut threats = Polled::new(&vendor, "threats");
        let mut cases = Polled::waiting(&vendor, "cases", Duration::from_secs(1));
        let (good, bad) = tokio::join!(threats.round(), cases.round());
        assert!(good.fault.is_none() && threats.kept.len() >= ITEMS, "{behaviour}: {:?}", good.fault);
        assert!(bad.fault.is_some() && cases.kept.is_empty(), "{behaviour}");
        vendor.api.clear();
    }
}

#[tokio::test]
async fn one_case_that_hangs_is_set_aside_and_the_others_come() {
    let vendor = Vendor::new();
    let id = vendor.api.cases()[3].id.to_string();
    vendor.api.set(Behaviour::Hung.on(Endpoint::CaseDetail).about(&id));
    let mut cases = Polled::waiting(&vendor, "cases", Duration::from_secs(2));
    let page = cases.round().await;
    assert_eq!((cases.kept.len(), page.deferred.len()), (ITEMS - 1, 1), "{:?}", page.fault);
    assert_eq!(page.deferred[0].id, id);
    vendor.api.clear();
}
