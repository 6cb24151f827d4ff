//! The settings of docs/receivers.md, used as they stand there: only addresses and paths are replaced. (Those of NATS are
//! used by tests/jetstream.rs.)

mod agent;
mod receivers;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent::Place;
use receivers::{Plan, Receiver, block_of, document, free_port};
use world::{Trust, Truth, threats};

const PATIENCE: Duration = Duration::from_secs(120);

/// What the receivers' template writes.
const LOG: &str = "/var/log/conductor.log";

/// The receiver of this block, and the file that it writes.
fn receiver(trust: &Trust, program: &'static str, block: &str) -> (Receiver, PathBuf) {
    let (dir, port) = (trust.folder("receiver"), free_port());
    fs::create_dir_all(&dir).expect("the receiver's folder");
    let certificates = trust.paths.ca.parent().expect("it lies in a folder").display().to_string();
    let log = dir.join("conductor.log");
    let mut text = block_of(&document(), block).replace(LOG, &log.display().to_string());
    assert!(text.contains("/tls/ca.pem"), "{block} asks for our certificate");
    for (written, here) in [
        ("/etc/rsyslog.d/tls", certificates.as_str()),
        ("/etc/syslog-ng/tls", certificates.as_str()),
        ("port=\"6514\"", &format!("address=\"127.0.0.1\" port=\"{port}\"")),
        ("port=\"2514\"", &format!("address=\"127.0.0.1\" port=\"{port}\"")),
        ("ip(\"0.0.0.0\") port(6514)", &format!("ip(\"127.0.0.1\") port({port})")),
    ] {
        text = text.replace(written, here);
    }
    let file = |name: &str| dir.join(name).display().to_string();
    fs::write(dir.join("conf"), text).expect("its settings");
    let arguments: Vec<String> = match program {
        "rsyslogd" => ["-n", "-f", &file("conf"), "-i", &file("pid")].map(str::to_owned).to_vec(),
        _ => {
            ["-F", "--no-caps", "-f", &file("conf"), "-R", &file("persist"), "-p", &file("pid"), "-c", &file("control")]
                .map(str::to_owned)
                .to_vec()
        }
    };
    (Receiver::start(Plan { program, arguments, dir, port }), log)
}

/// The agent's block of the document, for this receiver.
fn destination(trust: &Trust, block: &str, address: &str) -> String {
    let mut text = block_of(&document(), block);
    for (written, here) in [
        ("/etc/conductor/soc-ca.pem", &trust.paths.ca),
        ("/etc/conductor/agent.pem", &trust.paths.client_cert),
        ("/etc/conductor/agent.key", &trust.paths.client_key),
    ] {
        assert!(text.contains(written), "{block} names {written}");
        text = text.replace(written, &here.display().to_string());
    }
    let at = text.split('"').find(|word| word.starts_with("siem.acme.example:")).expect("an address").to_owned();
    text.replace(&at, address)
}

/// Are these ids each in a line of their own, whole, with the event behind them?
fn written(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The document's receiver gets 40 threats, each with its id, uncut, and tells a test event as `word`.
fn plays(program: &'static str, conf: &str, toml: &str, word: &str) {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    api.put(threats(5, 40));
    let truth = Arc::new(Truth::of("acme", &api));
    let (receiver, log) = receiver(&trust, program, conf);
    let destination = destination(&trust, toml, &receiver.address());
    place.write_settings(&format!("{}{destination}start = \"oldest\"\n", trust.integration(&place, "acme", &api)));
    let said = place.verb(&["destination", "test", "soc"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && text.contains(word), "{text}\n{}", receiver.log());

    let mut agent = place.start();
    agent.wait_within(PATIENCE, "every event is written", |_| {
        written(&log).iter().filter(|line| line.contains("acme/threats/")).count() >= truth.events()
    });
    let lines = written(&log);
    for line in lines.iter().filter(|line| line.contains("acme/threats/")) {
        // Structured data with the id, then MSG: one whole JSON object.
        let json = line.find('{').map(|at| &line[at..]).unwrap_or_default();
        let event: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e} in {line}"));
        let id = event["id"].as_str().expect("an id");
        assert!(line.split('{').next().is_some_and(|head| head.contains(id)), "the head of {line} holds the id");
    }
    let (exit, _) = agent.stop();
    assert!(exit.success(), "{exit}: {}", place.log());
}

#[test]
fn rsyslog_by_tls_works_as_the_document_sets_it() {
    plays("rsyslogd", "rsyslog-tls.conf", "rsyslog-tls.toml", "read-key-update");
}

#[test]
fn rsyslog_by_relp_works_as_the_document_sets_it() {
    plays("rsyslogd", "rsyslog-relp.conf", "rsyslog-relp.toml", "acknowledged");
}

#[test]
fn syslog_ng_works_as_the_document_sets_it() {
    plays("syslog-ng", "syslog-ng.conf", "syslog-ng.toml", "read-key-update");
}

#[test]
fn every_destination_that_the_document_shows_is_one_that_the_agent_reads_and_no_type_is_left_out() {
    let document = document();
    let blocks: Vec<&str> = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let mut types = Vec::new();
    for block in &blocks {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("conductor.toml");
        fs::write(&path, format!("[agent]\nname = \"box\"\n{block}")).expect("settings");
        let loaded = conductor::config::load(&path, &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}\n{block}"));
        types.extend(loaded.settings.destinations.values().map(|one| one.protocol.as_str()));
    }
    types.sort_unstable();
    types.dedup();
    assert_eq!(types, ["elastic", "http", "jetstream", "relp", "splunk-hec", "syslog"]);
}
