//! The blocks of docs/monitoring.md as they stand, run by the programs that they are for.
//!
//! Only what can't be the same everywhere is put in: the port, and the folder that holds the files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::scene::{Scene, TOKEN, address};
use crate::agent::Agent;

const GUIDE: &str = include_str!("../../docs/monitoring.md");
const NAME: &str = "box.acme.example";

/// The block of that name.
fn block(name: &str) -> &'static str {
    let rest =
        GUIDE.split("```").find(|part| part.lines().next().is_some_and(|line| line.ends_with(&format!(" {name}"))));
    rest.and_then(|part| part.split_once('\n')).expect("a block of that name").1
}

/// What `cargo xtask setup` has unpacked, else what is on PATH.
fn tool(program: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin").join(program);
    if unpacked.is_file() { unpacked } else { PathBuf::from(program) }
}

/// A box with the settings of the guide, and the SOC's folder.
struct Watched {
    scene: Scene,
    agent: Agent,
    port: u16,
}

impl Watched {
    fn new() -> Watched {
        let scene = Scene::new();
        let client = scene.soc.client(2);
        scene.write("soc.pem", &client.cert);
        scene.place.secret("soc.key", &client.key);
        // Certificate, key and port are those of the test; who is let in is as the guide has it.
        let settings =
            block("conductor.toml").replace("/etc/conductor/health-token", "token").replace("/etc/conductor/", "");
        let own = "listen = \"127.0.0.1:0\"\ncert = \"box.pem\"\nkey = { file = \"box.key\" }";
        let agent = scene.start(&settings.replace("listen = \"0.0.0.0:8443\"", own));
        let port = address(&agent).expect("it listens").port();
        // At the SOC, box.pem is what is trusted: here the CA of the box's certificate.
        let soc = scene.path("soc");
        fs::create_dir(&soc).expect("a folder");
        for (name, from) in
            [("box.pem", "site-ca.pem"), ("soc.pem", "soc.pem"), ("soc.key", "soc.key"), ("token", "token")]
        {
            fs::copy(scene.path(from), soc.join(name)).expect("copied");
        }
        fs::write(soc.join("token-header"), format!("Authorization: Bearer {TOKEN}")).expect("written");
        Watched { scene, agent, port }
    }

    /// A block with the test's port; its files lie in the SOC's folder.
    fn block(&self, name: &str) -> String {
        block(name).replace(":8443", &format!(":{}", self.port)).replace("-p 8443", &format!("-p {}", self.port))
    }

    /// One line of a script, by this program, in the SOC's folder.
    fn line(&self, line: &str, program: &Path) -> Output {
        let (_, rest) = line.split_once(' ').expect("a program and its arguments");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" {rest}")]).arg(program).current_dir(self.scene.path("soc"));
        command.stdin(Stdio::null()).output().expect("it runs")
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|part| String::from_utf8_lossy(part).into_owned()).concat()
}

#[test]
fn curl_is_answered_by_certificate_and_by_token() {
    let watched = Watched::new();
    for line in watched.block("curl.sh").lines() {
        let line = line.replace(
            "curl ",
            &format!("curl --silent --show-error --connect-to {NAME}:{0}:127.0.0.1:{0} ", watched.port),
        );
        let output = watched.line(&line, &tool("curl"));
        let told = if line.contains("/health") { "\"status\":\"warn\"" } else { "\"state\":\"degraded\"" };
        assert!(output.status.success() && text(&output).contains(told), "{line}: {}", text(&output));
        let bare = line.replace("--cert soc.pem --key soc.key", "").replace("--header @token-header", "");
        assert!(!watched.line(&bare, &tool("curl")).status.success(), "{bare}");
    }
}

#[test]
fn the_plugin_of_ours_runs_as_the_guide_has_it() {
    let watched = Watched::new();
    let config = watched.scene.place.config();
    for line in watched.block("plugin.sh").lines() {
        // The name is not this machine's: its address is in the certificate too.
        let line = format!("{} --config {}", line.replace(NAME, "127.0.0.1"), config.display());
        let output = watched.line(&line, Path::new(env!("CARGO_BIN_EXE_conductor")));
        assert_eq!(output.status.code(), Some(1), "{line}: {}", text(&output));
        assert!(text(&output).starts_with("CONDUCTOR WARNING - box: "), "{}", text(&output));
    }
}

