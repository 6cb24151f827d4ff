//! Silent secrets: a marked token, a marked proxy password and marked private keys, searched for in all that the real
//! agent writes while it works, fails and is told to read its settings again.
//!
//! Events are compressed in the journal: what the queue holds is searched in its export, and its files as they are.

mod agent;
#[path = "secrets/marks.rs"]
mod marks;
mod proxy;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::{Agent, Place};
use conductor_sim::api::{Api, ApiOptions, Behaviour, generate};
use conductor_sim::ca::{Authority, Issued, LOOPBACK};
use conductor_sim::soc::{Soc, SocOptions};
use jiff::{Timestamp, ToSpan};
use marks::Mark;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

const TOKEN: &str = "CANARY-token-5f1c09";
const ROTATED: &str = "CANARY-rotated-82aa41";
const PASSWORD: &str = "CANARY-password-77d2";
const BROKEN_KEY: &str = "CANARYbrokenkeybody3141592653589793";
const PATIENCE: Duration = Duration::from_secs(120);

/// The agent's surroundings, and all that it has said so far, each with where.
struct Scene {
    place: Place,
    api: Api,
    soc: Soc,
    proxy: proxy::Proxy,
    marks: Vec<Mark>,
    /// Each writing of the settings differs by this, so that a reload begins every stream anew.
    writings: u32,
    heard: Vec<(String, Vec<u8>)>,
}

impl Scene {
    fn new() -> Scene {
        let authority = Authority::new("Test CA").expect("a CA");
        let server = authority.server(&LOOPBACK).expect("a certificate");
        let client = authority.client("conductor").expect("a certificate");
        let api = Api::start(ApiOptions::new(TOKEN, server.clone())).expect("an API");
        let now = Timestamp::now();
        api.put(generate(7, 8, now - 3.hours(), now - 1.hour()));
        let options = SocOptions { client_ca: Some(authority.ca_pem()), ..SocOptions::new(server) };
        let soc = Soc::start(options).expect("a SOC");
        let place = Place::new("");
        fs::write(place.dir.path().join("ca.pem"), authority.ca_pem()).expect("written");
        fs::write(place.dir.path().join("client.pem"), &client.cert_pem).expect("written");
        place.secret("client.key", &client.key_pem);
        // The token is sealed, under a credential as systemd hands it over.
        let sealing_key: Vec<u8> = (0..32_u8).map(|i| 0x9d ^ i.wrapping_mul(37)).collect();
        fs::create_dir(place.dir.path().join("credentials")).expect("a folder");
        fs::write(place.dir.path().join("credentials/conductor-key"), &sealing_key).expect("a credential");
        let mut marks = vec![
            Mark::new("the token", TOKEN.as_bytes()),
            Mark::new("the rotated token", ROTATED.as_bytes()),
            Mark::new("the proxy's password", PASSWORD.as_bytes()),
            Mark::new("the broken key", BROKEN_KEY.as_bytes()),
            Mark::new("the sealing key", &sealing_key),
        ];
        marks.extend(of_key(&client));
        let proxy =
            proxy::Proxy::start(&format!("Basic {}", marks::base64(format!("agent:{PASSWORD}").as_bytes())), None);
        Scene { place, api, soc, proxy, marks, writings: 0, heard: Vec::new() }
    }

    fn settings(&mut self) -> String {
        self.writings += 1;
        let (api, soc, proxy) = (self.api.addr().port(), self.soc.addr().port(), self.proxy.address);
        format!(
            "[egress]\nallowlisted = [\"127.0.0.1\"]\nprobe = \"https://localhost:{api}/ip\"\nprobe-ca = \"ca.pem\"\n\
             proxy = \"http://agent:{PASSWORD}@{proxy}\"\n\
             [integrations.acme]\nconnector = \"abnormal-security\"\nhost = \"localhost:{api}\"\nca = \"ca.pem\"\n\
             api-key = {{ sealed = \"acme\" }}\nstreams = [\"threats\"]\nstart = \"24h\"\npolling-interval = \"{}ms\"\n\
             [destinations.soc]\ntype = \"syslog\"\naddress = \"localhost:{soc}\"\nca = \"ca.pem\"\n\
             cert = \"client.pem\"\nkey = {{ file = \"client.key\" }}\nstart = \"oldest\"\n",
            1000 + self.writings
        )
    }

