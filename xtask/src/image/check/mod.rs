//! `cargo xtask image --check`: the image under QEMU, as an operator, a thief of power and a bad release meet it.
//!
//! The story on one disk is in story.rs, that of a disk in the wrong hands in at_rest.rs, that of another architecture in
//! other.rs; this begins them, and tells how long their parts took.
//!
//! Promise: what it says was seen on the machine's own console, at its pages or at the SOC; nothing is taken for granted
//! because a command returned.

mod at_rest;
mod bench;
mod network;
mod other;
mod pages;
mod story;
mod timetable;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench::Bench;
use signal_hook::consts::{SIGINT, SIGTERM};
use timetable::Timetable;

use super::layout::Architecture;
use super::site::Site;

// The limits are for software that emulates a machine on another that is busy with something else: they end a check that
// stands still, and judge nothing.

/// From the power switch to a word of the box.
const BOOT: Duration = Duration::from_secs(900);
/// The same with an install before it, and the way back from a version that does not come up.
const UPDATE: Duration = Duration::from_secs(1800);
/// How long the SOC waits for the last event.
const DRAIN: Duration = Duration::from_secs(600);

/// What the long campaign does beside the rest.
pub const ONLY_WHOLE: &str = "eighteen of twenty power cuts, versions whose kernel panics or whose first process stands still, \
                              a gateway that does not answer, and the wiping that the agent asks for";

/// Which are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stories {
    Both,
    /// The one on one disk: what CI has the time for.
    First,
    /// The one of a disk in the wrong hands.
    AtRest,
}

pub struct Options {
    pub architecture: Architecture,
    pub qemu: PathBuf,
    /// The agent.
    pub program: PathBuf,
    /// The long campaign.
    pub whole: bool,
    pub stories: Stories,
    /// A TPM2 in software.
    pub swtpm: PathBuf,
    pub work: PathBuf,
}

/// Set once we are asked to end.
type Stop = Arc<AtomicBool>;

/// What came of it.
pub enum Outcome {
    Held,
    NotRun(String),
}

pub fn run(options: &Options) -> Result<Outcome> {
    let mut times = Timetable::begin(Instant::now());
    // Ends by itself what it has started, also when it is asked to stop.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("can't take signals")?;
    }
    let folder = options.work.join("check");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    match options.architecture {
        Architecture::Amd64 => {
            if options.stories != Stories::AtRest {
                first(options, &folder, &stop, &mut times)?;
            }
            if options.stories != Stories::First {
                at_rest::tell(options, &folder, &stop, &mut times)?;
            }
        }
        Architecture::Arm64 => other::tell(options, &folder, &stop, &mut times)?,
    }
    println!("{}", times.table(timetable::worked()));
    fs::remove_dir_all(&folder).context("can't tidy up")?;
    Ok(Outcome::Held)
}

/// The story of story.rs.
fn first(options: &Options, folder: &Path, stop: &Stop, times: &mut Timetable) -> Result<()> {
    let versions = versions::build(options, folder)?;
    times.say("built: versions 1.0.0, 1.1.0 and a broken 1.2.0");
    let mut site = Site::open(folder)?;
    times.over("two roots, a disk, bundles", Instant::now());
    let bench = Bench { qemu: &options.qemu, disk: &versions.disk, folder, stop };
    story::tell(&bench, &versions, &mut site, times, options.whole)
}
