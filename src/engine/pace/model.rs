//! A vendor that counts, another client beside us, and a backlog, all in paused time: what the pace's constants are
//! chosen by. The code under test is the real one; only the vendor and the clock are models.
//!
//! Promise: the limiter knows nothing of us; what it lets through, it counts as any would.
//!
//! `cargo test --lib engine::pace::model -- --nocapture` prints the figures of `docs/benchmarks.md`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Pace, Paced, now};
use crate::fault::Fault;
use crate::net::http::{Answer, Get};
use crate::values::Secret;

/// Requests a minute that the vendor allows to all clients of a customer together.
const ALLOWED: f64 = 300.0;
/// What we are set to: the default.
const SET: u32 = 240;
/// From a request to its answer.
const LATENCY: Duration = Duration::from_millis(300);

/// How the vendor counts: none says, so that each must do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Counts {
    /// By minutes, one after the other; refused requests count too.
    Minutes,
    /// The last sixty seconds at any time.
    LastMinute,
    /// Tokens, five a second, three hundred at the most.
    Tokens,
}

/// How the other client's requests come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comes {
    Evenly,
    /// Each by itself: a Poisson process.
    Randomly,
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    /// A minute, whatever is left of it.
    AMinute,
    /// The time until there is room.
    WhatIsLeft,
}

/// Seconds of the model.
type Seconds = f64;

struct Limiter {
    counts: Counts,
    asks: Asks,
    minute: Seconds,
    in_minute: f64,
    taken: VecDeque<Seconds>,
    tokens: f64,
    filled: Seconds,
}

impl Limiter {
    /// One request, of anybody. A refusal says when there will be room.
    fn take(&mut self, at: Seconds) -> Result<(), Seconds> {
        match self.counts {
            Counts::Minutes => {
                if at >= self.minute + 60.0 {
                    (self.minute, self.in_minute) = (at, 0.0);
                }
                self.in_minute += 1.0;
                if self.in_minute > ALLOWED { Err(self.minute + 60.0 - at) } else { Ok(()) }
            }
            Counts::LastMinute => {
                while self.taken.front().is_some_and(|first| *first <= at - 60.0) {
                    self.taken.pop_front();
                }
                match self.taken.front() {
                    Some(first) if self.taken.len() as f64 >= ALLOWED => Err(first + 60.0 - at),
                    _ => {
                        self.taken.push_back(at);
                        Ok(())
                    }
                }
            }
            Counts::Tokens => {
                self.tokens = (self.tokens + (at - self.filled) * ALLOWED / 60.0).min(ALLOWED);
                self.filled = at;
                if self.tokens < 1.0 {
                    return Err((1.0 - self.tokens) * 60.0 / ALLOWED);
                }
                self.tokens -= 1.0;
                Ok(())
            }
        }
    }
}

struct Other {
    comes: Comes,
    per_minute: f64,
    next: Seconds,
    /// Its requests that were answered.
    answered: f64,
    dice: fastrand::Rng,
}

/// What our requests met, from the second minute on.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    asked: f64,
    refused: f64,
}

struct World {
    limiter: Limiter,
    other: Other,
    met: Met,
    /// Of the other's requests, those answered in our first minute.
    other_first: f64,
}

struct Vendor {
    began: Instant,
    world: Mutex<World>,
}

impl Vendor {
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn seconds(&self) -> Seconds {
        (now() - self.began).as_secs_f64()
    }
}

impl World {
    /// The other's requests up to now.
    fn meanwhile(&mut self, at: Seconds) {
        let other = &mut self.other;
        while other.per_minute > 0.0 && other.next <= at {
            if self.limiter.take(other.next).is_ok() {
                other.answered += 1.0;
                self.other_first += if other.next <= 60.0 { 1.0 } else { 0.0 };
            }
            let step = match other.comes {
                Comes::Evenly => 1.0,
                Comes::Randomly => -(1.0 - other.dice.f64()).ln(),
            };
            other.next += step * 60.0 / other.per_minute;
        }
    }
}

#[async_trait]
impl Get for Vendor {
    async fn get(&self, _: &str, _: &[(&str, &str)], _: Option<&Secret>) -> Result<Answer, Fault> {
        let at = self.seconds();
        let taken = self.with(|world| {
            world.meanwhile(at);
            let taken = world.limiter.take(at);
            if at > 60.0 {
                world.met.asked += 1.0;
                world.met.refused += f64::from(u8::from(taken.is_err()));
            }
            taken.map_err(|left| match world.limiter.asks {
                Asks::AMinute => 60,
                Asks::WhatIsLeft => left.ceil().max(1.0) as u64,
            })
        });
        tokio::time::sleep(LATENCY).await;
        let (status, retry_after) = match taken {
            Ok(()) => (200, None),
            Err(seconds) => (429, Some(Duration::from_secs(seconds))),
        };
        Ok(Answer { status, date: None, retry_after, content_type: None, body: Bytes::new() })
    }
}

