//! Small values that settings and rooms share: names, sizes, durations, secrets.
//!
//! Promise: each value that exists is valid, and a [`Secret`] never prints itself.

pub mod hex;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use zeroize::Zeroizing;

/// The name of an integration or a destination: its identity, in file names, event ids and URLs.
/// 1 to 63 of `a-z 0-9 - _`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Name, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if text.len() <= 63 && starts && text.chars().all(fits) {
            Ok(Name(text.to_owned()))
        } else {
            Err(format!("the name {text:?} must be 1 to 63 of a-z, 0-9, - and _, and begin with a letter or digit"))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number of bytes, written `4GiB`, `256 MiB`, `500MB` or plain bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    pub const fn mib(n: u64) -> ByteSize {
        ByteSize(n << 20)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        let wrong = || format!("{text:?} is not a size: write a whole number with B, kB, MB, GB, KiB, MiB or GiB");
        let (number, unit) = split_number(text).ok_or_else(wrong)?;
        let unit: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "kib" | "k" => 1 << 10,
            "mib" | "m" => 1 << 20,
            "gib" | "g" => 1 << 30,
            "tib" | "t" => 1 << 40,
            _ => return Err(wrong()),
        };
        number.checked_mul(unit).map(ByteSize).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit {
                return if self.0.is_multiple_of(unit) {
                    write!(f, "{}{name}", self.0 / unit)
                } else {
                    write!(f, "{:.1}{name}", self.0 as f64 / unit as f64)
                };
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// Reads a duration such as `90s`, `10m`, `4h`, `7d` or `250ms`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write a whole number with ms, s, m, h or d, as in \"10m\"");
    let (number, unit) = split_number(text).ok_or_else(wrong)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

/// Writes a duration as [`parse_duration`] reads it, in the largest unit that stays whole.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    format!("{millis}ms")
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text.get(..end)?.parse().ok()?;
    Some((number, text.get(end..)?.trim()))
}

/// An address range as the vendor's IP Safelist writes it: `203.0.113.10` or `198.51.100.0/28`, v4 or v6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    address: IpAddr,
    prefix: u8,
}

impl IpRange {
    /// Does the range hold this address?
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
            _ => return false,
        };
        let host_bits = u32::from(width - self.prefix);
        own.checked_shr(host_bits) == other.checked_shr(host_bits)
    }
}

impl FromStr for IpRange {
    type Err = String;

    fn from_str(text: &str) -> Result<IpRange, String> {
        let wrong = || format!("{text:?} is not an address or a range such as 198.51.100.0/28");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), |p| p.parse::<u8>()).map_err(|_| wrong())?;
        if prefix > width { Err(wrong()) } else { Ok(IpRange { address, prefix }) }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == whole { write!(f, "{}", self.address) } else { write!(f, "{}/{}", self.address, self.prefix) }
    }
}

/// A token, key or password. Wiped when dropped; prints as `[secret]` wherever it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// The secret itself. Whoever calls this must not let it reach a log, an error or a page.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is; never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// A file that holds it.
    File(PathBuf),
    /// A systemd credential of that name.
    Credential(String),
    /// An entry of our sealed store.
    Sealed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_they_are_written() {
        assert_eq!("4GiB".parse(), Ok(ByteSize(4 << 30)));
        assert_eq!("256 MiB".parse(), Ok(ByteSize(256 << 20)));
        assert_eq!("0".parse(), Ok(ByteSize(0)));
        assert!("4 lots".parse::<ByteSize>().is_err());
        assert!("99999999999999GiB".parse::<ByteSize>().is_err());
        assert_eq!(ByteSize(4 << 30).to_string(), "4GiB");
        for text in ["250ms", "90s", "10m", "4h", "7d"] {
            assert_eq!(format_duration(parse_duration(text).expect(text)), text);
        }
        assert!(parse_duration("ten minutes").is_err());
        assert!(parse_duration("10").is_err());
    }

    #[test]
    fn a_name_is_safe_in_a_file_name_and_in_an_event_id() {
        assert!("acme-2".parse::<Name>().is_ok());
        for bad in ["", "Acme", "a/b", "../x", "-a", "a b", &"x".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_ip_range_holds_its_addresses_and_no_others() {
        let range: IpRange = "198.51.100.0/28".parse().expect("a range");
        assert!(range.contains("198.51.100.15".parse().expect("v4")));
        assert!(!range.contains("198.51.100.16".parse().expect("v4")));
        assert!(range.contains("::ffff:198.51.100.3".parse().expect("mapped")));
        let all: IpRange = "0.0.0.0/0".parse().expect("a range");
        assert!(all.contains("203.0.113.1".parse().expect("v4")) && !all.contains("::1".parse().expect("v6")));
        assert!("198.51.100.0/33".parse::<IpRange>().is_err());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("CANARY-7f3a");
        assert!(!format!("{secret:?}").contains("CANARY"));
    }
}