    fn credentials(&self) -> String {
        self.place.dir.path().join("credentials").display().to_string()
    }

    fn seal(&mut self, token: &str) {
        let given = [("CREDENTIALS_DIRECTORY", &*self.credentials())];
        let output = self.place.verb_in(&["secret", "set", "acme"], &given, &format!("{token}\n"));
        assert!(output.status.success(), "{output:?}");
        self.heard.push(("`secret set`".to_owned(), [output.stdout, output.stderr].concat()));
    }

    /// Everything that the agent and the verbs say at this moment.
    fn listen(&mut self, agent: &Agent, moment: &str) {
        for path in ["/status", "/metrics", "/", "/health", "/healthz", "/readyz"] {
            let (_, body) = agent.get(path).expect("the agent answers");
            self.heard.push((format!("{path} {moment}"), body.into_bytes()));
        }
        self.run_verbs(moment);
    }

    fn run_verbs(&mut self, moment: &str) {
        let verbs: [&[&str]; 11] = [
            &["check"],
            &["check", "--json"],
            &["integration", "list"],
            &["integration", "test", "acme"],
            &["status", "--json"],
            &["queue", "show"],
            &["queue", "export"],
            &["check", "-vv"],
            &["secret", "list"],
            &["secret", "reseal"],
            &["integration", "show", "acme"],
        ];
        for verb in verbs {
            let output = self.place.verb_in(verb, &[("CREDENTIALS_DIRECTORY", &self.credentials())], "");
            let said = [output.stdout, output.stderr].concat();
            assert!(!said.is_empty() || verb[0] == "queue", "{verb:?} said nothing");
            self.heard.push((format!("`{}` {moment}", verb.join(" ")), said));
        }
    }

    /// Writes the settings, sends SIGHUP and waits until /status says what is expected.
    fn reload(&mut self, agent: &mut Agent, settings: &str, expected: &str) {
        self.place.write_settings(settings);
        agent.signal(Signal::SIGHUP);
        agent.wait_within(PATIENCE, expected, |agent| {
            agent.get("/status").is_some_and(|(_, status)| status.contains(expected))
        });
        self.listen(agent, expected);
    }

    /// What was found that must not be: mark, form, place.
    fn found(&self) -> Vec<String> {
        let in_one = |(place, bytes): &(String, Vec<u8>)| {
            let found = self.marks.iter().filter_map(|mark| Some((mark.name, mark.form_in(bytes)?)));
            found.map(|(name, form)| format!("{name} ({form}) in {place}")).collect::<Vec<_>>()
        };
        self.heard.iter().flat_map(in_one).collect()
    }
}

/// A key's marks: each line of its PEM, and the private number in its DER (RFC 5915: an octet string of 32 bytes).
fn of_key(issued: &Issued) -> Vec<Mark> {
    let lines = issued.key_pem.lines().filter(|line| !line.starts_with("-----") && line.len() >= 24);
    let der = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).expect("a key");
    let der = der.secret_der();
    let number = memchr::memmem::find(der, &[0x04, 0x20]).map(|at| &der[at + 2..at + 34]).expect("a P-256 key");
    let lines = lines.map(|line| Mark::new("a line of the private key", line.as_bytes()));
    lines.chain([Mark::new("the private key's number", number)]).collect()
}

fn files(folder: &Path, heard: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, heard);
        } else if path.is_file() {
            let bytes = fs::read(&path).expect("a file");
            heard.push((path.display().to_string(), [path.display().to_string().into_bytes(), bytes].concat()));
        }
    }
}

