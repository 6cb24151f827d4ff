//! Wrong tries, counted, and how long the next one waits. Pure.
//!
//! Each try passes several doors, and each door has its count: past `free` wrong ones the wait is 1 s, then doubles to
//! `most`. A count leaks: one try less each `leak`.
//!
//! | door | free | leak | most | against |
//! |---|---|---|---|---|
//! | a name from an address | 0 | 15 min | 15 min | one guesser, one user |
//! | an address | 4 | 15 min | 15 min | one guesser, many users; a few, for offices behind one address |
//! | a name from addresses where it never logged in | 20 | 3 min | 15 min | many guessers, one user |
//! | the claim code from an address | 0 | 15 min | 15 min | one guesser; also of the codes that come after |
//! | the claim code from anywhere | 10 | 6 s | 10 s | many guessers (five wrong ones end the code in any case) |
//!
//! Why a name under attack does not lock its owner out: one address gets at most some five tries an hour through its own
//! door once it has waited up, and the name's door lets twenty an hour leak away, so one attacker (or three) never closes it for
//! others. Many can; then the owner still gets in from an address where the name has logged in before, which does not pass
//! that door, and from elsewhere the console is the way (`conductor claim`).
//!
//! A try is counted before it is judged, and given back if it was right: a hundred at once are one try, not a hundred.
//! Promise: the memory is bounded, and what makes room is the lowest count, never an attacker's own high one first.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use jiff::Timestamp;

/// Counts that are kept. About 200 bytes each.
const MOST: usize = 4096;
const FIRST: Duration = Duration::from_secs(1);
const QUARTER: Duration = Duration::from_secs(15 * 60);
/// Doubling from 1 s is past 15 min then; a count goes no higher.
const DOUBLINGS: u32 = 11;

/// An address; of IPv6 the network of 64 bits, since whoever has one address of it has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl Origin {
    pub fn of(address: IpAddr) -> Origin {
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) => Origin(v4),
            IpAddr::V6(v6) => Origin(Ipv6Addr::from(u128::from(v6) >> 64 << 64).into()),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a try is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// A name from an address.
    NameFrom(String, Origin),
    Address(Origin),
    /// A name from addresses where it never logged in.
    Stranger(String),
    /// The claim code from an address.
    ClaimFrom(Origin),
    /// The claim code from anywhere.
    Claim,
}

struct Rule {
    free: u32,
    leak: Duration,
    most: Duration,
}

impl Door {
    fn rule(&self) -> Rule {
        let rule = |free, leak, most| Rule { free, leak, most };
        match self {
            Door::NameFrom(..) | Door::ClaimFrom(_) => rule(0, QUARTER, QUARTER),
            Door::Address(_) => rule(4, QUARTER, QUARTER),
            Door::Stranger(_) => rule(20, Duration::from_secs(180), QUARTER),
            Door::Claim => rule(10, Duration::from_secs(6), Duration::from_secs(10)),
        }
    }
}

/// Of one door.
#[derive(Clone, Copy, Debug)]
struct Count {
    tries: u32,
    /// What leaked before is out of `tries`.
    leaked: Timestamp,
    last: Timestamp,
}

/// All counts.
#[derive(Default)]
pub struct Tries {
    counts: HashMap<Door, Count>,
}

impl Tries {
    /// Counts a try at these doors, unless one of them is closed.
    ///
    /// # Errors
    /// For how long the longest is; then nothing was counted.
    pub fn pass(&mut self, doors: &[Door], now: Timestamp) -> Result<(), Duration> {
        let wait = doors.iter().map(|door| self.wait(door, now)).max().unwrap_or_default();
        if wait > Duration::ZERO {
            // Rounded up, so that who waits so long finds it open.
            return Err(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        for door in doors {
            self.count(door, now);
        }
        Ok(())
    }

    /// It was right: forget what went wrong here before.
    pub fn clear(&mut self, door: &Door) {
        self.counts.remove(door);
    }

    /// It was no wrong try.
    pub fn give_back(&mut self, door: &Door) {
        if let Some(count) = self.counts.get_mut(door) {
            count.tries = count.tries.saturating_sub(1);
        }
    }

    fn wait(&mut self, door: &Door, now: Timestamp) -> Duration {
        let Some(count) = self.counts.get_mut(door) else { return Duration::ZERO };
        let rule = door.rule();
        *count = count.at(&rule, now);
        let over = count.tries.saturating_sub(rule.free);
        let Some(doublings) = over.checked_sub(1) else { return Duration::ZERO };
        let whole = FIRST.saturating_mul(1 << doublings.min(DOUBLINGS)).min(rule.most);
        whole.saturating_sub(passed(count.last, now))
    }

    fn count(&mut self, door: &Door, now: Timestamp) {
        let rule = door.rule();
        let fresh = Count { tries: 0, leaked: now, last: now };
        let count = self.counts.get(door).map_or(fresh, |count| count.at(&rule, now));
        if self.counts.len() >= MOST && !self.counts.contains_key(door) {
            self.make_room(now);
        }
        let tries = (count.tries + 1).min(rule.free + DOUBLINGS);
        self.counts.insert(door.clone(), Count { tries, leaked: count.leaked, last: now });
    }

    /// What has leaked away goes; where nothing has, the lowest count, and of those the oldest.
    fn make_room(&mut self, now: Timestamp) {
        self.counts.retain(|door, count| count.at(&door.rule(), now).tries > 0);
        if self.counts.len() < MOST {
            return;
        }
        let low = |(door, count): &(&Door, &Count)| (count.at(&door.rule(), now).tries, count.last);
        if let Some(door) = self.counts.iter().min_by_key(low).map(|(door, _)| door.clone()) {
            self.counts.remove(&door);
        }
    }
}

impl Count {
    /// After what leaked until now.
    fn at(self, rule: &Rule, now: Timestamp) -> Count {
        if now < self.last {
            // The clock was set back: what was counted counts from now on.
            return Count { leaked: now, last: now, ..self };
        }
        let steps = u32::try_from(passed(self.leaked, now).as_secs() / rule.leak.as_secs().max(1)).unwrap_or(u32::MAX);
        match self.tries.checked_sub(steps).filter(|tries| *tries > 0) {
            Some(tries) => {
                let gone = rule.leak.saturating_mul(steps);
                Count { tries, leaked: self.leaked.checked_add(gone).unwrap_or(now), ..self }
            }
            None => Count { tries: 0, leaked: now, ..self },
        }
    }
}

fn passed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
