//! Plain syslog to the receivers that SOCs run: rsyslog (TCP by count and by line, UDP) and syslog-ng (by line).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::agent::{Agent, Place};
use crate::receivers::{Plan, Received, Receiver, free_port};
use crate::world::{Trust, Truth, threats};

const PATIENCE: Duration = Duration::from_secs(120);

fn rsyslog(dir: &Path, port: u16) -> Receiver {
    fs::create_dir_all(dir.join("state")).expect("a folder");
    let at = dir.display();
    let configuration = format!(
        r#"global(workDirectory="{at}/state" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp")
module(load="imudp")
template(name="whole" type="list") {{
  constant(value="{{")  property(name="pri" outname="pri" format="jsonf")
  constant(value=",")  property(name="timereported" outname="timestamp" dateFormat="rfc3339" format="jsonf")
  constant(value=",")  property(name="hostname" outname="hostname" format="jsonf")
  constant(value=",")  property(name="app-name" outname="app-name" format="jsonf")
  constant(value=",")  property(name="procid" outname="proc-id" format="jsonf")
  constant(value=",")  property(name="msgid" outname="msg-id" format="jsonf")
  constant(value=",")  property(name="structured-data" outname="structured-data" format="jsonf")
  constant(value=",")  property(name="msg" outname="msg" format="jsonf")
  constant(value=",")  property(name="rawmsg" outname="raw" format="jsonf")
  constant(value="}}\n")
}}
ruleset(name="keep" queue.type="Direct") {{ action(type="omfile" file="{at}/messages" template="whole") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="keep" rcvbufSize="8m")
"#
    );
    fs::write(dir.join("rsyslog.conf"), configuration).expect("its configuration");
    let file = |name: &str| dir.join(name).display().to_string();
    let arguments = vec!["-n".into(), "-f".into(), file("rsyslog.conf"), "-i".into(), file("rsyslog.pid")];
    Receiver::start(Plan { program: "rsyslogd", arguments, dir: dir.to_owned(), port })
}

/// The ids that came, by app-name.
fn ids(lines: &[Received]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        let json: serde_json::Value = serde_json::from_str(line.text()).expect("our envelope");
        found.entry(line.app_name.clone()).or_default().insert(json["id"].as_str().expect("an id").to_owned());
    }
    found
}

fn told(agent: &Agent, name: &str, key: &str) -> serde_json::Value {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    all.iter().find(|one| one["name"] == name).map_or(serde_json::Value::Null, |one| one[key].clone())
}

#[test]
fn rsyslog_understands_each_plain_transport_and_the_status_says_what_each_is_worth() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    api.put(threats(1, 100));
    let truth = Truth::of("acme", &api);
    let receiver = rsyslog(&trust.folder("plain"), free_port());
    let destination = |name: &str, transport: &str, address: &str, more: &str| {
        format!(
            "[destinations.{name}]\ntype = \"syslog\"\ntransport = \"{transport}\"\naddress = \"{address}\"\n\
             app-name = \"{name}\"\nstart = \"oldest\"\n{more}\n"
        )
    };
    let here = receiver.address();
    let settings = trust.integration(&place, "acme", &api)
        + &destination("counted", "tcp", &here, "")
        + &destination("lines", "tcp", &here, "framing = \"lf\"")
        + &destination("datagrams", "udp", &here, "")
        // Documentation's own network (RFC 5737): nobody is there.
        + &destination("open", "udp", "192.0.2.7:514", "insecure = true");
    place.write_settings(&settings);
    let began = std::time::Instant::now();
    let mut agent = place.start();
    let all = |lines: &[Received]| {
        let found = ids(lines);
        ["counted", "lines", "datagrams"].iter().all(|n| found.get(*n).is_some_and(|ids| ids.len() == truth.events()))
    };
    agent.wait_within(PATIENCE, "each has all", |_| all(&receiver.lines()));
    let open: Vec<(String, String)> =
        agent.conditions().into_iter().filter(|(code, _)| code == "destination-insecure").collect();
    assert!(open.len() == 1 && open[0].1.contains("for open without TLS"), "loopback is not open: {open:?}");
    agent.wait_within(PATIENCE, "datagrams are taken as sent", |agent| told(agent, "datagrams", "depth") == 0);
    assert_eq!(told(&agent, "datagrams", "receipt"), "sent");
    assert!(
        agent.conditions().iter().any(|(code, text)| code == "destination-weak-receipt" && text.contains("datagrams"))
    );
    let waits = told(&agent, "counted", "depth").as_u64() > Some(0);
    assert!(waits || began.elapsed() > Duration::from_secs(50), "taken before a minute has passed");
    // The orderly end is answered, so all is taken, and a new start hands nothing over again.
    assert!(agent.stop().0.success());
    let mut agent = place.start();
    agent.wait_within(PATIENCE, "nothing is left for them", |agent| {
        ["counted", "lines", "datagrams"].iter().all(|name| told(agent, name, "depth") == 0)
    });
    let lines = receiver.lines();
    let once = |name: &str| lines.iter().filter(|line| line.app_name == name).count();
    assert_eq!([once("counted"), once("lines"), once("datagrams")], [truth.events(); 3]);
}

#[test]
fn a_plain_receiver_that_stands_still_gets_nothing_twice() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    api.put(threats(1, 100));
    let truth = Truth::of("acme", &api);
    let receiver = rsyslog(&trust.folder("stopped"), free_port());
    let destination = format!(
        "[destinations.soc]\ntype = \"syslog\"\ntransport = \"tcp\"\naddress = \"{}\"\nstart = \"oldest\"\n",
        receiver.address()
    );
    receiver.stop_reading();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &destination));
    let mut agent = place.start();
    agent.wait_within(PATIENCE, "all was handed over", |agent| {
        told(agent, "soc", "forwarded_total").as_u64() >= Some(truth.events() as u64)
    });
    assert_eq!(told(&agent, "soc", "taken_total"), 0, "nothing is taken on the spot");
    receiver.resume();
    let lines = receiver.wait_for_lines(truth.events(), PATIENCE);
    assert_eq!((lines.len(), told(&agent, "soc", "resent_total")), (truth.events(), 0.into()));
}
