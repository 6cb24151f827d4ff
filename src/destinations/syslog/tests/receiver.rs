//! A receiver in a thread, with the manners of real ones and of bad ones.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::super::records::first_record;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// As rustls: reads, closes when asked to, answers no KeyUpdate.
    Plain,
    /// As Java: answers each KeyUpdate.
    AnswersEach,
    /// As OpenSSL: leaves the first one unanswered.
    AnswersLate,
    /// Reads, answers nothing, never closes.
    NeverCloses,
    /// Answers each KeyUpdate and resets the connection after so many bytes of events.
    ResetsAfter(usize),
    /// Reads nothing once the handshake is over.
    ReadsNothing,
    /// Closes the connection by itself after so many bytes of events.
    LeavesAfter(usize),
    /// Answers two KeyUpdates, then closes the connection by itself.
    AnswersTwoAndLeaves,
    /// Answers each KeyUpdate, but what follows so many bytes of events it throws away unseen, as a process does that is
    /// about to end; closes in order.
    ThrowsAwayAfter(usize),
    /// Answers each KeyUpdate, but all of its second connection it throws away unseen; closes in order.
    ThrowsAwayTheSecond,
    /// Sends a KeyUpdate request of its own before anything else.
    UpdatesUnasked,
}

/// A CA, what it issued for `localhost`, and where its certificate lies.
pub(super) struct Pki {
    pub(super) dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub(super) fn new() -> Pki {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let dir = tempfile::tempdir().expect("a folder");
        // No two have the same name.
        params.distinguished_name.push(DnType::CommonName, dir.path().display().to_string());
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("room");
        let pki = Pki { dir, issuer };
        let (cert, key) = pki.leaf();
        std::fs::write(pki.file("cert.pem"), cert.pem()).expect("room");
        std::fs::write(pki.file("key.pem"), key.serialize_pem()).expect("room");
        pki
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.issuer
    }

    fn leaf(&self) -> (rcgen::Certificate, KeyPair) {
        self.numbered(None)
    }

    fn numbered(&self, serial: Option<u64>) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(2031, 3, 9);
        params.serial_number = serial.map(Into::into);
        (params.signed_by(&key, &self.issuer).expect("signed"), key)
    }

    pub(super) fn server(&self, version: &'static SupportedProtocolVersion, client_ca: bool) -> Arc<ServerConfig> {
        self.server_of(self.leaf(), version, client_ca)
    }

    /// One whose certificate has this serial number.
    pub(super) fn server_numbered(&self, version: &'static SupportedProtocolVersion, serial: u64) -> Arc<ServerConfig> {
        self.server_of(self.numbered(Some(serial)), version, false)
    }

    fn server_of(
        &self,
        (cert, key): (rcgen::Certificate, KeyPair),
        version: &'static SupportedProtocolVersion,
        client_ca: bool,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .expect("versions");
        let builder = if client_ca {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).expect("a CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("roots"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Arc::new(builder.with_single_cert(vec![cert.der().clone()], key).expect("a pair"))
    }
}

/// What each connection brought, in the order of their handshakes.
pub(super) type Received = Arc<Mutex<Vec<Vec<u8>>>>;

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) received: Received,
}

impl Receiver {
    pub(super) fn start(config: Arc<ServerConfig>, manner: Manner) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let received = Received::default();
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, shared, stream) = (Arc::clone(&config), Arc::clone(&shared), stream.expect("accepted"));
                std::thread::spawn(move || serve(stream, config, manner, &shared));
            }
        });
        Receiver { address, received }
    }

    /// The numbers of all events that came, in order.
    pub(super) fn seqs(&self) -> Vec<u64> {
        self.received.lock().expect("no panic there").iter().flat_map(|bytes| seqs(bytes)).collect()
    }

    pub(super) fn connections(&self) -> usize {
        self.received.lock().expect("no panic there").len()
    }
}

/// A receiver that reads nothing of what follows the handshake and ends its own direction when `leave` is told to.
pub(super) fn unread(config: Arc<ServerConfig>, leave: mpsc::Receiver<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    // So small that the rest stays in the sender's queue.
    socket2::SockRef::from(&listener).set_recv_buffer_size(4096).expect("a socket");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("connected");
        let mut tls = ServerConnection::new(config).expect("a config");
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).expect("a good client");
        }
        leave.recv().expect("the test is there");
        stream.shutdown(Shutdown::Write).expect("a socket");
        wait_for_the_end_of_the_test();
    });
    address
}

