//! Proxies by setting and by environment, source address and interface.

use std::process::{Command, Output, Stdio};

use conductor_sim::api::{Api, ApiOptions};
use nix::sys::signal::Signal;

use crate::agent::Place;
use crate::proxy::Proxy;
use crate::world::{TOKEN, Trust};

/// A name that no resolver knows (RFC 6761): only through the proxy can it be reached.
const NAME: &str = "api.tenant.test";
/// `agent:CANARY p@ss/w:rd%`, as a URL holds it and as the header does.
const USERINFO: &str = "agent:CANARY%20p%40ss%2Fw%3Ard%25";
const BASIC: &str = "Basic YWdlbnQ6Q0FOQVJZIHBAc3MvdzpyZCU=";
/// The variables that could lead elsewhere.
const VARIABLES: [&str; 8] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// An API under a name that only the proxy knows, and the proxy.
struct Scene {
    trust: Trust,
    place: Place,
    api: Api,
    proxy: Proxy,
}

impl Scene {
    fn new() -> Scene {
        let (trust, place) = (Trust::new(), Place::new(""));
        let server = trust.authority.server(&[NAME, "localhost", "127.0.0.1"]).expect("a certificate");
        let api = Api::start(ApiOptions::new(TOKEN, server)).expect("it listens");
        let proxy = Proxy::start(BASIC, Some(api.addr()));
        let scene = Scene { trust, place, api, proxy };
        scene.set("");
        scene
    }

    /// Settings of one integration at [`NAME`]; `egress` stands under `[egress]`.
    fn set(&self, egress: &str) {
        let integration = self.trust.integration(&self.place, "acme", &self.api);
        let named = integration.replace(&self.api.addr().to_string(), &self.host());
        self.place.write_settings(&format!("[egress]\n{egress}\n{named}"));
    }

    fn host(&self) -> String {
        format!("{NAME}:{}", self.api.addr().port())
    }

    fn url(&self) -> String {
        format!("http://{USERINFO}@{}", self.proxy.address)
    }

    /// One authenticated request, with these variables and no others of the kind.
    fn test(&self, environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.args(["integration", "test", "acme", "--config"]).arg(self.place.config());
        command.envs(environment.iter().copied()).stdin(Stdio::null()).output().expect("the verb runs")
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The password, as typed, as in the URL, as in the header.
fn without_password(text: &str) {
    for form in ["CANARY", "Q0FOQVJZ", "YWdlbnQ6"] {
        assert!(!text.contains(form), "{form} is in {text}");
    }
}

#[test]
fn the_environments_proxy_is_used_in_every_usual_spelling_and_left_out_where_no_proxy_says_so() {
    let scene = Scene::new();
    let (good, dead, host) = (scene.url(), "http://127.0.0.1:9".to_owned(), scene.host());
    let upper = ("HTTPS_PROXY", good.as_str());
    let led: [&[(&str, &str)]; 6] = [
        &[upper],
        &[("https_proxy", &good)],
        &[("ALL_PROXY", &good)],
        &[("all_proxy", &good)],
        &[("https_proxy", &good), ("HTTPS_PROXY", &dead)],
        &[upper, ("NO_PROXY", "other.test,.tenant.example")],
    ];
    for environment in led {
        let output = scene.test(environment);
        assert!(output.status.success(), "{environment:?}: {}", said(&output));
        let asked = scene.proxy.asked();
        assert!(!asked.is_empty() && asked.iter().all(|one| *one == host), "{environment:?}: {asked:?}");
        without_password(&said(&output));
    }
    let spared: [&[(&str, &str)]; 6] = [
        &[upper, ("NO_PROXY", NAME)],
        &[upper, ("no_proxy", "tenant.test")],
        &[upper, ("NO_PROXY", "x.test, .tenant.test")],
        &[upper, ("NO_PROXY", "*.tenant.test")],
        &[upper, ("no_proxy", "*")],
        &[("HTTP_PROXY", &good)],
    ];
    for environment in spared {
        let output = scene.test(environment);
        assert!(!output.status.success(), "the name is known to the proxy alone: {environment:?}");
        assert_eq!(scene.proxy.asked(), Vec::<String>::new(), "{environment:?}");
        without_password(&said(&output));
    }
}

#[test]
fn the_proxy_of_the_settings_goes_before_the_environment_and_a_407_is_told_and_mended_by_a_reload() {
    let scene = Scene::new();
    scene.set(&format!("proxy = \"{}\"", scene.url()));
    let output = scene.test(&[("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "*")]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(scene.proxy.asked().first(), Some(&scene.host()));

    let asked = scene.api.request_count();
    scene.set(&format!("proxy = \"http://agent:CANARYwrong@{}\"", scene.proxy.address));
    let mut agent = scene.place.spawn_with(&["-vv"]);
    let told = |agent: &crate::agent::Agent| agent.get("/status").map(|(_, text)| text).unwrap_or_default();
    agent.wait_until("the 407 is told", |agent| told(agent).contains("integration-refused"));
    assert!(told(&agent).contains("said 407"), "{}", told(&agent));
    assert_eq!(scene.api.request_count(), asked, "no way around the proxy");
    without_password(&told(&agent));

    scene.set(&format!("proxy = \"{}\"", scene.url()));
    agent.signal(Signal::SIGHUP);
    agent.wait_until("it is collecting", |agent| {
        let status = agent.status();
        !status["integrations"][0]["streams"][0]["last_success"].is_null()
            && !agent.has_condition("integration-refused")
    });
    without_password(&told(&agent));
    assert!(agent.stop().0.success());
    without_password(&scene.place.log());
}

#[test]
fn the_vendor_and_the_probe_see_the_source_address_and_an_interface_can_be_chosen() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    let settings = |way: &str| {
        format!(
            "[egress]\nprobe = \"https://{}/ip\"\nprobe-ca = \"{}\"\n{way}\n{}",
            api.addr(),
            trust.paths.ca.display(),
            trust.integration(&place, "acme", &api)
        )
    };
    for (way, seen) in [("source-address = \"127.0.0.2\"", "127.0.0.2"), ("interface = \"lo\"", "127.0.0.1")] {
        place.write_settings(&settings(way));
        let mut agent = place.spawn();
        agent.wait_until("it is observed", |agent| {
            agent.get("/status").is_some() && agent.status()["egress"]["observed"] == seen
        });
        agent.wait_until("it is collecting", |agent| {
            !agent.status()["integrations"][0]["streams"][0]["last_success"].is_null()
        });
        assert!(agent.stop().0.success());
    }
}