/// What a run came to.
#[derive(Debug)]
struct Run {
    minutes: f64,
    /// Of our requests after the first minute, the part that met a 429.
    refused: f64,
    /// Of what the other left free after the first minute, the part that we used.
    used: f64,
}

#[derive(Clone, Copy)]
struct Scene {
    counts: Counts,
    comes: Comes,
    asks: Asks,
    others: f64,
}

/// Fetches a backlog of so many through the real pace; a stream's worth at once.
async fn fetch(scene: Scene, backlog: usize, seed: u64) -> Run {
    let Scene { counts, comes, asks, others } = scene;
    let limiter =
        Limiter { counts, asks, minute: -60.0, in_minute: 0.0, taken: VecDeque::new(), tokens: ALLOWED, filled: 0.0 };
    let dice = fastrand::Rng::with_seed(seed);
    let other = Other { comes, per_minute: others, next: 0.0, answered: 0.0, dice };
    let world = World { limiter, other, met: Met::default(), other_first: 0.0 };
    let vendor = Arc::new(Vendor { began: now(), world: Mutex::new(world) });
    let pace = Arc::new(Pace::new(SET));
    let client = Arc::new(Paced::new(Arc::clone(&vendor) as Arc<dyn Get>, Arc::clone(&pace)));
    let (url, mut dice) = ("https://model/v1/threats", fastrand::Rng::with_seed(seed));
    let mut fetched = 0;
    while fetched < backlog {
        // As a stream does: some at once, and what became of them when the last is answered.
        let ask = || client.get(url, &[], None);
        let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
        let answers = [a, b, c, d].map(|answer| answer.expect("the model answers"));
        fetched += answers.iter().filter(|answer| answer.status == 200).count();
        if let Some(asked) = answers.iter().find_map(|answer| answer.retry_after) {
            // At least what was asked for, and up to a tenth more, so that no two boxes are in step.
            let left = pace.hold(asked.mul_f64(1.0 + 0.1 * dice.f64()));
            tokio::time::sleep(left).await;
        }
    }
    let minutes = vendor.seconds() / 60.0;
    vendor.with(|world| {
        let free = ALLOWED * (minutes - 1.0) - (world.other.answered - world.other_first);
        let refused = world.met.refused / world.met.asked;
        Run { minutes, refused, used: (world.met.asked - world.met.refused) / free }
    })
}

fn told(scene: Scene, run: &Run) -> String {
    let Scene { counts, comes, asks, others } = scene;
    format!(
        "{counts:?}, others {others}/min {comes:?}, Retry-After {asks:?}: {:.0} min, {:.2} % met a 429, {:.1} % of the \
         free budget used",
        run.minutes,
        run.refused * 100.0,
        run.used * 100.0
    )
}

fn scenes(others: f64) -> impl Iterator<Item = Scene> {
    use Asks::{AMinute, WhatIsLeft};
    use Comes::{Evenly, Randomly};
    use Counts::{LastMinute, Minutes, Tokens};
    let all = [Minutes, LastMinute, Tokens].into_iter().flat_map(|counts| {
        [Evenly, Randomly].into_iter().flat_map(move |comes| [AMinute, WhatIsLeft].map(|asks| (counts, comes, asks)))
    });
    all.map(move |(counts, comes, asks)| Scene { counts, comes, asks, others })
}

/// The least part of the free budget that is used. Where the vendor counts by hard minutes and another client comes
/// at random, no steady rate reaches 0.82 while each 429 costs a minute: its own noise fills a minute now and then.
fn least(scene: Scene) -> f64 {
    match (scene.counts, scene.comes, scene.asks) {
        (Counts::Minutes | Counts::LastMinute, Comes::Randomly, Asks::AMinute) => 0.68,
        (Counts::LastMinute, Comes::Randomly, Asks::WhatIsLeft) => 0.80,
        (Counts::Minutes | Counts::LastMinute, Comes::Evenly, Asks::AMinute | Asks::WhatIsLeft)
        | (Counts::Minutes, Comes::Randomly, Asks::WhatIsLeft)
        | (Counts::Tokens, Comes::Evenly | Comes::Randomly, Asks::AMinute | Asks::WhatIsLeft) => 0.90,
    }
}

#[tokio::test(start_paused = true)]
async fn beside_a_client_that_takes_half_a_backlog_of_20000_uses_what_is_free_and_hardly_meets_a_429() {
    for scene in scenes(150.0) {
        let run = fetch(scene, 20_000, 7).await;
        println!("{}", told(scene, &run));
        assert!(run.refused <= 0.01, "{}", told(scene, &run));
        assert!(run.used >= least(scene), "{}", told(scene, &run));
    }
}

#[tokio::test(start_paused = true)]
async fn alone_it_goes_at_what_was_set_and_meets_no_429() {
    for scene in scenes(0.0) {
        let run = fetch(scene, 2_000, 7).await;
        assert_eq!(run.refused, 0.0, "{}", told(scene, &run));
        assert!((8.2..8.5).contains(&run.minutes), "{}", told(scene, &run));
    }
}
