//! TLS syslog through a CONNECT proxy that wants a password and alone knows the receiver's name.

use conductor_sim::soc::{KeyUpdates, Soc, SocOptions};

use crate::agent::Place;
use crate::proxy::Proxy;
use crate::world::{AtSoc, Judge, Trust, Truth, threats};

/// A name that no resolver knows (RFC 6761).
const NAME: &str = "siem.tenant.test";
const USERINFO: &str = "agent:CANARY%20p%40ss";
const BASIC: &str = "Basic YWdlbnQ6Q0FOQVJZIHBAc3M=";

#[test]
fn events_reach_a_receiver_behind_a_proxy_and_its_name_is_verified_there_too() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    api.put(threats(1, 50));
    let truth = Truth::of("acme", &api);
    let tls = trust.authority.server(&[NAME]).expect("a certificate");
    let client_ca = Some(trust.authority.ca_pem());
    let key_updates = KeyUpdates::AllButFirst;
    let soc = Soc::start(SocOptions { client_ca, key_updates, ..SocOptions::new(tls) }).expect("it listens");
    let proxy = Proxy::start(BASIC, Some(soc.addr()));
    let by = format!("proxy = \"http://{USERINFO}@{}\"\n", proxy.address);
    let address = format!("{NAME}:6514");
    let wrong = format!("{by}server-name = \"elsewhere.example\"");
    let shut = by.replace("CANARY", "wrong");
    let settings = trust.integration(&place, "acme", &api)
        + &trust.destination("soc", &address, &by)
        + &trust.destination("stranger", &address, &wrong)
        + &trust.destination("shut", &address, &shut);
    place.write_settings(&settings);
    let mut at = AtSoc::of(soc, Judge::new("soc"));
    let mut agent = place.start();
    agent.wait_until("everything arrives", |_| at.look(&truth) == truth.events());
    assert!(proxy.asked().iter().all(|asked| *asked == address));
    agent.wait_until("another name and another password are refused", |agent| {
        let conditions = agent.conditions();
        let said =
            |words: &str| conditions.iter().any(|(code, text)| code == "destination-refused" && text.contains(words));
        said("`server-name`") && said("407")
    });
    agent.wait_until("the receipt is the receiver's own, not the proxy's", |agent| {
        let status = agent.status();
        let destinations = status["destinations"].as_array().cloned().unwrap_or_default();
        destinations.iter().any(|one| one["name"] == "soc" && one["receipt"] == "read-key-update")
    });
    let status = agent.status();
    assert!(!place.log().contains("CANARY") && !status.to_string().contains("CANARY"));
}
