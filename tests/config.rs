//! The settings as operators write them: every file of `tests/config/good` loads, every one of `tests/config/bad` is
//! refused with just the mistakes that stand beside it.
//!
//! A case is `NAME.toml`, or a folder `NAME` with `conductor.toml`, `conductor.d` and a state folder `state`. Beside it
//! stand `NAME.expected` (bad: the mistakes) or `NAME.warnings` (good: the warnings, where there are any).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conductor::config::{self, Loaded, Mistakes, SecretRef, Start, TlsVersion, Transport, WhenFull};
use conductor::event::Severity;

/// Tests of a package run in its folder, so that the messages begin alike on every machine.
fn cases(kind: &str) -> BTreeMap<String, PathBuf> {
    let room = Path::new("tests/config").join(kind);
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(&room).expect("the cases") {
        let path = entry.expect("a case").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            cases.insert(name, path.join("conductor.toml"));
        } else if path.extension().is_some_and(|end| end == "toml") {
            cases.insert(name, path);
        }
    }
    cases
}

fn load(path: &Path) -> Result<Loaded, Mistakes> {
    let state = std::path::absolute(path).expect("a path").with_file_name("state");
    config::load(path, &|name| (name == "STATE_DIRECTORY").then(|| state.display().to_string()))
}

/// Without the folders of this machine, and without what its umask made of the checkout.
fn plain(lines: &str, kind: &str) -> String {
    let here = std::path::absolute("tests/config").expect("a path").join(kind);
    let lines = lines.replace(&format!("{}/", here.display()), "").replace(&format!("tests/config/{kind}/"), "");
    lines.lines().filter(|line| !line.contains("(chmod")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_bad_file_is_refused_with_just_its_mistakes() {
    let mut wrong = String::new();
    let cases = cases("bad");
    assert!(cases.len() > 5, "the cases were not found");
    for (name, path) in cases {
        let told = match load(&path) {
            Ok(_) => "it was accepted\n".to_owned(),
            Err(mistakes) => plain(&mistakes.to_string(), "bad"),
        };
        let expected = fs::read_to_string(format!("tests/config/bad/{name}.expected")).unwrap_or_default();
        if told != expected {
            wrong.push_str(&format!("--- {name}: expected\n{expected}--- told\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_good_file_loads_with_just_its_warnings() {
    let cases = cases("good");
    assert!(cases.len() > 3, "the cases were not found");
    for (name, path) in cases {
        let loaded = load(&path).unwrap_or_else(|mistakes| panic!("{name} was refused:\n{mistakes}"));
        let expected = fs::read_to_string(format!("tests/config/good/{name}.warnings")).unwrap_or_default();
        assert_eq!(plain(&loaded.warnings.join("\n"), "good"), expected, "{name}");
    }
}

#[test]
fn an_empty_file_gives_the_defaults_of_the_house() {
    let settings = load(Path::new("tests/config/good/empty.toml")).expect("it loads").settings;
    assert!(!settings.agent.name.is_empty());
    assert_eq!(settings.agent.state_dir, std::path::absolute("tests/config/good/state").expect("a path"));
    assert_eq!(settings.agent.heartbeat, Duration::from_secs(300));
    assert_eq!(settings.queue.max_size.to_string(), "4GiB");
    assert_eq!(settings.queue.when_full, WhenFull::Pause);
    assert_eq!(settings.queue.keep, Duration::from_secs(86_400));
    assert_eq!(settings.queue.keep_size.to_string(), "256MiB");
    assert!(settings.egress.allowlisted.is_empty() && settings.egress.proxy.is_none());
    assert_eq!(settings.local.listen.to_string(), "127.0.0.1:9614");
    assert!(settings.integrations.is_empty() && settings.destinations.is_empty());
}

#[test]
fn the_least_integration_and_destination_get_the_defaults_of_the_house() {
    let settings = load(Path::new("tests/config/good/least.toml")).expect("it loads").settings;
    let integration = settings.integrations.values().next().expect("one");
    assert!(integration.enabled && integration.ca.is_none() && integration.api_key_expires.is_none());
    assert_eq!(integration.requests_per_minute, 240);
    assert_eq!(integration.api_key, SecretRef::Credential("acme-key".into()));
    let config::Connector::Abnormal(abnormal) = &integration.connector;
    assert_eq!(abnormal.host, "api.abnormalplatform.com");
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert_eq!((abnormal.polling_interval, abnormal.start), (minutes(10), minutes(24 * 60)));
    assert_eq!((abnormal.lag, abnormal.overlap), (minutes(2), minutes(15)));
    assert_eq!(
        (abnormal.streams.as_slice(), abnormal.intervals.len()),
        (&["threats", "cases", "abuse-campaigns"].map(str::to_owned)[..], 0)
    );

    let destination = settings.destinations.values().next().expect("one");
    assert!(destination.enabled && destination.filter == config::Filter::default());
    assert_eq!(destination.start, Start::Head);
    let config::Protocol::Syslog(syslog) = &destination.protocol else { panic!("{:?}", destination.protocol) };
    let link = &destination.link;
    assert_eq!((link.address.as_str(), &destination.key), ("siem.acme.example:6514", &None));
    assert_eq!((syslog.facility.as_str(), syslog.app_name.as_str()), ("local0", "conductor"));
    assert_eq!((syslog.enterprise_number, syslog.window), (32_473, 4 << 20));
    assert!(link.server_name.is_none() && link.ca.is_none() && link.cert.is_none() && link.crl.is_none());
    assert_eq!((link.transport, link.tls_min_version), (Transport::Tls, TlsVersion::V12));
    assert_eq!((link.max_connection_age, &link.proxy, link.insecure), (Some(minutes(24 * 60)), &None, false));
    assert_eq!(syslog.max_message_size, 64 << 10);
}

#[test]
fn the_whole_example_says_what_it_says() {
    let settings = load(Path::new("tests/config/good/whole.toml")).expect("it loads").settings;
    let here = std::path::absolute("tests/config/good").expect("a path");
    assert_eq!(settings.agent.name, "acme-mel-1");
    assert_eq!(settings.agent.state_dir, here.join("absent/state"));
    assert_eq!(settings.agent.heartbeat, Duration::ZERO);
    assert_eq!(settings.queue.when_full, WhenFull::DropOldest);
    assert_eq!(settings.queue.keep_size.0, 0);
    let egress = &settings.egress;
    assert_eq!(
        egress.allowlisted.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["203.0.113.10", "198.51.100.0/28"]
    );
    assert_eq!(egress.probe.as_deref(), Some("https://soc.example/ip"));
    assert_eq!(egress.source_address.map(|a| a.to_string()).as_deref(), Some("192.0.2.7"));
    assert_eq!(egress.proxy.as_ref().map(|p| p.reveal()), Some("http://proxy.example:3128"));
    assert_eq!(settings.local.listen.port(), 0);

    let integration = settings.integrations.values().next().expect("acme");
    assert_eq!(integration.api_key, SecretRef::File(here.join("absent/acme.key")));
    assert_eq!(integration.api_key_expires.map(|d| d.to_string()).as_deref(), Some("2027-01-31"));
    assert_eq!(integration.api_key_name.as_deref(), Some("conductor at acme"));
    assert_eq!(integration.api_key_max_age, Duration::from_secs(30 * 86_400));
    assert_eq!((integration.enabled, integration.requests_per_minute), (false, 120));
    let config::Connector::Abnormal(abnormal) = &integration.connector;
    assert_eq!(abnormal.host, "eu.rest.abnormalsecurity.com");
    assert_eq!(abnormal.intervals.get("threats"), Some(&Duration::from_secs(300)));

    let destination = settings.destinations.values().next().expect("soc");
    assert_eq!((destination.start, destination.enabled), (Start::Oldest, false));
    assert_eq!(destination.filter.severity_at_least, Severity::Medium);
    assert_eq!(destination.filter.integrations, ["acme"]);
    let config::Protocol::Syslog(syslog) = &destination.protocol else { panic!("{:?}", destination.protocol) };
    assert_eq!(destination.link.address, "[2001:db8::7]:6514");
    assert_eq!(destination.link.cert.as_deref(), Some(here.join("absent/agent.pem").as_path()));
    assert_eq!(destination.key, Some(SecretRef::Sealed("agent".into())));
    assert_eq!((syslog.facility.as_str(), syslog.window), ("audit", 64 << 10));
}

#[test]
fn receivers_over_http_get_the_defaults_of_the_house_and_keep_their_secrets_elsewhere() {
    let settings = load(Path::new("tests/config/good/http.toml")).expect("it loads").settings;
    let here = std::path::absolute("tests/config/good").expect("a path");
    let of = |name: &str| settings.destinations.iter().find(|(known, _)| known.as_str() == name).expect(name).1;
    let hec = of("splunk");
    assert_eq!(hec.link.address, "splunk.acme.example:8088");
    assert_eq!(hec.secrets(), [("token", &SecretRef::File(here.join("absent/hec.token")))]);
    let config::Protocol::SplunkHec(set) = &hec.protocol else { panic!("another protocol") };
    assert!(set.ack && set.ack_timeout == Duration::from_secs(120) && set.channel.is_none());
    assert_eq!(set.routing.index.of("threats", "acme").as_deref(), Some("mail"));
    assert_eq!(set.routing.index.of("cases", "acme"), None, "the token's own");
    assert_eq!(set.routing.sourcetype.of("cases", "acme").as_deref(), Some("conductor:cases"));

    let collector = of("collector");
    let config::Protocol::Http(set) = &collector.protocol else { panic!("another protocol") };
    assert_eq!((collector.link.address.as_str(), set.common.path.as_str()), ("collector.acme.example:443", "/in?a=1"));
    assert_eq!((set.common.batching.events, set.common.batching.bytes), (500, 1 << 20));
    assert_eq!((set.common.timeout, set.method.as_str()), (Duration::from_secs(30), "POST"));
    let keys: Vec<_> = collector.secrets().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["auth", "headers"]);

    let near = of("near");
    assert_eq!((near.link.address.as_str(), near.link.transport), ("127.0.0.1:9200", config::Transport::Tcp));
}

#[test]
fn the_window_of_relp_counts_messages() {
    let settings = load(Path::new("tests/config/good/relp.toml")).expect("it loads").settings;
    let destination = settings.destinations.values().next().expect("soc");
    let config::Protocol::Relp(relp) = &destination.protocol else { panic!("it says relp") };
    assert_eq!((relp.window, relp.max_message_size), (32, 8 << 10));
    assert_eq!((relp.facility.as_str(), relp.app_name.as_str()), ("local0", "conductor"));
    assert_eq!(destination.protocol.as_str(), "relp");
}

#[test]
fn settings_are_gathered_from_the_main_file_the_folder_beside_it_and_the_state_folder() {
    let loaded = load(Path::new("tests/config/good/spread/conductor.toml")).expect("it loads");
    let sources: Vec<_> = loaded.sources.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(sources, ["conductor.toml", "10-queue.toml", "20-soc.toml", "acme.toml"]);
    let settings = loaded.settings;
    assert_eq!((settings.queue.max_size.0, settings.queue.keep), (1 << 30, Duration::from_secs(3600)));
    let acme = settings.integrations.values().next().expect("from the state folder");
    let state = std::path::absolute("tests/config/good/spread/state/conductor.d/acme.key").expect("a path");
    assert_eq!(acme.api_key, SecretRef::File(state), "a relative path begins at the file that names it");
}

#[test]
fn a_file_that_is_absent_is_a_mistake_of_its_own_kind() {
    let mistakes = load(Path::new("tests/config/absent.toml")).expect_err("it is absent");
    let kinds: Vec<_> = mistakes.iter().map(|mistake| mistake.kind).collect();
    assert_eq!(kinds, [config::MistakeKind::Absent]);
    assert!(mistakes.to_string().starts_with("tests/config/absent.toml: there is no such file (write it"));
}

#[test]
fn the_settings_reference_is_the_one_made_from_the_table_of_keys() {
    let path = Path::new("docs/settings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, config::reference()).expect("written");
    }
    let written = fs::read_to_string(path).expect("docs/settings.md");
    assert!(written == config::reference(), "write it again: UPDATE_DOCS=1 cargo test --test config");
}

#[test]
fn a_format_is_read_with_its_class_and_the_operators_numbers() {
    let settings = load(Path::new("tests/config/good/formats.toml")).expect("it loads").settings;
    let format = |name: &str| settings.destinations[&name.parse().expect("a name")].format;
    let (mut cef, mut ocsf) = (format("arcsight"), format("lake"));
    let number = |format: &mut config::Shape, of| format.severities().and_then(|(table, _)| table.number(of));
    assert_eq!(
        [Severity::Unknown, Severity::High, Severity::Low].map(|of| number(&mut cef, of)),
        [Some(7), Some(9), Some(3)]
    );
    assert_eq!(number(&mut ocsf, Severity::Critical), Some(6));
    let mut expected = config::Shape::from_word("ocsf").expect("a format");
    assert!(expected.set_class("email-activity"));
    if let Some((table, _)) = expected.severities() {
        *table = table.with(Severity::Critical, 6);
    }
    assert_eq!(ocsf, expected);
}

#[test]
fn plain_syslog_goes_to_loopback_by_itself_and_elsewhere_when_it_is_allowed() {
    let settings = load(Path::new("tests/config/good/plain.toml")).expect("it loads").settings;
    let one = |name: &str| {
        let destination = &settings.destinations[&name.parse().expect("a name")];
        let config::Protocol::Syslog(syslog) = &destination.protocol else { panic!("syslog") };
        (destination.link.transport, destination.link.is_open(), syslog.max_message_size)
    };
    assert_eq!(one("box"), (Transport::Tcp, false, 64 << 10));
    assert_eq!(one("named"), (Transport::Udp, false, 8 << 10));
    assert_eq!(one("far"), (Transport::Udp, true, 8 << 10));
    assert_eq!(one("safe"), (Transport::Tls, false, 64 << 10));
}

#[test]
fn a_remote_listener_is_there_only_where_it_is_written_and_speaks_the_newest_tls_by_itself() {
    let at = |file: &str| load(Path::new(file)).expect("it loads").settings.remote;
    assert_eq!(at("tests/config/good/empty.toml"), None);
    let remote = at("tests/config/good/remote.toml").expect("it is written");
    assert_eq!((remote.listen.to_string().as_str(), remote.tls_min_version), ("[::]:443", TlsVersion::V12));
    assert_eq!(remote.names, ["box.acme.example", "192.0.2.7"]);
    assert!(remote.admin && remote.allow_other_hosts);
    let keys: Vec<_> = remote.secrets().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["key", "health-token"]);
    let bare = at("tests/config/good/remote-bare.toml").expect("it is written");
    assert_eq!((bare.listen.to_string().as_str(), bare.tls_min_version), ("0.0.0.0:8443", TlsVersion::V13));
    assert!(!bare.admin && !bare.allow_other_hosts && bare.cert.is_none());
}