#[test]
fn no_secret_is_in_anything_that_the_agent_writes_while_it_works_fails_and_reloads() {
    let mut scene = Scene::new();
    let good = scene.settings();
    scene.place.write_settings(&good);
    scene.seal(TOKEN);
    let mut agent = scene.place.spawn_in(&["-vv"], &[("CREDENTIALS_DIRECTORY", &scene.credentials())]);
    agent.wait_until("it is ready", |agent| agent.get("/readyz").is_some_and(|(status, _)| status == 200));
    assert!(scene.soc.wait_for(8, PATIENCE), "nothing arrived:\n{}", scene.place.log());
    assert!(!scene.proxy.asked().is_empty(), "the password was not in use");
    scene.listen(&agent, "while all is well");

    scene.api.set(Behaviour::ServerError);
    let again = scene.settings();
    scene.reload(&mut agent, &again, "answered 500");
    scene.api.clear();
    scene.api.set(Behaviour::IpDenied);
    let again = scene.settings();
    scene.reload(&mut agent, &again, "(403)");
    scene.api.clear();
    // The API knows the next token already: ours is the wrong one.
    scene.api.set_token(ROTATED);
    let again = scene.settings();
    scene.reload(&mut agent, &again, "(401)");

    // Mistakes that people make: the secret itself in the settings, and a proxy's URL that is none.
    let pasted = scene.settings().replace("{ sealed = \"acme\" }", &format!("\"{ROTATED}\""));
    let pasted = pasted.replace("proxy = \"http://", "proxy = \"htp//");
    scene.reload(&mut agent, &pasted, "settings-refused");

    // A private key that is none.
    let key = format!("-----BEGIN PRIVATE KEY-----\n{BROKEN_KEY}\n-----END PRIVATE KEY-----\n");
    scene.place.secret("client.key", &key);
    let again = scene.settings();
    // The verb reads the settings: good ones first.
    scene.place.write_settings(&again);
    scene.seal(ROTATED);
    scene.reload(&mut agent, &again, "can't be used together");
    let asked = scene.api.request_count();
    assert!(scene.api.wait_for_requests(asked + 2, PATIENCE), "the rotated token is not in use");
    scene.listen(&agent, "with the rotated token");

    let (ended, _) = agent.stop();
    assert!(ended.success(), "{ended}");
    scene.run_verbs("after the stop");
    scene.heard.push(("its stdout and stderr".to_owned(), scene.place.log().into_bytes()));
    let state = scene.place.state();
    files(&state, &mut scene.heard);

    let log = scene.place.log();
    assert!(log.contains("DEBUG") && log.contains("fetched"), "the log is not the whole one:\n{log}");
    let exported = scene.heard.iter().any(|(place, text)| place.contains("export") && text.len() > 1000);
    assert!(exported && scene.heard.len() > 100, "too little was searched");
    assert!(scene.heard.iter().any(|(place, _)| place.ends_with("secrets/acme.sealed")), "the store was not searched");
    let found = scene.found();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_agent_that_is_aborted_leaves_no_core_file_however_large_one_may_be() {
    let place = Place::new("");
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -c unlimited && {script}")]).current_dir(place.dir.path());
        command
    };
    let other = shell("kill -ABRT $$").status().expect("a shell");
    if !other.core_dumped() {
        eprintln!("this machine writes core files of nobody: nothing can be shown here");
        return;
    }
    let _ = fs::remove_file(place.dir.path().join("core"));
    let mut command = shell("exec \"$AGENT\" run --config conductor.toml");
    command.env("AGENT", env!("CARGO_BIN_EXE_conductor")).stderr(Stdio::piped());
    let mut agent = command.spawn().expect("the agent starts");
    let log = BufReader::new(agent.stderr.take().expect("a pipe"));
    let runs = log.lines().map_while(Result::ok).any(|line| line.contains("conductor runs"));
    kill(Pid::from_raw(agent.id() as i32), Signal::SIGABRT).expect("it runs");
    let ended = agent.wait().expect("reaped");
    assert!(runs && ended.signal() == Some(Signal::SIGABRT as i32), "{ended}");
    let left = fs::read_dir(place.dir.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let cores: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("core")).collect();
    assert!(!ended.core_dumped() && cores.is_empty(), "{cores:?}");
}

#[test]
fn a_mark_is_found_in_every_form_and_nowhere_else() {
    let mark = Mark::new("a mark", TOKEN.as_bytes());
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02X}")).collect();
    let basic = |before: &str| marks::base64(format!("{before}{TOKEN} and more").as_bytes());
    let debug = format!("{:?}", TOKEN.as_bytes());
    for text in [format!("x{TOKEN}y"), hex.clone(), hex.to_lowercase(), debug, basic(""), basic("u:"), basic("me:")] {
        assert!(mark.form_in(text.as_bytes()).is_some(), "{text}");
    }
    for text in ["", "CANARY-token", "[secret]", &basic("x")[..8]] {
        assert_eq!(mark.form_in(text.as_bytes()), None, "{text}");
    }
}
