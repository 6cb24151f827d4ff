//! The way out that the operator chose for everything that talks to a vendor: proxy, source address, interface.
//!
//! Promise: the probe that observes the egress IP leaves as the vendor's calls do, for the agent and for `check` alike.

use std::path::PathBuf;

use http::Uri;
use jiff::Timestamp;

use crate::config::{Egress, Integration};
use crate::egress::{self, Observation};
use crate::fault::Fault;
use crate::net::dial::Path;
use crate::net::http::{Client, ClientOptions, Limits};
use crate::net::proxy::Environment;
use crate::net::shared::Shared;
use crate::net::tls::TlsOptions;

/// As the dialling room wants it.
pub fn path(settings: &Egress) -> Path {
    Path {
        source_address: settings.source_address,
        interface: settings.interface.clone(),
        proxy: settings.proxy.clone(),
        proxy_door: settings.proxy_door,
        ..Path::default()
    }
}

/// The same towards an integration's host.
pub fn path_of(integration: &Integration, settings: &Egress) -> Path {
    Path { door: integration.door, ..path(settings) }
}

/// The proxy on the way to vendors, by host and port, and who named it; or that there is none.
pub fn proxy_in_words(settings: &Egress) -> String {
    in_words(&path(settings), &Environment::read())
}

fn in_words(path: &Path, environment: &Environment) -> String {
    let by = if path.proxy.is_some() { "`proxy` under [egress]" } else { "HTTPS_PROXY of the environment" };
    // Any vendor's: what the environment excepts by NO_PROXY is told beside each integration's test.
    match path.proxy_for(&Uri::from_static("https://vendor.invalid/"), environment) {
        Ok(Some(proxy)) => format!("{proxy}, named by {by}"),
        Ok(None) => "none: directly".to_owned(),
        Err(fault) => fault.chain(),
    }
}

/// A client that leaves by that way, for questions without a token and short answers.
pub fn client(settings: &Egress, ca: Option<PathBuf>) -> Result<Client, Fault> {
    client_of(settings, ca, Shared::default())
}

fn client_of(settings: &Egress, ca: Option<PathBuf>, shared: Shared) -> Result<Client, Fault> {
    Client::new(ClientOptions {
        tls: TlsOptions { ca, ..TlsOptions::default() },
        path: path(settings),
        limits: Limits { body: 64 << 10, allow_http: true, ..Limits::default() },
        shared,
    })
}

/// What the probe sees; a probe that can't be asked is an observation of nothing, with its reason.
pub async fn look(settings: &Egress) -> Observation {
    look_with(settings, Shared::default()).await
}

/// The same with what the agent's clients share.
pub(super) async fn look_with(settings: &Egress, shared: Shared) -> Observation {
    let (path, now) = (path(settings), Timestamp::now());
    match client_of(settings, settings.probe_ca.clone(), shared) {
        Ok(client) => egress::observe(&client, settings.probe.as_deref(), &path, now).await,
        Err(fault) => Observation {
            address: None,
            by: "nobody: the probe can't be asked".to_owned(),
            source_address: egress::local_source(None, &path).await,
            checked: now,
            fault: Some(fault.chain()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::net::door::Door;
    use crate::values::Secret;

    #[test]
    fn a_proxy_is_named_by_host_port_and_who_named_it_and_never_by_its_password() {
        let url = || Some(Secret::new("http://ada:CANARY@proxy.example:3128"));
        let none = Environment::default();
        let set = Path { proxy: url(), ..Path::default() };
        assert_eq!(in_words(&set, &none), "proxy.example:3128, named by `proxy` under [egress]");
        let environment = Environment { https: url(), ..Environment::default() };
        let told = in_words(&Path::default(), &environment);
        assert_eq!(told, "proxy.example:3128, named by HTTPS_PROXY of the environment");
        assert_eq!(in_words(&Path::default(), &none), "none: directly");
        let broken = Path { proxy: Some(Secret::new("https://ada:CANARY@proxy.example")), ..Path::default() };
        assert!(!in_words(&broken, &none).contains("CANARY"));
    }

    #[test]
    fn a_vendors_host_that_a_page_named_is_under_the_door_and_the_operators_proxy_is_not() {
        let room = tempfile::tempdir().expect("a folder");
        let main = room.path().join("conductor.toml");
        let text = "[integrations.page]\nset-by = \"page\"\napi-key = { sealed = \"x\" }\n[integrations.own]\napi-key = { sealed = \"x\" }\n";
        std::fs::write(&main, text).expect("written");
        let settings =
            config::load(&main, &|_| Some(room.path().display().to_string())).expect("good settings").settings;
        let doors = |name: &str| {
            let path = path_of(&settings.integrations[&name.parse().expect("a name")], &settings.egress);
            (path.door, path.proxy_door)
        };
        assert_eq!((doors("page"), doors("own")), ((Door::Guarded, Door::Open), (Door::Open, Door::Open)));
    }

    #[test]
    fn a_proxy_that_a_page_named_is_none_of_this_machine_unless_the_operator_allows_it() {
        let room = tempfile::tempdir().expect("a folder");
        let main = room.path().join("conductor.toml");
        let state = room.path().join("state");
        std::fs::create_dir(&state).expect("made");
        let env = |_: &str| Some(state.display().to_string());
        std::fs::write(&main, "[remote]\nlisten = \"127.0.0.1:0\"\n").expect("written");
        let proxy = Secret::new("http://127.0.0.1:9614");
        config::change_proxy(&main, &env, Some(&proxy)).expect("set");
        let door = || path(&config::load(&main, &env).expect("good settings").settings.egress).proxy_door;
        assert_eq!(door(), Door::Guarded);
        std::fs::write(&main, "[remote]\nlisten = \"127.0.0.1:0\"\nallow-other-hosts = true\n").expect("written");
        assert_eq!(door(), Door::Open);
        let own = "[egress]\nproxy = \"http://127.0.0.1:3128\"\n";
        std::fs::write(&main, own).expect("written");
        std::fs::remove_file(state.join("conductor.d/egress.toml")).expect("removed");
        assert_eq!(door(), Door::Open);
    }
}
