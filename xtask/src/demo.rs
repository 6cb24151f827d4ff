//! `cargo xtask demo`: the whole job on one screen, with nothing mocked but the vendor and the SOC.
//!
//! A simulated API, the agent and a SOC receiver run as processes in a temporary folder; what the SOC receives is
//! printed as it comes. At the end the API is asked what it holds, and each message must have reached the SOC.
//!
//! Promise: every process has ended and the folder is gone when this returns, also after Ctrl-C.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::census::{Api, numbers};
use crate::commands::{Running, cargo, run as execute, target};
use crate::setup;

/// How long a process may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long the last events may take to the SOC.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// Cases, campaigns and so on at the start, of each kind.
const OTHERS: &str = "3";
/// The streams that must reach the SOC.
const STREAMS: [&str; 6] = ["threats", "cases", "abuse-campaigns", "not-analyzed", "vendor-cases", "audit-logs"];
/// Of a SOC message, what fits a screen.
const SHOWN: usize = 240;

/// What the command line says.
pub struct Options {
    /// Stops by itself after these; `None`: at Ctrl-C.
    pub seconds: Option<u64>,
    /// Threats at the start.
    pub threats: u32,
    /// New ones in a minute.
    pub rate: u32,
}

/// What reaches the main loop.
enum News {
    Line { from: &'static str, text: String },
    Interrupted,
}

/// Runs it; an error when a message is missing at the SOC.
pub fn run(options: &Options) -> Result<()> {
    setup::provide_openssl()?;
    let (sender, news) = mpsc::channel();
    await_interrupt(sender.clone())?;
    execute(&mut cargo(&["build", "--workspace", "--bins"]))?;
    let binary = |name: &str| target().join("debug").join(name);
    let folder = Folder::new()?;
    let mut demo =
        Demo { sim: binary("conductor-sim"), sender, news, received: [0; STREAMS.len()], seen: HashSet::new() };

    let certs = folder.0.join("certs");
    execute(Command::new(&demo.sim).arg("certs").arg(&certs))?;
    let token = random_token()?;
    let rate = options.rate.to_string();
    let threats = options.threats.to_string();
    let (_api, api_address) = demo.start_sim(
        "api",
        &certs,
        &["--token", &token, "--threats", &threats, "--others", OTHERS, "--rate", &rate],
    )?;
    let (mut soc, soc_address) = demo.start_sim("soc", &certs, &["--print"])?;

    let local = free_address()?;
    let settings = folder.write_settings(&token, &api_address, &soc_address, &local)?;
    let conductor = binary("conductor");
    let mut command = Command::new(&conductor);
    command.arg("run").arg("--config").arg(&settings).env("XDG_STATE_HOME", &folder.0);
    let mut agent = demo.start("agent", &mut command)?;
    demo.await_ready(&mut agent, &local)?;
    say(&format!("the agent is ready; its status page: http://{local}/"));
    match options.seconds {
        Some(seconds) => say(&format!("showing what the SOC receives, for {seconds} s")),
        None => say("showing what the SOC receives, until Ctrl-C"),
    }

    demo.show_for(options.seconds.map(Duration::from_secs), |_, _| false)?;
    agent.must_be_alive()?;
    soc.must_be_alive()?;
    let census = Api { address: &api_address, ca: &certs.join("ca.pem"), token: &token }.census()?;
    demo.show_for(Some(DRAIN_LIMIT), |seen, received| census.missing(seen).is_empty() && !received.contains(&0))?;

    say("conductor status:");
    // 1 or 2 tells a degraded or down agent: shown, not ours to judge.
    Command::new(&conductor).arg("status").arg("--config").arg(&settings).status().context("can't run conductor")?;
    let stopped = agent.stop()?;
    soc.stop()?;
    demo.show_for(Some(Duration::ZERO), |_, _| false)?;
    if !stopped.is_some_and(|status| status.success()) {
        bail!("the agent did not end as it should: {stopped:?}");
    }

    let missing = census.missing(&demo.seen);
    let (held, received) = (census.messages.len(), demo.received[0]);
    say(&format!("the API held {} threats with {held} messages; the SOC received {received}", census.threats));
    if !missing.is_empty() {
        bail!("{} messages did not reach the SOC, the first: {}", missing.len(), missing[0]);
    }
    if held == 0 {
        bail!("the API held nothing, so nothing was shown");
    }
    let others: Vec<String> =
        STREAMS.iter().zip(demo.received).skip(1).map(|(stream, n)| format!("{n} {stream}")).collect();
    say(&format!("and of the other streams: {}", others.join(", ")));
    if demo.received.contains(&0) {
        bail!("a stream has not reached the SOC at all");
    }
    say("none is missing");
    Ok(())
}

struct Demo {
    sim: PathBuf,
    sender: Sender<News>,
    news: Receiver<News>,
    /// How many messages of each stream the SOC printed.
    received: [usize; STREAMS.len()],
    /// Every number in them: the messages' ids are among these.
    seen: HashSet<String>,
}

impl Demo {
    /// One of the simulator's verbs, and the address where it listens.
    fn start_sim(&self, verb: &'static str, certs: &Path, more: &[&str]) -> Result<(Running, String)> {
        let mut command = Command::new(&self.sim);
        command.args([verb, "--listen", "127.0.0.1:0", "--cert-dir"]).arg(certs).args(more);
        let mut running = self.start(verb, &mut command)?;
        let began = Instant::now();
        while began.elapsed() < START_LIMIT {
            match self.news.recv_timeout(Duration::from_millis(100)) {
                Ok(News::Line { from, text }) if from == verb => match text.strip_prefix("listening on ") {
                    Some(address) => return Ok((running, address.trim().to_owned())),
                    None => show(from, &text),
                },
                Ok(News::Line { from, text }) => show(from, &text),
                Ok(News::Interrupted) => bail!("interrupted"),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => running.must_be_alive()?,
            }
        }
        bail!("conductor-sim {verb} does not say where it listens")
    }

