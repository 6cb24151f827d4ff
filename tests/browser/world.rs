//! What stands around the browser: an agent with pages and a certificate of its own, the vendor's API and a SOC behind
//! TLS.
//!
//! Promise: the agent's own file names no key and no integration that a scene adds by the pages.

use std::fs;

use conductor_sim::api::{Api, ApiOptions, generate};
use conductor_sim::ca::{Authority, LOOPBACK};
use conductor_sim::soc::{KeyUpdates, Soc, SocOptions};
use jiff::{SignedDuration, Timestamp};

use crate::agent::{Agent, Place};
use crate::marks;
use crate::proxy::Proxy;

/// What the vendor takes at first, and after the key was changed there.
pub const KEY: &str = "CANARY-first-key-5b1e77c2";
pub const NEXT_KEY: &str = "CANARY-next-key-90d4aa63";
/// What it never takes.
pub const WRONG_KEY: &str = "CANARY-wrong-key-1c8f2e04";
pub const PASSWORD: &str = "CANARY correct horse battery";
pub const HEC_TOKEN: &str = "CANARY-hec-token-7d20b9f1";
pub const PROXY_PASSWORD: &str = "CANARY-proxy-password-3e5a";

/// The address that the vendor sees, as it tells.
const EGRESS: &str = "203.0.113.10";

pub struct World {
    pub place: Place,
    pub authority: Authority,
    pub api: Api,
    pub soc: Soc,
    pub agent: Option<Agent>,
    /// It leads to the API, under whatever name.
    proxy: Proxy,
}

impl World {
    /// The agent runs with `[egress]`, `[remote]` and what `more` writes; the API holds two hours of threats.
    pub fn new(more: &dyn Fn(&World) -> String) -> World {
        let authority = Authority::new("The tests' CA").expect("a CA");
        let names = [LOOPBACK.as_slice(), &["api.abnormalplatform.com", "eu.rest.abnormalsecurity.com"]].concat();
        let server = authority.server(&names).expect("a certificate");
        let api = Api::start(ApiOptions::new(KEY, server.clone())).expect("an API");
        api.set_egress(Some(EGRESS));
        let now = Timestamp::now();
        let ago = |minutes| now - SignedDuration::from_mins(minutes);
        api.put(generate(7, 40, ago(120), ago(15)));
        let soc = Soc::start(SocOptions { key_updates: KeyUpdates::Each, ..SocOptions::new(server) }).expect("a SOC");
        let right = format!("Basic {}", marks::base64(format!("agent:{PROXY_PASSWORD}").as_bytes()));
        let proxy = Proxy::start(&right, Some(api.addr()));
        let mut world = World { place: Place::new(""), authority, api, soc, agent: None, proxy };
        fs::write(world.ca(), world.authority.ca_pem()).expect("the CA's file");
        let settings = format!("{}{}", world.frame(), more(&world));
        fs::write(world.place.config(), settings).expect("settings");
        let mut agent = world.place.start();
        agent.wait_until("the pages are served", |agent| agent.status()["remote"]["listen"].is_string());
        world.agent = Some(agent);
        world
    }

    /// Nothing is collected and nothing handed over yet.
    pub fn empty(&self) -> String {
        String::new()
    }

    /// The vendor is reached under its own names, through a proxy. One integration works, one is refused and one is
    /// disabled; one SOC takes everything, one is away and one is disabled.
    pub fn busy(&self) -> String {
        let ca = self.ca();
        let (us, eu) = ("api.abnormalplatform.com", "eu.rest.abnormalsecurity.com");
        let (right, wrong) = (self.place.secret("right.key", KEY), self.place.secret("wrong.key", WRONG_KEY));
        let token = self.place.secret("hec.token", HEC_TOKEN);
        let known = "requests-per-minute = 100000\nstreams = [\"threats\"]\nlag = \"0s\"\n";
        format!(
            "proxy = \"http://agent:{PROXY_PASSWORD}@{}\"\n\
             [integrations.acme]\ntitle = \"Acme Ltd\"\nhost = \"{us}\"\nca = \"{ca}\"\napi-key = {right}\npolling-interval = \"5s\"\n{known}\
             [integrations.bridge]\ntitle = \"Bridge & Sons\"\nhost = \"{eu}\"\nca = \"{ca}\"\napi-key = {wrong}\npolling-interval = \"5s\"\n{known}\
             [integrations.cliff]\nhost = \"{us}\"\nca = \"{ca}\"\napi-key = {right}\nenabled = false\n{known}\
             [destinations.soc]\ntype = \"syslog\"\naddress = \"{}\"\nca = \"{ca}\"\nstart = \"oldest\"\n\
             [destinations.far]\ntype = \"splunk-hec\"\nurl = \"https://127.0.0.1:1/services/collector\"\ntoken = {token}\nstart = \"oldest\"\n\
             [destinations.old]\ntype = \"relp\"\naddress = \"127.0.0.1:2514\"\ninsecure = true\nenabled = false\n",
            self.proxy.address,
            self.soc.addr()
        )
    }

    pub fn ca(&self) -> String {
        self.place.dir.path().join("ca.pem").display().to_string()
    }

    pub fn agent(&mut self) -> &mut Agent {
        self.agent.as_mut().expect("it runs")
    }

    fn frame(&self) -> String {
        format!(
            "[agent]\nname = \"acme-mel-1\"\nstate-dir = \"{}\"\n[local]\nlisten = \"127.0.0.1:0\"\n\
             [remote]\nlisten = \"127.0.0.1:0\"\nadmin = true\nallow-other-hosts = true\n\
             [egress]\nallowlisted = [\"{EGRESS}\", \"198.51.100.0/28\"]\nprobe = \"https://{}/ip\"\nprobe-ca = \"{}\"\n",
            self.place.state().display(),
            self.api.addr(),
            self.ca()
        )
    }
}
