//! The command line: one file a verb, and the exit codes that scripts rely on.
//!
//! Promise: JSON goes to stdout, messages to stderr; the exit code says what kind of trouble it was, and a
//! sentence says what to do. Nothing printed holds a secret.

mod agent_socket;
mod appliance;
mod asked;
mod audit;
mod backup;
mod change;
mod check;
mod claim;
mod destination;
mod evidence;
mod first_steps;
mod integration;
mod logging;
mod queue;
mod recording;
mod reset;
mod run;
mod secret;
mod selftest;
mod settings;
mod status;
mod support_bundle;
mod update;
mod user;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::diagnosis::finding::Trouble;
use crate::fault::Fault;
use crate::queue::QueueError;
use recording::recorded;

/// Exit codes of sysexits(3), and the reason that stands behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    /// The command line is wrong.
    Usage = 64,
    /// A peer can't be reached, or the agent is not running.
    Unavailable = 69,
    /// A bug of ours.
    Software = 70,
    /// The disk or what is on it.
    Disk = 74,
    /// A file may not be read or written.
    Permission = 77,
    /// The settings are wrong.
    Configuration = 78,
}

/// What ended a verb: a code for scripts, a sentence for people.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub text: String,
}

impl Failure {
    pub fn new(exit: Exit, text: impl Into<String>) -> Failure {
        Failure { exit, text: text.into() }
    }
}