#[test]
fn check_http_of_the_monitoring_plugins_finds_the_box_ready_and_its_certificate_good() {
    let watched = Watched::new();
    for line in watched.block("check_http.sh").lines() {
        let line = line.replace("-H ", "-I 127.0.0.1 -H ");
        let output = watched.line(&line, &tool("check_http"));
        // No destination is set: that warns.
        let expected = if line.contains("/health") { (Some(2), "CRITICAL") } else { (Some(0), "OK") };
        assert!(output.status.code() == expected.0 && text(&output).contains(expected.1), "{line}: {}", text(&output));
        let stranger = line.replace("-J soc.pem -K soc.key", "");
        if stranger != line {
            assert_ne!(watched.line(&stranger, &tool("check_http")).status.code(), Some(0), "{stranger}");
        }
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics_the_rules_and_the_settings() {
    let watched = Watched::new();
    let soc = watched.scene.path("soc");
    fs::write(soc.join("prometheus.yml"), watched.block("prometheus.yml")).expect("written");
    fs::write(soc.join("conductor.rules.yml"), block("conductor.rules.yml")).expect("written");
    for arguments in [["check", "config", "prometheus.yml"], ["check", "rules", "conductor.rules.yml"]] {
        let output = Command::new(tool("promtool")).args(arguments).current_dir(&soc).output().expect("promtool runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
    let metrics = watched.scene.stranger().with_token(address(&watched.agent).expect("it listens"), "/metrics");
    fs::write(soc.join("metrics"), metrics.body()).expect("written");
    let input = fs::File::open(soc.join("metrics")).expect("there");
    let output =
        Command::new(tool("promtool")).args(["check", "metrics"]).stdin(input).output().expect("promtool runs");
    assert!(output.status.success(), "{}", text(&output));
    // What the rules ask for is there, or is of things that this box has none of.
    let told = |name: &str| metrics.body().lines().any(|line| line.starts_with(name));
    assert!(told("conductor_state{state=\"down\"}") && told("conductor_queue_oldest_seconds"));
}

#[test]
fn the_blackbox_exporter_probes_the_health_with_the_module_of_the_guide() {
    let watched = Watched::new();
    let soc = watched.scene.path("soc");
    fs::write(soc.join("blackbox.yml"), block("blackbox.yml")).expect("written");
    let mut child = Command::new(tool("blackbox_exporter"))
        .args(["--config.file", "blackbox.yml", "--web.listen-address", "127.0.0.1:0"])
        .current_dir(&soc)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Kept until it has ended: whoever writes into a pipe that nobody holds dies of it.
    let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let port = |line: &str| line.split_once("address=127.0.0.1:").map(|(_, port)| port.trim().to_owned());
    let port: Option<u16> = said.find_map(|line| port(&line)).and_then(|port| port.parse().ok());
    let ask = |target: String| {
        let url = format!("http://127.0.0.1:{}/probe?module=conductor&target={target}", port.unwrap_or_default());
        let output = Command::new(tool("curl")).args(["--silent", "--noproxy", "*", &url]).output().expect("curl runs");
        text(&output)
    };
    let (known, other) =
        (ask(format!("https://127.0.0.1:{}/health", watched.port)), ask("https://127.0.0.1:1/".into()));
    child.kill().expect("killed");
    child.wait().expect("reaped");
    drop(said);
    assert!(known.contains("\nprobe_success 1\n"), "{known}");
    assert!(other.contains("\nprobe_success 0\n"), "{other}");
}

#[test]
fn the_paths_of_the_zabbix_items_lead_to_something() {
    let watched = Watched::new();
    let status = watched.agent.status();
    for line in block("zabbix").lines() {
        let path = line.split_whitespace().nth(1).expect("a path");
        let pointer = path.trim_end_matches(".length()").replace('$', "").replace('.', "/");
        assert!(status.pointer(&pointer).is_some(), "{path}");
    }
}
