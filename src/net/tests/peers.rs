//! The servers that the tests of this room dial: a CA of their own, and a script for each connection.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net::dial::Path;
use crate::net::http::{Client, ClientOptions, Limits};
use crate::net::tls::{TlsOptions, provider};
use crate::values::Secret;

/// A CA and the directory that holds its PEM.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    folder: TempDir,
}

impl Ca {
    /// One of that name; a second of the same name has another key.
    pub fn new(name: &str) -> Ca {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a root");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a file");
        Ca { certificate: certificate.der().clone(), issuer: Issuer::new(params, key), folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn pem(&self) -> String {
        std::fs::read_to_string(self.file()).expect("its file")
    }

    /// Writes a file beside the CA's.
    pub fn keep(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file
    }

    /// A certificate's PEM and its key, for `name`; expired long ago where it is to be.
    pub fn issue(&self, name: &str, expired: bool) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        self.server_with(name, false, None)
    }

    /// A TLS server's configuration; with `clients`, only who shows a certificate of that CA is let in.
    pub fn server_with(&self, name: &str, expired: bool, clients: Option<&Ca>) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(name, expired);
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().expect("TLS");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(ca.certificate.clone()).expect("a root");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).expect("a pair"))
    }

    /// A client that trusts this CA.
    pub fn client(&self, limits: Limits) -> Client {
        self.client_by(limits, Path::default())
    }

    pub fn client_by(&self, limits: Limits, path: Path) -> Client {
        let options = ClientOptions { tls: self.trust(), path, limits, ..ClientOptions::default() };
        Client::new(options).expect("a client")
    }

    pub fn trust(&self) -> TlsOptions {
        TlsOptions { ca: Some(self.file()), ..TlsOptions::default() }
    }
}

/// A server on a port of the system's choice. Its scripts end with the test's runtime.
pub struct Peer {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: mpsc::UnboundedReceiver<String>,
}

/// What a script may use.
#[derive(Clone)]
pub struct Stage {
    /// The how manieth connection this is, from 0.
    pub number: usize,
    /// Whom the connection comes from.
    pub from: SocketAddr,
    heads: mpsc::UnboundedSender<String>,
}

impl Stage {
    /// Reads a request's head and lets the test see it; empty where the client has left.
    pub async fn head(&self, stream: &mut (impl AsyncRead + Unpin)) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return String::new(),
            }
        }
        let head = String::from_utf8(head).expect("ASCII");
        let _ = self.heads.send(head.clone());
        head
    }

    /// Answers each request of the connection with the same bytes.
    pub async fn answer_all(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
        while !self.head(&mut stream).await.is_empty() {
            if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

impl Peer {
    /// Accepts TCP and runs `script` on each connection.
    pub async fn plain<F, R>(script: F) -> Peer
    where
        F: Fn(Stage, TcpStream) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Peer::plain_on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), script)
    }

    fn plain_on<F, R>(listener: TcpListener, script: F) -> Peer
    where
        F: Fn(Stage, TcpStream) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().expect("an address");
        let (sender, heads) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(Stage { number, from, heads: sender.clone() }, stream));
            }
        });
        Peer { address, connections, heads }
    }

    /// Accepts TLS; a connection whose handshake fails sees no script.
    pub async fn tls<F, R>(config: Arc<ServerConfig>, script: F) -> Peer
    where
        F: Fn(Stage, TlsStream<TcpStream>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Peer::tls_on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), config, script)
    }

    /// The same, where this listens.
    pub fn tls_on<F, R>(listener: TcpListener, config: Arc<ServerConfig>, script: F) -> Peer
    where
        F: Fn(Stage, TlsStream<TcpStream>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let (acceptor, script) = (TlsAcceptor::from(config), Arc::new(script));
        Peer::plain_on(listener, move |stage, stream| {
            let (acceptor, script) = (acceptor.clone(), script.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    script(stage, stream).await;
                }
            }
        })
    }

    /// A TLS server that answers every request alike.
    pub async fn answering(config: Arc<ServerConfig>, answer: impl Into<String>) -> Peer {
        let answer: Arc<str> = answer.into().into();
        Peer::tls(config, move |stage, stream| {
            let answer = answer.clone();
            async move { stage.answer_all(stream, &answer).await }
        })
        .await
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The next request's head, however long it takes to come.
    pub async fn next_head(&mut self) -> String {
        self.heads.recv().await.expect("a request")
    }

    /// The heads of all requests so far.
    pub fn heads(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.heads.try_recv().ok()).collect()
    }
}

pub fn token() -> Secret {
    Secret::new("CANARY-7f3a")
}

/// A whole answer with this body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
