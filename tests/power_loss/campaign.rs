//! Many workloads, many cuts of each; some of them are cut again while the queue recovers.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use conductor::queue::Queue;
use fastrand::Rng;

use super::history::History;
use super::log::{Cut, Log};
use super::oracle::judge;
use super::recorder::Recorder;
use super::tree::Tree;
use super::workload::{Workload, folder, now_ms};

/// `SEED` or `SEED:STATE`: this workload alone, this state of it alone.
const REPLAY: &str = "CONDUCTOR_POWER";
/// How many states each of the workloads is cut into; default: [`STATES`].
const MANY: &str = "CONDUCTOR_POWER_STATES";
const WORKLOADS: u64 = 30;
const STATES: u64 = 100;

struct Tried {
    states: AtomicU64,
    twice: AtomicU64,
}

/// The queue on these files, with the oracle's word on it.
fn tried(state: &Tree, history: &History, cut: usize) -> Result<(), String> {
    let dir = folder();
    state.write(dir.path());
    let disk = Arc::new(Recorder::on(dir.path()));
    let opened = Queue::open(&dir.path().join("queue"), history.options, disk, now_ms);
    let (queue, report) = opened.map_err(|e| format!("it does not open: {e}"))?;
    judge(&queue, &report, history, cut)
}

/// Opens the queue on these files and logs what that does to them.
fn recovery(state: &Tree, history: &History) -> Result<Log, String> {
    let dir = folder();
    state.write(dir.path());
    let recorder = Recorder::on(dir.path());
    let disk = Arc::new(recorder.clone());
    let (queue, _) =
        Queue::open(&dir.path().join("queue"), history.options, disk, now_ms).map_err(|e| e.to_string())?;
    queue.rewind_damaged().map_err(|e| e.to_string())?;
    queue.close();
    recorder.len(); // what sled wrote last
    Ok(recorder.log())
}

fn one_state(log: &Log, history: &History, rng: &mut Rng, counted: &Tried) -> Result<(), (String, Tree)> {
    let after = rng.usize(0..=log.entries.len());
    let cut = Cut::random(rng, after);
    let mut state = log.state_after(cut);
    let mut how = format!("{cut:?}");
    // Where two pages shared a barrier, a stream may have gone back in the first recovery: the oracle knows no second.
    let alone = history.pages.iter().filter(|page| page.is_open(after)).count() < 2;
    if alone && rng.u8(0..3) == 0 {
        let own = recovery(&state, history).map_err(|why| (format!("{how}: {why}"), state.clone()))?;
        let again = rng.usize(0..=own.entries.len());
        let cut = Cut::random(rng, again);
        state = own.state_after(cut);
        how = format!("{how}, and in the recovery {cut:?} of {}", own.entries.len());
        counted.twice.fetch_add(1, Ordering::Relaxed);
    }
    counted.states.fetch_add(1, Ordering::Relaxed);
    let outcome = catch_unwind(AssertUnwindSafe(|| tried(&state, history, after)));
    outcome.unwrap_or_else(|_| Err("a panic".into())).map_err(|why| (format!("{why}\n    {how}"), state))
}

fn workload(seed: u64, states: impl Iterator<Item = u64>, counted: &Tried) -> Vec<String> {
    let (log, history) = Workload::run(seed);
    let mut broken = Vec::new();
    for number in states {
        let mut rng = Rng::with_seed(seed << 32 | number);
        if let Err((why, state)) = one_state(&log, &history, &mut rng, counted) {
            let kept = folder().keep();
            state.write(&kept);
            broken.push(format!("{REPLAY}={seed}:{number}: {why}\n    its files: {}", kept.display()));
        }
        if broken.len() > 3 {
            break;
        }
    }
    broken
}

#[test]
fn whatever_a_power_cut_leaves_the_queue_opens_by_itself_with_all_that_was_confirmed() {
    let counted = Tried { states: AtomicU64::new(0), twice: AtomicU64::new(0) };
    let many = std::env::var(MANY).ok().and_then(|many| many.parse().ok()).unwrap_or(STATES);
    let broken = match std::env::var(REPLAY) {
        Ok(asked) => {
            let (seed, state) = asked.split_once(':').map_or((&*asked, None), |(seed, state)| (seed, Some(state)));
            let seed = seed.parse().expect("a seed");
            match state.map(|state| state.parse().expect("a state")) {
                Some(state) => workload(seed, state..=state, &counted),
                None => workload(seed, 0..many, &counted),
            }
        }
        Err(_) => std::thread::scope(|scope| {
            let counted = &counted;
            let halves = [0, 1].map(|half| {
                let seeds = (1..=WORKLOADS).filter(move |seed| seed % 2 == half);
                scope.spawn(move || seeds.flat_map(|seed| workload(seed, 0..many, counted)).collect::<Vec<_>>())
            });
            halves.into_iter().flat_map(|half| half.join().expect("it ends")).collect()
        }),
    };
    let (states, twice) = (counted.states.into_inner(), counted.twice.into_inner());
    println!("{states} states, {twice} of them cut again in their recovery");
    assert!(broken.is_empty(), "{} of {states} states:\n{}", broken.len(), broken.join("\n"));
}

/// The harness can fail: a disk that forgets its barriers loses what was confirmed.
#[test]
fn a_disk_that_ignores_fsync_is_found_out() {
    let (mut log, history) = Workload::run(1);
    let kept: BTreeSet<&Path> = log.base.folders().collect();
    assert!(kept.is_empty(), "it began with nothing");
    log.forget_barriers();
    let counted = Tried { states: AtomicU64::new(0), twice: AtomicU64::new(0) };
    let mut rng = Rng::with_seed(1);
    let lost = (0..40).filter(|_| one_state(&log, &history, &mut rng, &counted).is_err()).count();
    assert!(lost > 10, "{lost} of 40");
}
