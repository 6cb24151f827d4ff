//! The receivers that the other tests lean on, held to what they promise: a plain TLS sender sends, they tell it back.

mod receivers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use receivers::{Certs, Driver, Receiver, Rsyslog, SyslogNg, free_port};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(120);

/// What a mail's subject can hold, as our JSON carries it: control characters escaped, all else raw.
const SUBJECT: &str =
    r#"{"subject":"a ] \" \\ quote\nline\r\ttab \u0000 nul \u001b esc 💣 é <13>1 - - fake","raw":"{\"a\":1}"}"#;

#[test]
fn rsyslog_by_openssl_tells_back_every_byte() {
    let (dir, certs) = folder();
    tells_back_every_byte(&Rsyslog::start(&dir.path().join("r"), &certs, free_port(), Driver::Ossl), dir.path());
}

#[test]
fn rsyslog_by_gnutls_tells_back_every_byte() {
    let (dir, certs) = folder();
    tells_back_every_byte(&Rsyslog::start(&dir.path().join("r"), &certs, free_port(), Driver::Gtls), dir.path());
}

#[test]
fn syslog_ng_tells_back_every_byte() {
    let (dir, certs) = folder();
    tells_back_every_byte(&SyslogNg::start(&dir.path().join("s"), &certs, free_port()), dir.path());
}

/// RFC 5424 messages, one of each trap: what is read back must be what was sent.
fn tells_back_every_byte(receiver: &Receiver, certs: &Path) {
    let data = r#"[meta@32473 id="acme/threats/a\"b\]c\\d/1" n="💣"]"#;
    let header = format!("<134>1 2026-11-20T10:00:00.123456Z acme-mel-1 conductor 42 threat {data}");
    let plain = format!("{header} \u{feff}{SUBJECT}");
    let long = format!("{header} \u{feff}{}", "x".repeat(60_000));
    let controls = format!("{header} \u{feff}line\nfeed \r \t \u{1b}\u{7f} end");
    let sent = [plain, long, controls, "<13>1 - - - - - -".to_owned()];
    send(receiver.port(), certs, &sent);

    let got = receiver.wait_for_lines(sent.len(), PATIENCE);
    for (message, sent) in got.iter().zip(&sent) {
        let same = message.raw.chars().zip(sent.chars()).take_while(|(a, b)| a == b).count();
        let here = |text: &str| text.chars().skip(same.saturating_sub(20)).take(60).collect::<String>();
        assert!(message.raw == *sent, "differs at {same}: {:?} for {:?}", here(&message.raw), here(sent));
    }

    let first = &got[0];
    assert_eq!(first.text(), SUBJECT);
    assert_eq!(first.pri, "134");
    let time: jiff::Timestamp = first.timestamp.parse().expect("a timestamp");
    assert_eq!(time.to_string(), "2026-11-20T10:00:00.123456Z");
    assert_eq!((first.hostname.as_str(), first.app_name.as_str()), ("acme-mel-1", "conductor"));
    assert_eq!((first.proc_id.as_str(), first.msg_id.as_str()), ("42", "threat"));
    assert_eq!(first.structured_data, data);
    assert_eq!(got[1].text().len(), 60_000);
    assert_eq!(got[2].text(), "line\nfeed \r \t \u{1b}\u{7f} end");
}

#[test]
fn a_stopped_receiver_writes_nothing_until_it_resumes() {
    let (dir, certs) = folder();
    let receiver = SyslogNg::start(&dir.path().join("s"), &certs, free_port());
    let mut stream = connect(receiver.port(), dir.path(), true).expect("it takes us");
    write_frame(&mut stream, "<13>1 - - - - one - first");
    receiver.wait_for_lines(1, PATIENCE);
    receiver.stop_reading();
    write_frame(&mut stream, "<13>1 - - - - two - second");
    assert_eq!(receiver.lines().len(), 1);
    receiver.resume();
    assert_eq!(receiver.wait_for_lines(2, PATIENCE)[1].msg_id, "two");
}

#[test]
fn a_receiver_killed_while_stopped_comes_back_on_its_port_with_what_it_wrote() {
    let (dir, certs) = folder();
    let mut receiver = Rsyslog::start(&dir.path().join("r"), &certs, free_port(), Driver::Ossl);
    send(receiver.port(), dir.path(), &["<13>1 - - - - one - first".to_owned()]);
    receiver.wait_for_lines(1, PATIENCE);
    let (pid, port) = (receiver.pid(), receiver.port());
    receiver.stop_reading();
    receiver.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens");
    receiver.restart();
    assert_ne!(receiver.pid(), pid);
    send(port, dir.path(), &["<13>1 - - - - two - second".to_owned()]);
    let ids: Vec<String> = receiver.wait_for_lines(2, PATIENCE).into_iter().map(|message| message.msg_id).collect();
    assert_eq!(ids, ["one", "two"]);
}

