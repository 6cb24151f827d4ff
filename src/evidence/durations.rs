//! Many durations, for their median and 95th percentile, in bounded memory.
//!
//! Promise: exact up to [`EXACT`] of them; past that each is known to within 5 %, and [`Durations::is_exact`] says so.

/// So many are kept one by one (8 bytes each).
pub const EXACT: usize = 100_000;
/// Buckets past that: each is this much wider than the one before, and a value stands for half of its bucket.
const GROWTH: f64 = 1.1;

/// Durations in milliseconds.
#[derive(Debug, Default)]
pub struct Durations {
    exact: Vec<u64>,
    /// In use once `exact` was full: the count of each bucket.
    buckets: Vec<u64>,
    count: u64,
}

impl Durations {
    pub fn push(&mut self, ms: u64) {
        self.count += 1;
        if self.buckets.is_empty() {
            if self.exact.len() < EXACT {
                return self.exact.push(ms);
            }
            for each in std::mem::take(&mut self.exact) {
                self.bucket(each);
            }
        }
        self.bucket(ms);
    }

    fn bucket(&mut self, ms: u64) {
        // Of the largest number it is the 466th: the list stays short.
        let place = ((ms as f64).ln_1p() / GROWTH.ln()) as usize;
        if self.buckets.len() <= place {
            self.buckets.resize(place + 1, 0);
        }
        self.buckets[place] += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn is_exact(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The smallest that at least `percent` of all are not above (nearest rank); `None` of nothing.
    pub fn percentile(&mut self, percent: u64) -> Option<u64> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        if self.is_exact() {
            self.exact.sort_unstable();
            return self.exact.get(usize::try_from(rank - 1).ok()?).copied();
        }
        let mut passed = 0;
        let place = self.buckets.iter().position(|count| {
            passed += count;
            passed >= rank
        })?;
        Some((GROWTH.powf(place as f64 + 0.5) - 1.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_95th_of_a_hundred_are_the_50th_and_the_95th() {
        let mut durations = Durations::default();
        (1..=100).rev().for_each(|ms| durations.push(ms * 1000));
        assert_eq!((durations.percentile(50), durations.percentile(95)), (Some(50_000), Some(95_000)));
        assert!(durations.is_exact());
        assert_eq!(Durations::default().percentile(50), None);
    }

    #[test]
    fn past_the_limit_they_are_right_to_within_five_percent_and_say_so() {
        let mut durations = Durations::default();
        let all = 3 * EXACT as u64;
        (0..all).for_each(|n| durations.push(1000 + n * 7));
        assert!(!durations.is_exact() && durations.count() == all);
        assert!(durations.buckets.len() < 200 && durations.exact.is_empty(), "bounded");
        for percent in [50, 95] {
            let right = (1000 + all * percent / 100 * 7) as f64;
            let found = durations.percentile(percent).expect("some") as f64;
            assert!((found - right).abs() / right < 0.05, "{percent}: {found} for {right}");
        }
        durations.push(u64::MAX);
        assert!(durations.buckets.len() < 500);
    }
}
