//! The certificate of our own making, for a box that was given none.
//!
//! Promise: it stays the same until 30 days before its end, for others have noted its fingerprint; key and certificate
//! are one file, 0600, which is there whole or not at all.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::names::host_name;
use crate::engine::clock::EARLIEST;
use crate::fault::{Fault, FaultKind};
use crate::net::certificate;
use crate::secrets;
use crate::values::Secret;

/// As long as browsers let a certificate be that their user trusts himself.
const DAYS: i64 = 825;
const RENEWED_BEFORE: i64 = 30;
/// More addresses than a box of ours has; a router's hundreds do not belong into a certificate.
const MOST_ADDRESSES: usize = 16;

/// Where it is kept, under the state folder.
pub(super) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("tls").join("self-signed.pem")
}

/// Certificate and key in PEM, made anew where they are not there, can't be used or end soon. `names` are those of the
/// settings. The second is true where they were made now.
///
/// # Errors
/// `Misconfigured` where the file can't be written.
pub(super) fn ensure(state_dir: &Path, names: &[String], now: Timestamp) -> Result<(Secret, bool), Fault> {
    let file = file(state_dir);
    if let Some(found) = usable(&file, now) {
        return Ok((found, false));
    }
    let unwritable = |e: io::Error| {
        let text = format!(
            "{} can't be written: let the agent's user own the state folder, or set [remote] cert and key",
            file.display()
        );
        Fault::new(FaultKind::Misconfigured, text).caused_by(e)
    };
    let folder = file.parent().unwrap_or(state_dir);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
    let made = make(names, now).map_err(|e| {
        let text = "a self-signed certificate can't be made: set [remote] cert and key";
        Fault::new(FaultKind::Misconfigured, text).caused_by(e)
    })?;
    secrets::replace(&file, &made).map_err(unwritable)?;
    Ok((made, true))
}

/// Does it end so soon that it is made anew?
pub(super) fn ends_soon(expires: Timestamp, now: Timestamp) -> bool {
    expires.as_second() - now.as_second() < RENEWED_BEFORE * 86_400
}

fn usable(file: &Path, now: Timestamp) -> Option<Secret> {
    let text = Secret::new(fs::read_to_string(file).ok()?);
    let der = CertificateDer::from_pem_slice(text.reveal().as_bytes()).ok()?;
    let whole = rustls_pki_types::PrivateKeyDer::from_pem_slice(text.reveal().as_bytes()).is_ok();
    let lasts = certificate::read(&der).is_some_and(|read| !ends_soon(read.not_after, now));
    (whole && lasts).then_some(text)
}

fn make(names: &[String], now: Timestamp) -> Result<Secret, rcgen::Error> {
    let host = host_name();
    let mut all = vec![host.clone(), "localhost".to_owned()];
    all.extend(names.iter().cloned());
    all.extend(addresses().iter().map(IpAddr::to_string));
    let mut known = Vec::new();
    for name in all {
        // A host's name may be one that no certificate can hold.
        if rustls_pki_types::ServerName::try_from(name.as_str()).is_ok() && !known.contains(&name) {
            known.push(name);
        }
    }
    let mut params = CertificateParams::new(known)?;
    // rcgen's own common name says nothing; ours tells which box it is in a browser's warning.
    params.distinguished_name.push(DnType::CommonName, if host.is_empty() { "conductor" } else { host.as_str() });
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A clock that is not set yet would make it end before it is first seen.
    let today = now.max(EARLIEST).to_zoned(TimeZone::UTC).date();
    // Days of a civil date of this millennium: neither can leave the calendar.
    let start = today.checked_sub(Span::new().days(1)).unwrap_or(today);
    let end = start.checked_add(Span::new().days(DAYS)).unwrap_or(today);
    let day = |date: jiff::civil::Date| {
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(start), day(end));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = Secret::new(key.serialize_pem());
    Ok(Secret::new(format!("{}{}", certificate.pem(), key.reveal())))
}

/// Of this host's interfaces: what others may connect to.
fn addresses() -> Vec<IpAddr> {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten().filter_map(|interface| interface.address);
    let all = all.filter_map(|address| {
        let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
    });
    // An address of the link alone needs its interface's name beside it, which no certificate holds.
    let useful = |address: &IpAddr| match address {
        IpAddr::V4(four) => !four.is_link_local(),
        IpAddr::V6(six) => !six.is_unicast_link_local(),
    };
    all.filter(useful).take(MOST_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::net::acceptance::holds;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().expect("a time")
    }

    fn der(pem: &Secret) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.reveal().as_bytes()).expect("a certificate")
    }

    #[test]
    fn it_is_made_once_for_its_owner_alone_and_holds_this_hosts_names() {
        let state = tempfile::tempdir().expect("a folder");
        let (first, made) = ensure(state.path(), &["box.acme.example".to_owned()], now()).expect("made");
        assert!(made);
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&file(state.path())), mode(&state.path().join("tls"))), (0o600, 0o700));
        for name in ["localhost", "127.0.0.1", "box.acme.example"] {
            assert!(holds(&der(&first), name), "{name}");
        }
        assert!(!holds(&der(&first), "evil.example"));
        let (second, made) = ensure(state.path(), &[], now()).expect("there");
        assert!(!made && der(&second) == der(&first), "another name of the settings does not change the fingerprint");
    }

    #[test]
    fn it_is_made_anew_before_it_ends_and_where_the_file_is_damaged() {
        let state = tempfile::tempdir().expect("a folder");
        let (first, _) = ensure(state.path(), &[], now()).expect("made");
        let end = certificate::read(&der(&first)).expect("a certificate").not_after;
        let before = |days: i64| Timestamp::from_second(end.as_second() - days * 86_400).expect("a time");
        assert!(!ensure(state.path(), &[], before(31)).expect("there").1);
        assert!(ensure(state.path(), &[], before(29)).expect("made").1);
        fs::write(file(state.path()), "-----BEGIN CERT").expect("damaged");
        let (third, made) = ensure(state.path(), &[], now()).expect("made");
        assert!(made && der(&third) != der(&first));
    }

    #[test]
    fn a_clock_that_is_not_set_makes_none_that_has_ended_when_it_is() {
        let state = tempfile::tempdir().expect("a folder");
        ensure(state.path(), &[], Timestamp::UNIX_EPOCH).expect("made");
        let (_, made) = ensure(state.path(), &[], EARLIEST).expect("there");
        assert!(!made);
    }
}
