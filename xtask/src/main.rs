//! Developer verbs, called as `cargo xtask VERB`: one file for each.
//!
//! Promise: a verb says what it runs, ends every process that it started, and fails with a sentence.

mod bench;
mod browser;
mod budgets;
mod callgrind;
mod census;
mod commands;
mod container;
mod counts;
mod cross;
mod demo;
mod fuzz;
mod image;
mod package;
mod packages;
mod sbom;
mod setup;
mod sim;
mod soak;
mod suite;
mod test;
mod torture;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer verbs of Conductor.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what the tests need from the distribution: rsyslog, syslog-ng, nats-server, openssl, g++, valgrind
    Setup,
    /// Set up, then check formatting and lints, run every test, each fuzz target for a moment, and count: what CI runs
    Test {
        /// The tests alone: no setup, no formatting, no lints
        #[arg(long)]
        fast: bool,
    },
    /// Show the whole job: a simulated API, the agent, a SOC receiver and the status page
    Demo {
        /// Stop by itself after so many seconds (default: at Ctrl-C)
        #[arg(long)]
        seconds: Option<u64>,
        /// Threats that the API holds at the start
        #[arg(long, default_value_t = 20)]
        threats: u32,
        /// New threats in a minute
        #[arg(long, default_value_t = 60)]
        rate: u32,
    },
    /// Run the simulated API alone, going wrong as asked, until Ctrl-C
    Sim {
        /// Name every behaviour with a sentence, and every endpoint, instead
        #[arg(long)]
        list: bool,
        /// NAME[=NUMBER][@ENDPOINT][*TIMES], more than once if need be
        #[arg(long, value_name = "NAME")]
        behaviour: Vec<String>,
        /// Address and port; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: String,
        /// The bearer token that is right; it opens nothing else
        #[arg(long, default_value = "simulated")]
        token: String,
        /// Threats of the last 24 hours
        #[arg(long, default_value_t = 25)]
        threats: u32,
        /// Items of each other kind of the last 24 hours
        #[arg(long, default_value_t = 5)]
        others: u32,
        /// New threats in a minute
        #[arg(long, default_value_t = 0)]
        rate: u32,
    },
    /// Measure the release build beside its peers, interleaved, and print a table of medians
    Bench {
        /// The folder of the peers harness (default: $PEERS_DIR)
        #[arg(long)]
        peers: Option<PathBuf>,
        /// How often each contestant runs each test
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// Events in a run
        #[arg(long, default_value_t = 200_000)]
        events: u32,
        /// Who runs, in this order in each round; the second is whom ratios are to
        #[arg(long, value_delimiter = ',', default_values_t = bench::CONTESTANTS.map(str::to_owned))]
        contestants: Vec<String>,
        /// Tests of the harness
        #[arg(default_values_t = ["steady".to_owned(), "outage".to_owned()])]
        tests: Vec<String>,
    },
    /// Count the instructions of the hot paths under callgrind and hold them to their budgets
    Counts {
        /// Write the budgets anew from this run
        #[arg(long)]
        renew: bool,
    },
    /// Build the agent for each architecture of cross.toml, by zig against an old glibc, and read what came out
    Cross {
        /// A triple or an architecture, more than once if need be; default: all
        #[arg(long)]
        target: Vec<String>,
        /// Run the self-test of each; where this machine is another, under qemu, and the tests of the queue too
        #[arg(long)]
        check: bool,
        /// Build each again in another folder and compare bit for bit
        #[arg(long)]
        twice: bool,
    },
    /// Make a deb and an rpm for each architecture, and a signed apt repository, under target/packages
    Package {
        /// A triple or an architecture, more than once if need be; default: all of cross.toml
        #[arg(long)]
        target: Vec<String>,
        /// Another version than the workspace's, on the packages alone: for trying upgrades
        #[arg(long)]
        version: Option<String>,
        /// Pack this program, built already, for the one target that is named
        #[arg(long, requires = "target")]
        program: Option<PathBuf>,
        /// The key that signs the repository, as gpg names it; default: a throw-away key
        #[arg(long, value_name = "KEY")]
        sign: Option<String>,
        /// Judge the packages, and let them live in clean Debian roots under systemd (root; minutes)
        #[arg(long)]
        check: bool,
    },
    /// Make a container image (an OCI archive) for each architecture, without an engine, under target/container
    ///
    /// podman, skopeo and docker load it. Its system files come from this machine's distribution and are kept as
    /// target/container/base-ARCH; delete that to take in Debian's updates. See docs/container.md.
    Container {
        /// A triple or an architecture, more than once if need be; default: all of cross.toml
        #[arg(long, alias = "arch")]
        target: Vec<String>,
        /// Another version than the workspace's
        #[arg(long)]
        version: Option<String>,
        /// This program, built already, for the one target that is named
        #[arg(long, requires = "target")]
        program: Option<PathBuf>,
        /// Make it twice, and run it under podman (root; a minute)
        #[arg(long)]
        check: bool,
    },
    /// Search for inputs that break a promise: one fuzz target, or all of them one after the other
    Fuzz {
        /// answers, dialogue, checkpoint, settings, frames or syslog (default: all)
        target: Option<String>,
        /// How long each target searches
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// So many inputs instead, the same each time: what `test` does with 4000
        #[arg(long, conflicts_with = "seconds")]
        inputs: Option<u32>,
    },
    /// Make the appliance image (raw, qcow2, VHDX, OVA), or an update bundle, or boot it under QEMU and break it
    ///
    /// Everything lies under target/image, which may be a link to where there is more room (a build takes 3 GB).
    ///
    /// The cache: the base system, Debian 12 with the packages of image/packages, is kept there as base-ARCH-HASH.tar. It is
    /// made anew (1 to 4 minutes, and Debian's mirror) when that list, the initramfs (image/initramfs) or the recipe
    /// changes, since the hash is of these. Delete it to take in Debian's security updates. A machine of CI keeps the file from run to
    /// run, or makes it anew each time. target/image/keys holds the CA for tests, made once. All else is made each time. With
    /// --check, QEMU is unpacked once into target/tools, and the disks of a check that failed stay in target/image/check with all
    /// that the machines said.
    ///
    /// --check takes some ten minutes on two quiet cores, and prints how long its parts took; --whole takes most of an hour. See
    /// docs/appliance.md.
    Image {
        /// amd64 or arm64
        #[arg(long, default_value = "amd64")]
        arch: String,
        /// Another version than the workspace's
        #[arg(long)]
        version: Option<String>,
        /// An agent that is built already (default: built for release)
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// The signed update instead of the disk
        #[arg(long)]
        bundle: bool,
        /// Who signs bundles: a certificate (default: a CA for tests, under target/image/keys)
        #[arg(long, value_name = "FILE")]
        cert: Option<PathBuf>,
        /// Its key, or a PKCS #11 URI
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The CA whose signers the image trusts
        #[arg(long, value_name = "FILE")]
        keyring: Option<PathBuf>,
        /// Boot it under QEMU: run, update, cut the power, roll back
        #[arg(long)]
        check: bool,
        /// With --check: twenty power cuts instead of two, versions that take the kernel down, and the wiping by the agent
        #[arg(long, requires = "check")]
        whole: bool,
        /// With --check: only what lies on the disk, and who can read it
        #[arg(long, requires = "check")]
        at_rest: bool,
    },
    /// Feed the release build millions of events at a small depth and tell whether its disk or memory grows
    Soak {
        /// How many events of 2 kB
        #[arg(long, default_value_t = 5_000_000)]
        events: u64,
    },
    /// Write what the shipped program is made of: a CycloneDX document under target/sbom
    Sbom {
        /// The machine that it is built for
        #[arg(long, default_value = "x86_64-unknown-linux-gnu")]
        target: String,
    },
    /// Kill, cut and restart the release build, many rounds long
    Torture {
        /// Rounds of each campaign
        #[arg(long, default_value_t = 200)]
        rounds: u32,
    },
}

