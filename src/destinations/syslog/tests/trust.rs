//! Whom a destination trusts: names in every mode, versions, revocation lists, and what it shows of a certificate.

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd};

use super::*;

fn secret(pki: &Pki) -> Option<Secret> {
    Some(Secret::new(std::fs::read_to_string(pki.file("key.pem")).expect("written")))
}

/// A revocation list of `pki` that names these serial numbers.
fn list(pki: &Pki, revoked: &[u64]) -> std::path::PathBuf {
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2026, 2, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let file = pki.file("crl.pem");
    std::fs::write(&file, params.signed_by(pki.issuer()).expect("signed").pem().expect("PEM")).expect("room");
    file
}

#[tokio::test]
async fn another_name_is_refused_in_every_mode() {
    let pki = Pki::new();
    for version in [&TLS12, &TLS13] {
        for mutual in [false, true] {
            for crl in [None, Some(list(&pki, &[]))] {
                let receiver = Receiver::start(pki.server(version, mutual), Manner::Plain);
                let good = Link { crl: crl.clone(), ..link(receiver.address, &pki) };
                let cert = mutual.then(|| pki.file("cert.pem"));
                let good = Link { cert: cert.clone(), ..good };
                let key = || cert.as_ref().and_then(|_| secret(&pki));
                let mut syslog = made(&good, key(), &settings()).expect("valid");
                assert_eq!(hand_over(&mut syslog, 1, 1).await, Some(1));
                for name in ["elsewhere.example", "127.0.0.2"] {
                    let wrong = Link { server_name: Some(name.to_owned()), ..good.clone() };
                    let fault = refusal(made(&wrong, key(), &settings()).expect("valid")).await;
                    assert!(fault.context.contains("`server-name`"), "{version:?} {mutual} {}", fault.chain());
                    assert_eq!(fault.kind, FaultKind::Refused);
                }
                assert_eq!(receiver.seqs(), [1], "nothing went to a stranger");
            }
        }
    }
}

#[tokio::test]
async fn a_revoked_certificate_and_one_without_a_list_of_its_issuer_are_refused() {
    let (pki, other) = (Pki::new(), Pki::new());
    let receiver = Receiver::start(pki.server_numbered(&TLS13, 7), Manner::Plain);
    let with = |crl| made(&Link { crl: Some(crl), ..link(receiver.address, &pki) }, None, &settings());
    let fault = refusal(with(list(&pki, &[6, 7])).expect("valid")).await;
    assert!(fault.kind == FaultKind::Refused && fault.context.contains("revoked by its issuer"), "{}", fault.chain());
    let fault = refusal(with(list(&other, &[])).expect("valid")).await;
    assert!(fault.kind == FaultKind::Refused && fault.context.contains("revocation list"), "{}", fault.chain());
    assert!(receiver.seqs().is_empty());
    // Its day is long past: what it says still counts.
    let mut syslog = with(list(&pki, &[6])).expect("valid");
    assert_eq!(hand_over(&mut syslog, 1, 1).await, Some(1));
    let fault = with(pki.file("ca.pem")).expect_err("no list");
    assert!(fault.kind == FaultKind::Misconfigured && fault.context.contains("`crl`"), "{}", fault.chain());
}

#[tokio::test]
async fn a_receiver_below_the_lowest_version_is_not_spoken_to() {
    let pki = Pki::new();
    let (old, new) = (
        Receiver::start(pki.server(&TLS12, false), Manner::Plain),
        Receiver::start(pki.server(&TLS13, false), Manner::Plain),
    );
    let strict = |address| Link { tls_min_version: TlsVersion::V13, ..link(address, &pki) };
    let fault = refusal(made(&strict(old.address), None, &settings()).expect("valid")).await;
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("`tls-min-version`"), "{}", fault.chain());
    let mut syslog = made(&strict(new.address), None, &settings()).expect("valid");
    assert_eq!(hand_over(&mut syslog, 1, 1).await, Some(1));
    assert_eq!((old.seqs(), new.seqs()), (vec![], vec![1]));
}

#[tokio::test]
async fn the_end_of_the_peers_certificate_is_told_while_its_connection_stands() {
    let (_pki, _receiver, mut syslog) = start(Manner::AnswersEach);
    assert_eq!(syslog.peer_certificate_ends(), None);
    assert_eq!(hand_over(&mut syslog, 1, 1).await, Some(1));
    assert_eq!(syslog.peer_certificate_ends().map(|end| end.to_string()).as_deref(), Some("2031-03-09T00:00:00Z"));
    syslog.close().await;
    assert_eq!(syslog.peer_certificate_ends(), None);
}

#[tokio::test]
async fn an_old_connection_is_ended_in_order_and_nothing_repeats() {
    for manner in [Manner::AnswersEach, Manner::AnswersLate, Manner::Plain] {
        let pki = Pki::new();
        let receiver = Receiver::start(pki.server(&TLS13, false), manner);
        let outlived = Link { max_connection_age: Some(Duration::from_nanos(1)), ..link(receiver.address, &pki) };
        let mut syslog = made(&outlived, None, &settings()).expect("valid");
        syslog.limits.silence = Duration::from_millis(100);
        for seq in 1..=3 {
            assert!(syslog.deliver(&events(seq, seq)).await.fault.is_none(), "{manner:?}");
        }
        assert!(syslog.confirm().await.fault.is_none());
        assert_eq!((receiver.connections(), receiver.seqs()), (3, numbers(1, 3)), "{manner:?}");
    }
}
