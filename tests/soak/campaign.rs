//! The soak itself: feeds what the SOC has room for, looks now and then, and judges the line through what it saw.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conductor_sim::soc::{Keep, KeyUpdates, Soc, SocOptions};

use super::slope::{Slope, rises};
use crate::agent::{Agent, Place};
use crate::world::Trust;

/// Of a run that nobody asked to be longer.
const EVENTS: u64 = 100_000;
/// Events that were fed and have not arrived: with what has arrived and is not confirmed yet, the depth stays below
/// 5,000.
const UNDER_WAY: u64 = 2_000;
const LOOKS: u64 = 50;
const PATIENCE: Duration = Duration::from_secs(120);
/// MiB a million events that are let pass of memory: with the usual number of glibc's arenas RSS rises by half of this for
/// ten million events at least, and what it is was not found (docs/benchmarks.md).
const SETTLING: f64 = 0.25;
const DRAINED: u64 = 32 << 20;

/// What one look saw.
#[derive(Clone, Copy, Debug)]
struct Look {
    events: u64,
    rss: u64,
    disk: u64,
    written: u64,
    depth: u64,
}

#[test]
fn millions_of_events_at_a_small_depth_leave_disk_and_memory_flat() {
    let events = std::env::var("CONDUCTOR_EVENTS").ok();
    let events: u64 = events.map_or(EVENTS, |text| text.parse().expect("CONDUCTOR_EVENTS is a number"));
    let (trust, place) = (Trust::new(), Place::new(""));
    let tls = trust.paths.server().expect("a certificate");
    let client_ca = Some(trust.authority.ca_pem());
    let key_updates = KeyUpdates::AllButFirst;
    let options = SocOptions { client_ca, key_updates, keep: Keep::Nothing, ..SocOptions::new(tls) };
    let soc = Soc::start(options).expect("it listens");
    let destination = trust.destination("soc", &soc.addr().to_string(), "");
    place.write_settings(&format!("[queue]\nkeep-size = \"0\"\n{destination}"));
    let mut agent = place.start();
    let mut import = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["queue", "import", "-", "--config"])
        .arg(place.config())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the verb starts");
    let mut stdin = import.stdin.take().expect("its input");
    let (texts, mut payload, mut looks) = (texts(), 0, Vec::new());
    let (begun, before) = (Instant::now(), written(&agent));
    for n in 0..events {
        // Repeats of what was under way come after a cut only, and here is none: each arrival is another event.
        assert!(soc.wait_for((n + 1).saturating_sub(UNDER_WAY), PATIENCE), "it stalls: {}", place.log());
        let line = format!("{{\"n\":{n},{}\n", &texts[(n % texts.len() as u64) as usize]);
        payload += line.len() as u64 - 1;
        stdin.write_all(line.as_bytes()).expect("the import reads");
        if (n + 1) % (events / LOOKS) == 0 {
            let depth = agent.status()["destinations"][0]["depth"].as_u64().expect("a depth");
            let disk = bytes_of(&place.state());
            looks.push(Look { events: n + 1, rss: rss(&agent), disk, written: written(&agent) - before, depth });
        }
    }
    drop(stdin);
    assert!(import.wait().expect("reaped").success());
    assert!(soc.wait_for(events, PATIENCE), "{} of {events}: {}", soc.count(), place.log());
    let took = begun.elapsed();
    let drained = Instant::now();
    agent.wait_within(PATIENCE, "a drained queue is small", |_| bytes_of(&place.state()) < DRAINED);
    let shrunk = drained.elapsed();
    println!("| events | RSS MiB | disk MiB | written MiB | depth |\n|---|---|---|---|---|");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    for look in looks.iter().step_by(5).chain(looks.last()) {
        let Look { events, rss, disk, written, depth } = *look;
        println!("| {events} | {:.1} | {:.1} | {:.1} | {depth} |", mib(rss), mib(disk), mib(written));
    }
    let ratio = (written(&agent) - before) as f64 / payload as f64;
    println!(
        "{events} events of {} bytes in {:.0} s: {:.0} events/s, {ratio:.3} bytes written a byte; under {} MiB {:.1} s after the \
         last arrived",
        payload / events,
        took.as_secs_f64(),
        events as f64 / took.as_secs_f64(),
        DRAINED >> 20,
        shrunk.as_secs_f64()
    );
    // The first fifth warms up: buffers, and the book's first blocks.
    let steady = &looks[looks.len() / 5..];
    let line = |of: fn(&Look) -> u64| -> Vec<(f64, f64)> {
        steady.iter().map(|look| (look.events as f64 / 1e6, mib(of(look)))).collect()
    };
    let (memory, disk) = (line(|look| look.rss), line(|look| look.disk));
    for (name, samples) in [("RSS", &memory), ("disk", &disk)] {
        let Slope { rise, error, scatter, whole } = Slope::of(samples);
        println!(
            "{name}: {rise:+.3} MiB a million events (± {error:.3}), {whole:+.2} MiB in all, scatter {scatter:.2} MiB"
        );
    }
    assert!(agent.stop().0.success());
    assert_eq!(soc.count(), events, "each once");
    assert!(ratio <= 0.4, "{ratio:.3} bytes are written for each of the payload");
    assert!(looks.iter().all(|look| look.depth <= 5_000), "{looks:?}");
    // At this depth: what waits (10 MB, uncompressed), a segment, and 16 MiB.
    assert!(looks.iter().all(|look| look.disk <= (10 + 64 + 16) << 20), "{looks:?}");
    // Of a few segments nothing can be told about a slope.
    if events >= 10 * EVENTS {
        assert!(!rises(&memory, SETTLING) && !rises(&disk, 0.0), "it grows: RSS {memory:?}, disk {disk:?}");
    }
}

/// Ends of lines of 2 kB, a quarter of which no compression takes away, as with the vendor's messages; more of them than a
/// frame has lines, so that no frame holds one twice.
fn texts() -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut text = || {
        let mut text = String::new();
        for field in 0.. {
            let noise: String = std::iter::repeat_with(|| rng.alphanumeric()).take(7).collect();
            let words = [(); 4].map(|()| WORDS[rng.usize(..WORDS.len())]).join(" ");
            text.push_str(&format!("\"field{field}\":\"{noise} {words}\","));
            if text.len() > 1_960 {
                break;
            }
        }
        text + "\"last\":true}"
    };
    std::iter::repeat_with(&mut text).take(1_500).collect()
}

const WORDS: [&str; 16] = [
    "invoice", "urgent", "payment", "account", "please", "review", "attached", "wire", "transfer", "today", "vendor",
    "updated", "bank", "details", "confirm", "regards",
];

fn rss(agent: &Agent) -> u64 {
    number(&format!("/proc/{}/status", agent.pid()), "VmRSS:") << 10
}

/// Bytes that the kernel was made to write for it.
fn written(agent: &Agent) -> u64 {
    number(&format!("/proc/{}/io", agent.pid()), "write_bytes:")
}

fn number(file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(file).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel tells it");
    line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

/// Bytes of disk that a folder takes, the reserve left out: it is given up when they are needed.
fn bytes_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_of(&entry.path()),
        Ok(meta) if entry.file_name() != "reserve" => meta.blocks() * 512,
        // A file that went meanwhile.
        Ok(_) | Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}
