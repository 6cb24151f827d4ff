//! `conductor destination …`, the real binary against real receivers and ones that are not well.

mod agent;
#[path = "destination_verb/changes.rs"]
mod changes;
mod receivers;
mod world;

use std::io::Read;
use std::net::TcpListener;
use std::process::Output;
use std::thread;
use std::time::Duration;

use agent::Place;
use conductor_sim::ca::Authority;
use conductor_sim::collector::{Collector, CollectorOptions, Fault, Language};
use receivers::{Certs, Driver, Rsyslog, free_port};
use serde_json::Value;
use world::Trust;

const PATIENCE: Duration = Duration::from_secs(120);

/// What the verb said.
struct Said {
    code: Option<i32>,
    text: String,
}

/// Runs `destination test soc` over this destination.
fn test(place: &Place, destination: &str) -> Said {
    place.write_settings(destination);
    let output = place.verb(&["destination", "test", "soc"]);
    assert!(!place.state().exists(), "a test makes no state folder");
    said(&output)
}

fn said(output: &Output) -> Said {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Said { code: output.status.code(), text }
}

impl Said {
    /// A line that begins with these words (blanks aside), and holds the rest.
    #[track_caller]
    fn expect(&self, code: i32, begins: &str, holds: &str) {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = self.text.lines().map(words).find(|line| line.starts_with(begins));
        let found = found.unwrap_or_else(|| panic!("no line begins with {begins:?}:\n{}", self.text));
        assert!(found.contains(holds), "{holds:?} in {found}\n{}", self.text);
        assert_eq!(self.code, Some(code), "{}", self.text);
    }

    /// The event's id, as it was told.
    #[track_caller]
    fn id(&self) -> String {
        let (_, rest) = self.text.split_once("id conductor/test/").unwrap_or_else(|| panic!("no id:\n{}", self.text));
        format!("conductor/test/{}", rest.split_whitespace().next().unwrap_or_default())
    }
}

fn certs(trust: &Trust) -> Certs {
    Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"))
}

#[test]
fn rsyslog_over_tls_has_read_the_event_and_writes_it_under_the_id_that_was_told() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let rsyslog = Rsyslog::start(&trust.folder("r"), &certs(&trust), free_port(), Driver::Ossl);
    let said = test(&place, &trust.destination("soc", &rsyslog.address(), ""));
    said.expect(0, "ok tcp", "connected to 127.0.0.1:");
    said.expect(0, "ok tls", "by The tests' CA");
    said.expect(0, "skipped login", "syslog has none");
    said.expect(0, "ok confirmed", "read-key-update");
    let lines = rsyslog.wait_for_lines(1, PATIENCE);
    assert_eq!((lines.len(), lines[0].msg_id.to_lowercase()), (1, "test".to_owned()), "one marked event");
    assert!(lines[0].raw.contains(&said.id()), "{} in {}", said.id(), lines[0].raw);
}

#[test]
fn rsyslog_that_knows_tls_1_2_only_has_read_the_event_by_its_close() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let rsyslog = Rsyslog::start(&trust.folder("r"), &certs(&trust), free_port(), Driver::Gtls);
    let said = test(&place, &trust.destination("soc", &rsyslog.address(), ""));
    said.expect(0, "ok confirmed", "read-close");
    rsyslog.wait_for_lines(1, PATIENCE);
}

#[test]
fn rsyslog_by_relp_acknowledges_the_event() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let rsyslog = Rsyslog::start_relp(&trust.folder("r"), &certs(&trust), free_port(), Driver::Ossl);
    let relp = trust.destination("soc", &rsyslog.address(), "").replace("\"syslog\"", "\"relp\"");
    let said = test(&place, &relp);
    said.expect(0, "ok login", "speaks RELP");
    said.expect(0, "ok confirmed", "acknowledged");
    assert_eq!(rsyslog.wait_for_lines(1, PATIENCE).len(), 1);
}

