//! Ten million events waiting: how long the queue takes to open, and in how much memory. `cargo bench --bench waiting`.
//!
//! One process fills a queue and is aborted, as a kill would end it; fresh processes open it, and the real agent
//! runs on it. Takes some GB of the temporary folder (`TMPDIR`) and gives it back. `-- 1000000`: so many events instead;
//! `-- 1000000 keyed`: events whose ids the book remembers, each by itself; `packed`: as the janitor packs them once a day.
//!
//! Promise: time and memory are read in the process that opens, from the kernel; nothing is judged here.

#[path = "../../tests/agent/mod.rs"]
mod agent;
#[path = "../made/mod.rs"]
mod made;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::Place;
use conductor::event::Event;
use conductor::queue::NewPage;
use conductor::queue::disk::RealDisk;

/// Events of a page: 512 KiB of lines, as an import makes them.
const PAGE: u64 = 2_000;

fn main() {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", dir, events, keyed] => {
            fill(Path::new(dir), events.parse().expect("a number"), keyed != "plain", keyed == "packed");
        }
        ["open", dir] => open(Path::new(dir)),
        ["cool", dir] => cool(Path::new(dir)),
        [] => measure("10000000", "plain"),
        [events] => measure(events, "plain"),
        [events, keyed] => measure(events, keyed),
        _ => panic!("no argument, or how many events, or how many and `keyed`"),
    }
}

fn measure(events: &str, keyed: &str) {
    let place =
        Place::new("[queue]\nmax-size = \"64GiB\"\n[destinations.soc]\ntype = \"syslog\"\naddress = \"127.0.0.1:9\"\n");
    let home = place.state().join("queue");
    std::fs::create_dir_all(place.state()).expect("a folder");
    let text = home.to_str().expect("a path");
    let status = again(&["fill", text, events, keyed]);
    assert!(!status.success(), "it ends by an abort");
    for _ in 0..3 {
        again(&["open", text]);
    }
    println!("out of the page cache from here on:");
    again(&["cool", text]);
    again(&["open", text]);

    again(&["cool", text]);
    let begun = Instant::now();
    let mut running = place.spawn();
    running.wait_until("it answers", |agent| agent.get("/status").is_some_and(|(status, _)| status == 200));
    let answered = begun.elapsed();
    let waiting = &running.status()["queue"]["events"];
    println!(
        "the agent with {waiting} waiting: /status answers after {:.3} s (asked each 20 ms); {}",
        answered.as_secs_f64(),
        memory(&format!("/proc/{}/status", running.pid()))
    );
    running.stop();
}

/// This program in a fresh process.
fn again(words: &[&str]) -> std::process::ExitStatus {
    let this = std::env::current_exe().expect("our own path");
    Command::new(this).args(words).status().expect("it runs")
}

/// Keeps so many events of some 200 bytes and ends without closing anything.
fn fill(dir: &Path, events: u64, keyed: bool, packed: bool) {
    let queue = made::open(dir, Arc::new(RealDisk));
    queue.register("soc", true);
    let (begun, mut packing, mut old) = (Instant::now(), Duration::ZERO, 0);
    let page = if keyed { 100 } else { PAGE };
    for first in (0..events).step_by(page as usize) {
        let events = (first..(first + page).min(events)).map(|n| strewn(made::imported(n, 2), n)).collect();
        let (integration, stream) = ("import".into(), "import".into());
        queue.append(NewPage { integration, stream, events, keyed, ..NewPage::default() }).expect("kept");
        // The janitor's work, every few seconds of a fill at this speed; the last pages wait for it in vain.
        if (first / page) % 250 == 249 {
            queue.tidy_book();
            // As the janitor does where there are enough of them.
            let begun = Instant::now();
            if packed && first - old >= 20_000.max(old / 16) {
                queue.pack_ids();
                old = first;
            }
            packing += begun.elapsed();
        }
    }
    if packed {
        println!("packed in {:.1} s of them", packing.as_secs_f64());
    }
    let facts = queue.facts();
    println!(
        "kept {} events of {} bytes in {:.0} s: {} MB on disk, {} MB of them segments",
        facts.waiting,
        made::imported(events / 2, 2).weight(),
        begun.elapsed().as_secs_f64(),
        facts.disk_bytes / 1_000_000,
        facts.bytes / 1_000_000
    );
    std::process::abort();
}

/// As the vendor's ids are: what comes one after the other stands nowhere near each other.
fn strewn(event: Event, n: u64) -> Event {
    let x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Event { id: format!("import/import/{:016x}{n:016x}/1", x ^ x >> 29).into(), ..event }
}

/// Opens it as the agent does, and reads the first batch.
fn open(dir: &Path) {
    let begun = Instant::now();
    let queue = made::open(dir, Arc::new(RealDisk));
    let opened = begun.elapsed();
    let after_open = memory("/proc/self/status");
    let facts = queue.facts();
    let batch = queue.read_after(conductor::event::Seq(0), 1024, 512 << 10).expect("readable");
    println!(
        "opened with {} waiting in {:.3} s; {after_open}; with the first {} events read: {}",
        facts.waiting,
        opened.as_secs_f64(),
        batch.events.len(),
        memory("/proc/self/status")
    );
}

/// Its files leave the page cache, as after a start of the machine.
fn cool(dir: &Path) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        if entry.path().is_dir() {
            cool(&entry.path());
        } else {
            let file = std::fs::File::open(entry.path()).expect("a file");
            file.sync_all().expect("durable");
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).expect("advised");
        }
    }
}

/// What the kernel says a process holds, now and at its peak.
fn memory(status: &str) -> String {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    };
    format!("RSS {:.1} MiB, peak {:.1} MiB", mib("VmRSS"), mib("VmHWM"))
}
