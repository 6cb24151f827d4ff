//! The campaign itself.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::importer::Importer;
use crate::agent::Place;
use crate::world::{AtSoc, BATCH, Trust, Truth, new_threats};

const PATIENCE: Duration = Duration::from_secs(90);
/// What one kill may bring again: what is unconfirmed at any one time (the default window of a syslog destination,
/// twice), and the batch in hand, of which confirmations are noted when it is through.
const AGAIN: u64 = 2 * (4 << 20) + BATCH;
/// A round that brings nothing to the SOC by then ends all the same.
const ROUND: Duration = Duration::from_millis(800);

#[test]
fn kill_9_at_random_moments_loses_nothing_of_polls_imports_and_deliveries() {
    let rounds: u64 = from_env("CONDUCTOR_ROUNDS").unwrap_or(50);
    let seed = from_env("CONDUCTOR_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("CONDUCTOR_ROUNDS={rounds} CONDUCTOR_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut at) = (trust.api(), AtSoc::start(&trust));
    let soc = at.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &soc, "")));
    let mut truth = Truth::default();
    let importer = Importer::start(&place);
    let (mut next_line, mut delivering, mut polling) = (0, 0, 0);
    let begun = Instant::now();
    for round in 0..rounds {
        api.put(new_threats(rng.u64(..), rng.usize(5..40)));
        for _ in 0..rng.usize(200..1_500) {
            next_line += 1;
            let line = line(next_line, &mut rng);
            assert!(truth.note_line(line.clone()), "every line is another");
            importer.give(line);
        }
        let agent = place.spawn();
        let before = (at.soc.count(), api.request_count());
        // The moment of the kill is what is random here, not what anything waits for: one in four falls near the start,
        // while the queue is being opened; the others after a random number of messages.
        if rng.u8(..4) == 0 {
            std::thread::sleep(Duration::from_millis(rng.u64(..250)));
        } else {
            at.wait_for_more(rng.u64(1..1_500), ROUND);
        }
        delivering += u64::from(at.soc.count() > before.0);
        polling += u64::from(api.request_count() > before.1);
        agent.kill();
        assert!(place.log().matches("panicked").count() == 0, "round {round}: {}", place.log());
    }
    let killed = begun.elapsed();
    truth.note("acme", &api);
    let mut agent = place.start();
    importer.end(&place, &mut agent);
    agent.wait_within(PATIENCE, "every event is at the SOC", |_| at.look(&truth) >= truth.events());
    assert!(agent.stop().0.success());
    assert_eq!(at.look(&truth), truth.events());
    let told = at.judge.told();
    println!("{rounds} kills in {killed:.1?}, {polling} after it polled, {delivering} after it delivered: {told}");
    assert!(at.judge.furthest_back <= AGAIN, "{told}");
    assert!(delivering.min(polling) * 3 >= rounds, "only {polling} kills met polls, {delivering} met deliveries");
}

/// A line that no other is equal to, 100 bytes to 2 kB long.
fn line(n: u64, rng: &mut Rng) -> String {
    let size = rng.usize(50..2_000);
    let text: String = std::iter::repeat_with(|| rng.alphanumeric()).take(size).collect();
    format!(r#"{{"line":{n},"text":"{text}"}}"#)
}

fn from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