#[test]
fn plain_tcp_and_udp_are_warned_of_because_nobody_can_tell_more() {
    let place = Place::new("");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let reader = thread::spawn(move || {
        // Once for the look at TCP, once for the event.
        let mut all = String::new();
        for stream in listener.incoming().take(2) {
            stream.expect("a connection").read_to_string(&mut all).expect("text");
        }
        all
    });
    let plain = |transport: &str, address: &str| {
        format!("[destinations.soc]\ntype = \"syslog\"\ntransport = \"{transport}\"\naddress = \"{address}\"\n")
    };
    let tcp = test(&place, &plain("tcp", &address.to_string()));
    tcp.expect(0, "warning confirmed", "held-by-tcp");
    tcp.expect(0, "skipped tls", "can read along");
    assert!(reader.join().expect("it reads").contains(&tcp.id()));

    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let udp = test(&place, &plain("udp", &socket.local_addr().expect("an address").to_string()));
    udp.expect(0, "warning confirmed", "sent: nobody can tell");
    let mut datagram = [0; 4096];
    let read = socket.recv(&mut datagram).expect("a datagram");
    assert!(String::from_utf8_lossy(&datagram[..read]).contains(&udp.id()));
}

/// A collector that wants this Authorization, and the destination for it.
fn collector(trust: &Trust, language: Language, authorization: &str, settings: &str) -> (Collector, String) {
    let mut options = CollectorOptions::new(language, trust.paths.server().expect("a certificate"));
    options.authorization = Some(authorization.to_owned());
    let collector = Collector::start(options).expect("it listens");
    let (address, ca) = (collector.addr(), trust.paths.ca.display());
    let destination = format!("[destinations.soc]\nurl = \"https://{address}\"\nca = \"{ca}\"\n{settings}\n");
    (collector, destination)
}

#[test]
fn a_collector_splunk_and_elastic_each_confirm_by_their_own_word() {
    let table = [
        (Language::Plain, "Bearer the-token", "type = \"http\"\nauth = { bearer = TOKEN }", "acknowledged"),
        (Language::Hec { acknowledges: true }, "Splunk the-token", "type = \"splunk-hec\"\ntoken = TOKEN", "indexed"),
        (Language::Bulk, "ApiKey the-token", "type = \"elastic\"\nauth = { api-key = TOKEN }", "acknowledged"),
    ];
    for (language, authorization, settings, word) in table {
        let (trust, place) = (Trust::new(), Place::new(""));
        let settings = settings.replace("TOKEN", &place.secret("soc.token", "the-token"));
        let (collector, destination) = collector(&trust, language, authorization, &settings);
        let said = test(&place, &destination);
        said.expect(0, "ok login", "");
        said.expect(0, "ok confirmed", word);
        let kept = collector.kept();
        assert!(kept.len() == 1 && kept[0].contains(&said.id()), "{settings}: {kept:?}");
        // A token that is not theirs is a login that failed, and is not printed.
        place.secret("soc.token", "another-token");
        let said = test(&place, &destination);
        said.expect(69, "failed login", "");
        said.expect(69, "skipped confirmed", "does not let us in");
        assert!(!said.text.contains("another-token"), "{}", said.text);
        assert_eq!(collector.kept().len(), 1);
    }
}

#[test]
fn an_event_that_the_receiver_calls_bad_is_a_confirmation_that_failed() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let settings =
        "type = \"http\"\nauth = { bearer = TOKEN }".replace("TOKEN", &place.secret("soc.token", "the-token"));
    let (collector, destination) = collector(&trust, Language::Plain, "Bearer the-token", &settings);
    collector.fail([Fault::Says(400, Vec::new())]);
    let said = test(&place, &destination);
    said.expect(69, "ok login", "");
    said.expect(69, "failed confirmed", "400");
}

#[test]
fn a_collector_that_takes_the_event_and_never_answers_is_a_confirmation_that_failed() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let settings = "type = \"http\"\ntimeout = \"1s\"\nauth = { bearer = TOKEN }"
        .replace("TOKEN", &place.secret("soc.token", "the-token"));
    let (collector, destination) = collector(&trust, Language::Plain, "Bearer the-token", &settings);
    collector.fail([Fault::Hangs { keeps: false }]);
    let said = test(&place, &destination);
    said.expect(69, "ok sent", "");
    said.expect(69, "failed confirmed", "did not answer");
}