    /// Starts a process whose lines become news.
    fn start(&self, name: &'static str, command: &mut Command) -> Result<Running> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(name, command)?;
        let (out, err) = (running.child().stdout.take(), running.child().stderr.take());
        relay(name, out.context("its output")?, self.sender.clone());
        relay(name, err.context("its messages")?, self.sender.clone());
        Ok(running)
    }

    /// Until /readyz says yes.
    fn await_ready(&mut self, agent: &mut Running, local: &str) -> Result<()> {
        let began = Instant::now();
        while !is_ready(local) {
            if self.show_for(Some(Duration::from_millis(50)), |_, _| false)? {
                bail!("interrupted");
            }
            agent.must_be_alive()?;
            if began.elapsed() > START_LIMIT {
                bail!("the agent is not ready after {} s", START_LIMIT.as_secs());
            }
        }
        Ok(())
    }

    /// Shows what comes, until the time is over, `enough`, or Ctrl-C (which answers true).
    fn show_for(
        &mut self,
        time: Option<Duration>,
        enough: impl Fn(&HashSet<String>, &[usize]) -> bool,
    ) -> Result<bool> {
        let began = Instant::now();
        while !enough(&self.seen, &self.received) {
            let left = time.map_or(Duration::from_secs(3600), |time| time.saturating_sub(began.elapsed()));
            match self.news.recv_timeout(left) {
                Ok(News::Line { from, text }) => {
                    show(from, &text);
                    // The SOC prints other lines too; a message begins with its priority.
                    if from == "soc" && text.contains('<') {
                        for (stream, count) in STREAMS.iter().zip(&mut self.received) {
                            *count += usize::from(text.contains(&format!("\"stream\":\"{stream}\"")));
                        }
                        self.seen.extend(numbers(&text).map(str::to_owned));
                    }
                }
                Ok(News::Interrupted) => return Ok(true),
                Err(RecvTimeoutError::Timeout) if time.is_some() => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("nothing is left to be shown"),
            }
        }
        Ok(false)
    }
}

fn say(text: &str) {
    println!("demo  | {text}");
}

/// One line, cut to a screen's width or three.
fn show(from: &str, text: &str) {
    let cut: String = text.chars().take(SHOWN).collect();
    let more = text.len() - cut.len();
    if more == 0 {
        println!("{from:<5} | {cut}");
    } else {
        println!("{from:<5} | {cut} [{more} bytes more]");
    }
}

/// Turns SIGINT and SIGTERM into news. By handlers: signals that are blocked would stay so in our children.
fn await_interrupt(sender: Sender<News>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("can't take signals")?;
    thread::spawn(move || signals.forever().all(|_| sender.send(News::Interrupted).is_ok()));
    Ok(())
}

fn relay(from: &'static str, pipe: impl Read + Send + 'static, sender: Sender<News>) {
    thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if sender.send(News::Line { from, text }).is_err() {
                return;
            }
        }
    });
}

/// Does /readyz answer 200?
fn is_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// A port that was free a moment ago: the status page needs one that we can print.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port on loopback")?.local_addr()?.to_string())
}

fn random_token() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The demo's own folder, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("conductor-demo-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("can't make {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        Ok(Folder(path))
    }

    fn write_settings(&self, token: &str, api: &str, soc: &str, local: &str) -> Result<PathBuf> {
        let key = self.0.join("api-key");
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
        file.write_all(token.as_bytes())?;
        let path = self.0.join("conductor.toml");
        fs::write(&path, settings(&self.0, api, soc, local)).context("can't write the demo's settings")?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: can't remove {}: {error}", self.0.display());
        }
    }
}

/// Quicker than a customer's: polls each second, so that the demo shows something at once.
fn settings(folder: &Path, api: &str, soc: &str, local: &str) -> String {
    let folder = folder.display();
    format!(
        r#"[agent]
name = "demo"
state-dir = "{folder}/state"
heartbeat = "0s"

[egress]
allowlisted = ["127.0.0.1"]
probe = "https://{api}/ip"
probe-ca = "{folder}/certs/ca.pem"

[local]
listen = "{local}"

[integrations.demo]
connector = "abnormal-security"
host = "{api}"
ca = "{folder}/certs/ca.pem"
api-key = {{ file = "{folder}/api-key" }}
streams = "all"
polling-interval = "1s"
start = "30d"
lag = "1s"
overlap = "30s"
requests-per-minute = 60000

[destinations.soc]
type = "syslog"
address = "{soc}"
ca = "{folder}/certs/ca.pem"
cert = "{folder}/certs/client.pem"
key = {{ file = "{folder}/certs/client.key" }}
start = "oldest"
"#
    )
}