impl From<Trouble> for Exit {
    fn from(trouble: Trouble) -> Exit {
        match trouble {
            Trouble::Peer => Exit::Unavailable,
            Trouble::Disk => Exit::Disk,
            Trouble::Permission => Exit::Permission,
            Trouble::Settings => Exit::Configuration,
            Trouble::Bug => Exit::Software,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::new(Trouble::of(fault.kind).into(), fault.chain())
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Failure {
        let exit = match &error {
            QueueError::Disk { source, .. } if is_forbidden(source) => Exit::Permission,
            QueueError::Locked { .. } => Exit::Unavailable,
            QueueError::Quota { .. }
            | QueueError::NoSpace { .. }
            | QueueError::Disk { .. }
            | QueueError::LaterFormat { .. }
            | QueueError::Stale
            | QueueError::Book(_) => Exit::Disk,
            QueueError::Replaying { .. } => Exit::Usage,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        // Whoever reads our output has seen enough (`| head`): that ends a verb early, and is nobody's fault.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::new(Exit::Ok, "");
        }
        let exit = if is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
        Failure::new(exit, error.to_string())
    }
}

/// A verb that ended early because nobody reads on has done what it was asked for.
fn read_enough(ended: Result<u8, Failure>) -> Result<u8, Failure> {
    match ended {
        Err(Failure { exit: Exit::Ok, .. }) => Ok(0),
        ended => ended,
    }
}

/// Not a broken disk: somebody decided that this process may not write there.
fn is_forbidden(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem)
}

/// Collects Abnormal Security events into a durable queue and hands them to a SOC, losing none.
#[derive(Debug, Parser)]
#[command(name = "conductor", version, disable_help_subcommand = true, after_help = first_steps::FIRST_STEPS)]
struct Arguments {
    /// The settings file; `conductor.d/*.toml` beside it is read too.
    #[arg(long, global = true, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    config: PathBuf,
    /// Tell more; twice: everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the agent in the foreground.
    Run(run::Arguments),
    /// Check settings, secrets, disk, clock, names, TLS to each peer, keys and the egress IP.
    Check(check::Arguments),
    /// How the running agent is: exit 0 healthy, 1 degraded, 2 down.
    Status(status::Arguments),
    /// What was detected in a period and what became of it, for an auditor.
    Evidence(evidence::Arguments),
    /// The integrations: what each asks, its key, and whether it works.
    Integration {
        #[command(subcommand)]
        verb: integration::Verb,
    },
    /// Who did what, and whether the record of it holds.
    Audit {
        #[command(subcommand)]
        verb: audit::Verb,
    },
    /// A one-time code for the first admin of the pages, and for a lost one: root, or the agent's user, on the box.
    Claim,
    /// The users of the pages: roles, passwords, second factors.
    User {
        #[command(subcommand)]
        verb: user::Verb,
    },
    /// What somebody who helps needs to see, in one file without secrets and events.
    SupportBundle(support_bundle::Arguments),
    /// The sealed secrets: kept in the state folder, shown nowhere.
    Secret {
        #[command(subcommand)]
        verb: secret::Verb,
    },
    /// The destinations: what is set, and how far an event gets.
    Destination {
        #[command(subcommand)]
        verb: destination::Verb,
    },
    /// Try this binary on this machine: a queue whose writer is killed, and TLS; touches nothing of the agent.
    Selftest(selftest::Arguments),
    /// What an appliance's own scripts ask.
    #[command(hide = true)]
    Appliance {
        #[command(subcommand)]
        verb: appliance::Verb,
    },
    /// The settings in one file that a person can read: without secrets, or with them sealed under a passphrase.
    Backup(backup::Backup),
    /// Put a backup's settings in the place of those here, once they are found to hold.
    Restore(backup::Restore),
    /// The box as it was before its first start: wipes keys, queue, users, claim and what was set on the pages.
    Reset(reset::Arguments),
    /// On an appliance: hand a signed update to the system, or tell what runs and how the last update ended.
    Update(update::Arguments),
    /// Look into the queue, copy it out and in.
    Queue {
        #[command(subcommand)]
        verb: queue::Verb,
    },
}

/// Every verb with its options, for the manual pages and the completions of shells.
pub fn grammar() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// The process: its arguments in, its exit code out.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // --help and --version are no errors; clap prints them to stdout.
            let _ = error.print();
            return code(if error.use_stderr() { Exit::Usage as u8 } else { 0 });
        }
    };
    keep_to_ourselves();
    let config = arguments.config.as_path();
    let outcome = match arguments.verb {
        Verb::Run(verb) => run::run(config, arguments.verbose, &verb),
        Verb::Check(verb) => check::run(config, &verb),
        Verb::Status(verb) => status::run(config, &verb),
        Verb::Evidence(verb) => evidence::run(config, &verb),
        Verb::SupportBundle(verb) => {
            recorded(config, Some(("support-bundle", String::new())), || support_bundle::run(config, &verb))
        }
        Verb::Audit { verb } => audit::run(config, verb),
        Verb::Integration { verb } => recorded(config, verb.doing(), || integration::run(config, verb)),
        Verb::Claim => recorded(config, claim::doing(), || claim::run(config)),
        Verb::User { verb } => recorded(config, verb.doing(), || user::run(config, verb)),
        Verb::Secret { verb } => recorded(config, verb.doing(), || secret::run(config, verb)),
        Verb::Destination { verb } => recorded(config, verb.doing(), || destination::run(config, verb)),
        Verb::Selftest(verb) => selftest::run(&verb),
        Verb::Appliance { verb } => appliance::run(verb),
        Verb::Backup(verb) => recorded(config, verb.doing(), || backup::backup(config, &verb)),
        Verb::Restore(verb) => recorded(config, verb.doing(), || backup::restore(config, &verb)),
        Verb::Reset(verb) => recorded(config, verb.doing(), || reset::run(config, &verb)),
        Verb::Update(verb) => recorded(config, verb.doing(), || update::run(config, &verb)),
        Verb::Queue { verb } => recorded(config, verb.doing(), || queue::run(config, verb)),
    };
    match read_enough(outcome) {
        Ok(exit) => code(exit),
        Err(failure) => {
            // `2>&1 | head`: an error that nobody reads is told by the exit code alone.
            let _ = writeln!(std::io::stderr(), "conductor: {}", failure.text);
            code(failure.exit as u8)
        }
    }
}

/// What any verb writes (the queue, an export) is for its own user alone: events hold mail subjects and addresses. And
/// its memory goes into no core file, whatever the limits of the shell or the container are: it holds tokens.
fn keep_to_ourselves() {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    // Only a kernel without the call refuses it, and then there is nothing to be done.
    let _ = nix::sys::prctl::set_dumpable(false);
}

fn code(exit: u8) -> ExitCode {
    ExitCode::from(exit)
}

/// An async runtime for verbs that talk to somebody once. It is left behind at the end: a name server that never answers
/// holds a thread of it for longer than anybody waits.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Software, format!("the runtime can't start: {e}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}