#[test]
fn a_port_that_speaks_another_protocol_is_a_login_that_failed() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let rsyslog = Rsyslog::start(&trust.folder("r"), &certs(&trust), free_port(), Driver::Ossl);
    let relp = trust.destination("soc", &rsyslog.address(), "").replace("\"syslog\"", "\"relp\"");
    let said = test(&place, &relp);
    said.expect(69, "ok tls", "");
    said.expect(69, "failed login", "open");
    said.expect(69, "skipped sent", "not tried");
}

#[test]
fn a_refused_port_a_wrong_ca_and_a_peer_that_hangs_each_stop_at_their_own_step() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let refused = test(&place, &trust.destination("soc", &format!("127.0.0.1:{}", free_port()), ""));
    refused.expect(69, "failed tcp", "refused");
    refused.expect(69, "skipped tls", "there is no connection");
    refused.expect(69, "skipped sent", "not tried");

    let mut rsyslog = Rsyslog::start(&trust.folder("r"), &certs(&trust), free_port(), Driver::Ossl);
    let other = Authority::new("Another CA").expect("a CA").write_to(&trust.folder("other")).expect("its files");
    let destination = trust.destination("soc", &rsyslog.address(), "");
    let wrong = destination.replace(&trust.paths.ca.display().to_string(), &other.ca.display().to_string());
    let wrong = test(&place, &wrong);
    wrong.expect(69, "ok tcp", "");
    wrong.expect(69, "failed tls", "");
    wrong.expect(69, "skipped confirmed", "TLS failed");

    rsyslog.stop_reading();
    let hung = test(&place, &destination);
    hung.expect(69, "ok tcp", "");
    hung.expect(69, "failed tls", "");
    rsyslog.resume();
    rsyslog.terminate();
    assert!(rsyslog.raw_lines().is_empty(), "none of these sent an event");
}

#[test]
fn what_can_t_be_used_as_it_is_set_is_told_by_its_exit_code() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let destination = trust.destination("soc", "127.0.0.1:1", "");
    let keyless = destination.replace(&trust.paths.client_key.display().to_string(), "/nowhere/agent.key");
    let keyless = test(&place, &keyless);
    keyless.expect(77, "failed secrets", "/nowhere/agent.key");
    keyless.expect(77, "skipped names", "not tried");
    assert_eq!(test(&place, "[destinations.soc]\ntype = \"syslog\"\n").code, Some(78));
    assert_eq!(test(&place, "").code, Some(64), "no destination of that name");
}

#[test]
fn beside_a_running_agent_one_json_document_tells_all_and_no_cursor_moves() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let rsyslog = Rsyslog::start(&trust.folder("r"), &certs(&trust), free_port(), Driver::Ossl);
    place.write_settings(&trust.destination("soc", &rsyslog.address(), "enabled = false"));
    let agent = place.start();
    let before = agent.status()["queue"].clone();
    let output = place.verb(&["destination", "test", "soc", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((output.status.code(), &document["ok"]), (Some(0), &true.into()), "{document}");
    assert_eq!((&document["receipt"], &document["type"]), (&"read-key-update".into(), &"syslog".into()));
    let ids: Vec<&str> =
        document["checks"].as_array().expect("a list").iter().filter_map(|c| c["id"].as_str()).collect();
    assert_eq!(ids, ["secrets", "names", "tcp", "tls", "login", "sent", "confirmed"]);
    let line = rsyslog.wait_for_lines(1, PATIENCE).remove(0);
    assert!(line.raw.contains(document["event"].as_str().expect("an id")), "{}", line.raw);
    let after = agent.status()["queue"].clone();
    assert_eq!((&after["events"], &after["bytes"]), (&before["events"], &before["bytes"]), "nothing is queued");
    let (exit, _) = agent.stop();
    assert!(exit.success(), "{exit}");
}
