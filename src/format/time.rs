//! Timestamps as text in UTC (RFC 3339, and the `Mmm dd hh:mm:ss` of RFC 3164), written digit by digit: a formatter is called for every event.
//!
//! Promise: what is written names the same instant, to the digits asked for.

use std::io::{self, Write};

use jiff::Timestamp;

/// How many digits of the second's fraction are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// Always six: the most that RFC 5424 (6.2.3) allows. What is finer is cut off.
    Six,
    /// As many as the instant has: none, three, six or nine.
    Needed,
}

/// Writes `2026-11-20T09:08:07.654321Z`. `false`: the year does not fit four digits and nothing was written.
///
/// # Errors
/// Those of the writer.
pub fn write_rfc3339<W: Write>(w: &mut W, at: Timestamp, digits: Digits) -> io::Result<bool> {
    // Before 1970 both parts are negative; the fraction of a text is not.
    let (mut second, mut fraction) = (at.as_second(), at.subsec_nanosecond());
    if fraction < 0 {
        second -= 1;
        fraction += 1_000_000_000;
    }
    let fraction = fraction.unsigned_abs();
    let (year, month, day) = civil_from_days(second.div_euclid(86_400));
    let Ok(year @ 0..=9999) = u32::try_from(year) else {
        return Ok(false);
    };
    let of_day = u32::try_from(second.rem_euclid(86_400)).unwrap_or(0);

    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], of_day / 3600);
    put(&mut text[14..16], of_day / 60 % 60);
    put(&mut text[17..19], of_day % 60);
    put(&mut text[20..29], fraction);
    let kept = match digits {
        Digits::Six => 6,
        Digits::Needed if fraction == 0 => 0,
        Digits::Needed if fraction.is_multiple_of(1_000_000) => 3,
        Digits::Needed if fraction.is_multiple_of(1_000) => 6,
        Digits::Needed => 9,
    };
    let end = if kept == 0 { 19 } else { 20 + kept };
    text[end] = b'Z';
    w.write_all(&text[..=end])?;
    Ok(true)
}

/// Writes `Nov  9 09:08:07` (RFC 3164 4.1.2): no year, no zone, a day below ten behind two blanks.
///
/// # Errors
/// Those of the writer.
pub fn write_bsd<W: Write>(w: &mut W, at: Timestamp) -> io::Result<()> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let second = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    let (_, month, day) = civil_from_days(second.div_euclid(86_400));
    let of_day = u32::try_from(second.rem_euclid(86_400)).unwrap_or(0);
    let mut text = *b"Mmm dd 00:00:00";
    text[..3].copy_from_slice(MONTHS[(month as usize + 11) % 12]);
    put(&mut text[4..6], day);
    if day < 10 {
        text[4] = b' ';
    }
    put(&mut text[7..9], of_day / 3600);
    put(&mut text[10..12], of_day / 60 % 60);
    put(&mut text[13..15], of_day % 60);
    w.write_all(&text)
}

fn put(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Days since 1970-01-01 to year, month, day of the proleptic Gregorian calendar: Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(at: Timestamp, digits: Digits) -> String {
        let mut out = Vec::new();
        assert!(write_rfc3339(&mut out, at, digits).expect("a Vec"), "{at}");
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn six_digits_are_always_written_for_rfc_5424_and_as_many_as_needed_for_json() {
        let at: Timestamp = "2024-02-29T23:59:59.5Z".parse().expect("a time");
        assert_eq!(text(at, Digits::Six), "2024-02-29T23:59:59.500000Z");
        assert_eq!(text(at, Digits::Needed), "2024-02-29T23:59:59.500Z");
        assert_eq!(text(Timestamp::UNIX_EPOCH, Digits::Needed), "1970-01-01T00:00:00Z");
        let early: Timestamp = "-000001-01-01T00:00:00Z".parse().expect("a time");
        assert!(!write_rfc3339(&mut Vec::new(), early, Digits::Six).expect("a Vec"));
    }

    proptest! {
        #[test]
        fn the_text_names_the_same_instant(second in -62_000_000_000i64..253_000_000_000, nano in 0i32..1_000_000_000) {
            let at = Timestamp::new(second, 0).expect("in range") + jiff::SignedDuration::from_nanos(i64::from(nano));
            prop_assert_eq!(text(at, Digits::Needed).parse::<Timestamp>().expect("RFC 3339"), at);
            let micros: Timestamp = text(at, Digits::Six).parse().expect("RFC 3339");
            prop_assert_eq!(micros.as_nanosecond(), at.as_nanosecond().div_euclid(1000) * 1000);
        }
    }
}