#[test]
fn a_dropped_receiver_is_dead() {
    let (dir, certs) = folder();
    let receiver = SyslogNg::start(&dir.path().join("s"), &certs, free_port());
    let (pid, port) = (receiver.pid(), receiver.port());
    receiver.stop_reading();
    drop(receiver);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "neither a process nor a zombie is left");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens");
}

#[test]
fn syslog_ng_asks_for_a_certificate_only_where_that_is_wanted() {
    asks_for_a_certificate_only_where_that_is_wanted(|dir, certs| SyslogNg::start(dir, certs, free_port()));
}

#[test]
fn rsyslog_by_openssl_asks_for_a_certificate_only_where_that_is_wanted() {
    asks_for_a_certificate_only_where_that_is_wanted(|dir, certs| {
        Rsyslog::start(dir, certs, free_port(), Driver::Ossl)
    });
}

#[test]
fn rsyslog_by_gnutls_asks_for_a_certificate_only_where_that_is_wanted() {
    asks_for_a_certificate_only_where_that_is_wanted(|dir, certs| {
        Rsyslog::start(dir, certs, free_port(), Driver::Gtls)
    });
}

fn asks_for_a_certificate_only_where_that_is_wanted<R>(start: impl Fn(&Path, &Certs) -> R)
where
    R: std::ops::Deref<Target = Receiver>,
{
    let (dir, strict) = folder();
    let open = start(&dir.path().join("open"), &Certs { verify_client: false, ..strict.clone() });
    let mut stream = connect(open.port(), dir.path(), false).expect("it takes us");
    write_frame(&mut stream, "<13>1 - - - - one - first");
    assert_eq!(open.wait_for_lines(1, PATIENCE).len(), 1);

    let strict = start(&dir.path().join("strict"), &strict);
    // TLS 1.3 tells a client of its refusal only when it reads; a time-out here would be no refusal.
    let refused = connect(strict.port(), dir.path(), false).and_then(|mut stream| stream.read(&mut [0]));
    let kind = refused.map_err(|error| error.kind());
    assert!(!matches!(kind, Ok(1..) | Err(std::io::ErrorKind::WouldBlock)), "{kind:?}\n{}", strict.log());
    assert!(strict.lines().is_empty());
}

/// A folder with certificates in it.
fn folder() -> (TempDir, Certs) {
    let dir = tempfile::tempdir().expect("a folder");
    make_certs(dir.path());
    let certs = Certs::in_dir(dir.path());
    (dir, certs)
}

type Stream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

fn connect(port: u16, certs: &Path, with_certificate: bool) -> std::io::Result<Stream> {
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_file_iter(certs.join("ca.pem")).expect("the CA") {
        roots.add(ca.expect("a certificate")).expect("a usable CA");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("TLS 1.2 and 1.3").with_root_certificates(roots);
    let config = if with_certificate {
        let chain = CertificateDer::pem_file_iter(certs.join("client.pem")).expect("our certificate");
        let chain = chain.collect::<Result<_, _>>().expect("a chain");
        let key = PrivateKeyDer::from_pem_file(certs.join("client.key")).expect("our key");
        builder.with_client_auth_cert(chain, key).expect("a pair")
    } else {
        builder.with_no_client_auth()
    };
    let name = ServerName::try_from("localhost").expect("a name");
    let client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream = rustls::StreamOwned::new(client, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn write_frame(stream: &mut Stream, message: &str) {
    write!(stream, "{} {message}", message.len()).expect("it is sent");
    stream.flush().expect("it is out");
}

/// Sends and closes in order; returns when the receiver has closed too, having read all.
fn send(port: u16, certs: &Path, messages: &[String]) {
    let mut stream = connect(port, certs, true).expect("it takes us");
    for message in messages {
        write_frame(&mut stream, message);
    }
    stream.conn.send_close_notify();
    stream.flush().expect("the goodbye is out");
    stream.sock.shutdown(std::net::Shutdown::Write).expect("closed on our side");
    // Either kind of close will do here; the messages are checked by what was written.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A CA, a server for localhost and a client, by the openssl program.
fn make_certs(dir: &Path) {
    let openssl = |words: &[&str]| {
        let done = Command::new("openssl").args(words).current_dir(dir).output().expect("openssl: `cargo xtask setup`");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let ca = ["req", "-x509", "-days", "2", "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(&[&ca[..], &new_key].concat());
    for (name, names) in [("server", "DNS:localhost,IP:127.0.0.1"), ("client", "DNS:agent.test")] {
        let (key, cert, names) = (format!("{name}.key"), format!("{name}.pem"), format!("subjectAltName={names}"));
        let subject = format!("/CN={name}.test");
        let leaf = ["req", "-x509", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", &subject];
        let kind = ["-addext", &names, "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &cert];
        openssl(&[&leaf[..], &kind, &new_key].concat());
    }
}