fn main() -> ExitCode {
    let done = match Line::parse().verb {
        Verb::Setup => setup::run(),
        Verb::Test { fast } => test::run(fast),
        Verb::Demo { seconds, threats, rate } => demo::run(&demo::Options { seconds, threats, rate }),
        Verb::Sim { list: true, .. } => sim::list(),
        Verb::Sim { list: false, behaviour, listen, token, threats, others, rate } => {
            sim::run(&sim::Options { behaviour, listen, token, threats, others, rate })
        }
        Verb::Bench { peers, rounds, events, contestants, tests } => {
            bench::run(&bench::Options { peers, rounds, events, contestants, tests })
        }
        Verb::Counts { renew } => counts::run(renew).map(|outcome| match outcome {
            counts::Outcome::Held => {}
            counts::Outcome::NotJudged(why) => eprintln!("not run: {why}"),
        }),
        Verb::Cross { target, check, twice } => cross::run(&cross::Options { targets: target, check, twice }),
        Verb::Package { target, version, program, sign, check } => {
            package::run(&package::Options { targets: target, version, program, sign, check })
        }
        Verb::Container { target, version, program, check } => {
            container::run(&container::Options { targets: target, version, program, check })
        }
        Verb::Fuzz { target, seconds, inputs } => {
            let length = inputs.map_or(fuzz::Length::Seconds(seconds), fuzz::Length::Inputs);
            fuzz::run(target.as_deref(), length)
        }
        Verb::Image { arch, program, check: true, whole, at_rest, .. } => {
            let stories = if at_rest { image::Stories::AtRest } else { image::Stories::Both };
            image::check(&arch, program, whole, stories).map(|outcome| match outcome {
                image::Outcome::Held => {}
                image::Outcome::NotRun(what) => eprintln!("not run: {what}"),
            })
        }
        Verb::Image { arch, version, program, bundle, cert, key, keyring, check: false, whole: _, at_rest: _ } => {
            image::run(&image::Options {
                architecture: arch,
                version,
                program,
                bundle,
                certificate: cert,
                key,
                keyring,
            })
        }
        Verb::Soak { events } => soak::run(events),
        Verb::Sbom { target } => sbom::run(&target),
        Verb::Torture { rounds } => torture::run(rounds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
