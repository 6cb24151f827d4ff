//! `conductor-sim`: the simulators as processes, for the demo.
//!
//! Promise: each says `listening on ADDR` on stdout once it can be dialled, and ends on SIGTERM or SIGINT with 0.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use conductor_sim::api::{Api, ApiOptions, Behaviour, Endpoint, Rule, generate};
use conductor_sim::ca::{Authority, Paths};
use conductor_sim::soc::{Keep, KeyUpdates, Soc, SocOptions};
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// The world outside of Conductor, simulated. For the demo and the tests.
#[derive(Parser)]
#[command(version)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Abnormal's REST API
    Api {
        /// Address and port; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The bearer token that is right
        #[arg(long)]
        token: String,
        /// A folder made by `conductor-sim certs`
        #[arg(long)]
        cert_dir: PathBuf,
        /// Threats of the last 24 hours, there from the start
        #[arg(long, default_value_t = 25)]
        threats: usize,
        /// New threats a minute
        #[arg(long, default_value_t = 0)]
        rate: u32,
        /// Items of each other kind, of the last 24 hours, there from the start
        #[arg(long, default_value_t = 0)]
        others: usize,
        /// NAME[=NUMBER][@ENDPOINT][*TIMES], more than once if need be; see `conductor-sim list`
        #[arg(long, value_name = "NAME")]
        behaviour: Vec<Rule>,
        /// What /ip answers instead of the caller's address
        #[arg(long)]
        egress: Option<String>,
        /// What the token may read, such as soar_v1_read_threats, more than once if need be; without it everything
        #[arg(long, value_name = "NAME")]
        permission: Vec<String>,
        /// When the token ends, as /v1/soar/tokens tells; without it that endpoint is forbidden
        #[arg(long, value_name = "TIME")]
        token_expires: Option<Timestamp>,
    },
    /// A SOC's receiver: syslog over TLS with octet counting
    Soc {
        /// Address and port; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// A folder made by `conductor-sim certs`
        #[arg(long)]
        cert_dir: PathBuf,
        /// Print each message on a line of its own, control characters escaped
        #[arg(long)]
        print: bool,
        /// Ask for a client certificate of the folder's CA
        #[arg(long)]
        client_certs: bool,
        /// Leave TLS 1.3 KeyUpdates unanswered
        #[arg(long)]
        no_key_updates: bool,
        /// Reset the connection after every so many messages
        #[arg(long)]
        reset_every: Option<u64>,
        /// Take at most so many messages a second
        #[arg(long)]
        per_second: Option<u32>,
    },
    /// Names every behaviour of the API with a sentence, then every endpoint
    List,
    /// Makes a CA, a server's and a client's certificate
    Certs {
        /// The folder; made if need be
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Line::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our list has read enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conductor-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> io::Result<()> {
    match verb {
        Verb::Api { listen, token, cert_dir, threats, rate, others, behaviour, egress, permission, token_expires } => {
            let tls = Paths::of(&cert_dir).server()?;
            let api = Api::start(ApiOptions { listen, egress, token_expires, ..ApiOptions::new(&token, tls) })?;
            if !permission.is_empty() {
                api.set_permissions(Some(&permission.iter().map(String::as_str).collect::<Vec<_>>()));
            }
            let now = Timestamp::now();
            let yesterday = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
            api.put(generate(1, threats, yesterday, now));
            put_others(&api, others, yesterday, now);
            behaviour.into_iter().for_each(|rule| api.set(rule));
            until_stopped(api.addr(), new_threats(&api, rate))
        }
        Verb::Soc { listen, cert_dir, print, client_certs, no_key_updates, reset_every, per_second } => {
            let mut options = SocOptions::new(Paths::of(&cert_dir).server()?);
            options.listen = listen;
            options.client_ca = if client_certs { Some(ca_of(&cert_dir)?) } else { None };
            options.key_updates = if no_key_updates { KeyUpdates::Unanswered } else { KeyUpdates::Each };
            // A demo may run for days: nothing is kept here.
            options.keep = Keep::Nothing;
            if print {
                options.keep = Keep::Part(Arc::new(|message| {
                    // A reader that went away must not stop the receiver.
                    let _ = say(&escaped(message));
                    None
                }));
            }
            let soc = Soc::start(options)?;
            soc.reset_every(reset_every);
            soc.slow(per_second);
            until_stopped(soc.addr(), std::future::pending())
        }
        Verb::List => {
            let mut out = io::stdout().lock();
            writeln!(out, "Behaviours (--behaviour NAME[=NUMBER][@ENDPOINT][*TIMES]):")?;
            for behaviour in Behaviour::list() {
                writeln!(out, "  {:<24} {}", behaviour.name(), behaviour.sentence())?;
            }
            writeln!(out, "Endpoints:")?;
            for (word, endpoint) in Endpoint::ALL {
                writeln!(out, "  {word:<24} {}", endpoint.path())?;
            }
            Ok(())
        }
        Verb::Certs { folder } => {
            let paths = Authority::new("Conductor demo CA")?.write_to(&folder)?;
            say(&format!("{} and the rest are written", paths.ca.display()))
        }
    }
}

/// Says that it can be dialled, then does `work` until a signal comes.
fn until_stopped(listening: SocketAddr, work: impl Future<Output = ()>) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // The signals first: who reads the line may send one at once.
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        say(&format!("listening on {listening}"))?;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = work => {}
        }
        Ok(())
    })
}

/// So many of each kind beside threats.
fn put_others(api: &Api, count: usize, from: Timestamp, to: Timestamp) {
    generate::cases(1, count, from, to).into_iter().for_each(|case| api.put_case(case));
    generate::campaigns(1, count, from, to).into_iter().for_each(|campaign| api.put_campaign(campaign));
    generate::vendor_cases(1, count, from, to).into_iter().for_each(|case| api.put_vendor_case(case));
    generate::not_analyzed(1, count, from, to).into_iter().for_each(|row| api.put_not_analyzed(row));
    for entry in generate::audit(1, count, from, to) {
        api.put_audit(entry);
    }
}

/// Adds threats that have just arrived, for ever.
async fn new_threats(api: &Api, per_minute: u32) {
    if per_minute == 0 {
        return std::future::pending().await;
    }
    let mut clock = interval(Duration::from_secs(60) / per_minute);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    // A run that follows another brings other threats.
    let mut rng = fastrand::Rng::new();
    loop {
        clock.tick().await;
        let now = Timestamp::now();
        api.put(generate(rng.u64(..), 1, now, now));
    }
}

fn ca_of(folder: &Path) -> io::Result<String> {
    std::fs::read_to_string(Paths::of(folder).ca)
}

/// One line on stdout, out at once.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// What a terminal may be shown: control characters, and those that turn text round, as escapes.
fn escaped(message: &[u8]) -> String {
    let turns =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut line = String::new();
    for c in String::from_utf8_lossy(message).chars() {
        if c.is_control() || turns(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_message_is_one_line_that_moves_no_cursor() {
        assert_eq!(escaped(b"a\n\x1b[2J\0\xff \xf0\x9f\x92\xa3"), "a\\n\\u{1b}[2J\\u{0}\u{fffd} \u{1F4A3}");
        assert_eq!(escaped("x\u{202e}y".as_bytes()), "x\\u{202e}y");
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Line::command().debug_assert();
    }
}
