//! What people ask of a peer's certificate: who issued it, and until when (RFC 5280 section 4.1).
//!
//! Promise: any bytes give an answer or none; nothing is decided by it, rustls has verified the certificate.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls_pki_types::CertificateDer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The issuer's common name, else its organisation.
    pub issuer: String,
    /// All that the issuer calls itself: names, organisations, units.
    pub issuer_names: Vec<String>,
    pub not_after: Timestamp,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`: the version, which is there or not.
const VERSION: u8 = 0xa0;
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const ORGANISATION: [u8; 3] = [0x55, 4, 10];

/// `None` where it is no certificate of the usual shape.
pub fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
    let mut outer = Der(der);
    let mut certificate = Der(outer.take(SEQUENCE)?);
    let mut tbs = Der(certificate.take(SEQUENCE)?);
    if tbs.0.first() == Some(&VERSION) {
        tbs.next()?;
    }
    // The serial number and the signature's algorithm.
    tbs.next()?;
    tbs.next()?;
    let (issuer, issuer_names) = issuer(tbs.take(SEQUENCE)?)?;
    let mut validity = Der(tbs.take(SEQUENCE)?);
    validity.next()?;
    let (tag, not_after) = validity.next()?;
    Some(Certificate { issuer, issuer_names, not_after: time(tag, std::str::from_utf8(not_after).ok()?)? })
}

/// What is left of a DER text.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The next element: its tag and what it holds.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short @ 0..=0x7f => (usize::from(short), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            // Longer than any certificate.
            _ => return None,
        };
        let (held, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, held))
    }

    fn take(&mut self, wanted: u8) -> Option<&'d [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, held)| held)
    }
}

/// How it is called in one word, and all of its names.
fn issuer(name: &[u8]) -> Option<(String, Vec<String>)> {
    let mut parts = Der(name);
    let (mut common, mut organisation, mut all) = (None, None, Vec::new());
    while let Some(part) = parts.take(SET) {
        let mut pair = Der(Der(part).take(SEQUENCE)?);
        let (_, kind) = pair.next()?;
        let (_, value) = pair.next()?;
        let value: String = String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).take(80).collect();
        if kind == COMMON_NAME {
            common = Some(value.clone());
        } else if kind == ORGANISATION {
            organisation = Some(value.clone());
        }
        all.push(value);
    }
    Some((common.or(organisation)?, all))
}

/// UTCTime has two digits of the year: 50 and above are of the last century (RFC 5280 section 4.1.2.5.1).
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let whole = match tag {
        UTC_TIME if text.len() == 12 => {
            let century = if text.get(..2)?.parse::<u8>().ok()? >= 50 { "19" } else { "20" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME if text.len() == 14 => text.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn made(common_name: &str, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["soc.example".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 3, 9);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    #[test]
    fn issuer_and_end_are_read_in_both_forms_of_a_date() {
        for (name, until, expected) in
            [("Acme Root", 2027, "2027-03-09T00:00:00Z"), ("Späte CA", 2051, "2051-03-09T00:00:00Z")]
        {
            let read = read(&made(name, until)).expect("a certificate");
            assert_eq!((read.issuer.as_str(), read.not_after.to_string().as_str()), (name, expected));
        }
    }

    #[test]
    fn a_certificate_cut_or_changed_anywhere_does_no_harm() {
        let whole = made("Acme Root", 2027).to_vec();
        for at in 0..whole.len() {
            assert!(read(&CertificateDer::from(&whole[..at])).is_none(), "cut at {at}");
            for byte in [0x00, 0x7f, 0x80, 0x83, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                // Whatever it gives, it comes back.
                let _ = read(&CertificateDer::from(changed));
            }
        }
    }
}