/// Takes whole octet-counted frames apart; a rest that is no whole frame is left.
pub(super) fn seqs(mut bytes: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(space) = bytes.iter().position(|b| *b == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).expect("MSG-LEN").parse().expect("a number");
        let Some(frame) = bytes.get(space + 1..space + 1 + length) else { break };
        let text = std::str::from_utf8(frame).expect("UTF-8");
        let (_, rest) = text.split_once(" seq=\"").expect("structured data");
        found.push(rest.split('"').next().expect("quoted").parse().expect("a number"));
        bytes = &bytes[space + 1 + length..];
    }
    found
}

/// One connection; whatever goes wrong ends it.
fn serve(mut stream: TcpStream, config: Arc<ServerConfig>, manner: Manner, received: &Received) {
    let mut tls = ServerConnection::new(config).expect("a config");
    let (mut inbound, mut chunk, mut updates, mut count, mut at) = (Vec::new(), [0; 16 * 1024], 0, 0, None);
    loop {
        let Ok(n) = stream.read(&mut chunk) else { return };
        if n == 0 {
            if manner == Manner::NeverCloses {
                wait_for_the_end_of_the_test();
            }
            tls.send_close_notify();
            flush(&mut tls, &mut stream);
            return;
        }
        inbound.extend_from_slice(&chunk[..n]);
        // One record at a time, from the first: rustls must hold no half of one.
        while let Some((record, rest)) = first_record(&inbound) {
            let mut one = record;
            while !one.is_empty() && tls.read_tls(&mut one).is_ok_and(|n| n > 0) {}
            let processed = tls.process_new_packets();
            inbound = rest.to_vec();
            let Some(at) = at else {
                flush(&mut tls, &mut stream);
                if processed.is_err() {
                    return;
                }
                if !tls.is_handshaking() {
                    at = Some(begin(&mut tls, &mut stream, manner, received));
                }
                if manner == Manner::ThrowsAwayTheSecond && at == Some(1) {
                    throw_away(&mut tls, &mut stream);
                    return;
                }
                continue;
            };
            let Ok(state) = processed else { return };
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plain).expect("as many as told");
            if plain.is_empty() && !state.peer_has_closed() {
                updates += 1;
                let answers = match manner {
                    Manner::AnswersEach
                    | Manner::ResetsAfter(_)
                    | Manner::ThrowsAwayAfter(_)
                    | Manner::ThrowsAwayTheSecond
                    | Manner::AnswersTwoAndLeaves => true,
                    Manner::AnswersLate => updates > 1,
                    Manner::Plain
                    | Manner::NeverCloses
                    | Manner::ReadsNothing
                    | Manner::LeavesAfter(_)
                    | Manner::UpdatesUnasked => false,
                };
                if answers {
                    // rustls answers with what it sends next: so say something. It is of a KeyUpdate's very size and
                    // must not count as one.
                    tls.writer().write_all(b"hello").expect("open");
                    flush(&mut tls, &mut stream);
                }
            }
            count += plain.len();
            received.lock().expect("no panic there")[at].extend(plain);
            match manner {
                Manner::ResetsAfter(most) if count >= most => {
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
                    return;
                }
                Manner::ThrowsAwayAfter(most) if count >= most && updates > 0 => {
                    throw_away(&mut tls, &mut stream);
                    return;
                }
                Manner::AnswersTwoAndLeaves if updates >= 2 => {
                    tls.send_close_notify();
                    flush(&mut tls, &mut stream);
                    return;
                }
                Manner::LeavesAfter(most) if count >= most => {
                    tls.send_close_notify();
                    flush(&mut tls, &mut stream);
                    return;
                }
                _ => {}
            }
        }
    }
}

/// The handshake is over: makes room for what comes.
fn begin(tls: &mut ServerConnection, stream: &mut TcpStream, manner: Manner, received: &Received) -> usize {
    if manner == Manner::UpdatesUnasked {
        tls.refresh_traffic_keys().expect("TLS 1.3");
        flush(tls, stream);
    }
    let mut all = received.lock().expect("no panic there");
    all.push(Vec::new());
    let at = all.len() - 1;
    drop(all);
    if manner == Manner::ReadsNothing {
        wait_for_the_end_of_the_test();
    }
    at
}

/// Takes all that comes off the socket and looks at none of it; then closes in order.
fn throw_away(tls: &mut ServerConnection, stream: &mut TcpStream) {
    std::io::copy(stream, &mut std::io::sink()).expect("all of it");
    tls.send_close_notify();
    flush(tls, stream);
}

fn flush(tls: &mut ServerConnection, stream: &mut TcpStream) {
    while tls.wants_write() && tls.write_tls(stream).is_ok() {}
}

fn wait_for_the_end_of_the_test() {
    loop {
        std::thread::park();
    }
}
