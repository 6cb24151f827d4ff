//! Times and ids out of a seeded random source, for every kind.
//!
//! Promise: a time lies in its range even after its second was cut to the digits that are written.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::super::moment::Moment;

pub(super) fn moment(rng: &mut Rng, from: Timestamp, to: Timestamp) -> Moment {
    let (from, to) = (from.as_nanosecond(), to.as_nanosecond());
    let digits = [0, 6, 9][rng.usize(..3)];
    let at = if from < to { rng.i128(from..to) } else { from };
    // Cut to the digits that are written, but never to before the range.
    let step = 10_i128.pow(9 - u32::from(digits));
    let cut = at - at.rem_euclid(step);
    let (at, digits) = if cut < from { (from, 9) } else { (cut, digits) };
    Moment { at: Timestamp::from_nanosecond(at).unwrap_or_default(), digits }
}

pub(super) fn shifted(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

pub(super) fn uuid(rng: &mut Rng) -> String {
    let bits = (rng.u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Past the range of doubles, on both sides of zero.
pub(super) fn wide_id(rng: &mut Rng) -> i64 {
    let size = rng.i64((1 << 53) + 1..i64::MAX);
    if rng.bool() { -size } else { size }
}

/// One of these.
pub(super) fn one<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of.get(rng.usize(..of.len().max(1))).copied().unwrap_or_default()
}
