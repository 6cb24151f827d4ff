//! An agent with a remote listener, and who asks it.
//!
//! Promise: the server's certificate is verified by every client here, so an answer is the agent's.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::authority::{Authority, Identity};
use crate::agent::{Agent, Place};

pub const TOKEN: &str = "a-health-token-of-the-soc";

/// The box's certificate by `site`, the SOC's clients by `soc`.
pub struct Scene {
    pub place: Place,
    pub site: Authority,
    pub soc: Authority,
}

impl Scene {
    /// Files for everything; no settings yet.
    pub fn new() -> Scene {
        let scene = Scene { place: Place::new(""), site: Authority::new("Site CA"), soc: Authority::new("SOC CA") };
        let own = scene.site.server(&["localhost", "127.0.0.1", "box.acme.example"], 2099);
        scene.write("box.pem", &own.cert);
        scene.place.secret("box.key", &own.key);
        scene.write("site-ca.pem", scene.site.pem());
        scene.write("soc-ca.pem", scene.soc.pem());
        scene.place.secret("token", TOKEN);
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    /// `[remote]` on a port of the system's choice, with the box's own certificate, and these lines.
    pub fn remote(&self, more: &str) -> String {
        format!("[remote]\nlisten = \"127.0.0.1:0\"\ncert = \"box.pem\"\nkey = {{ file = \"box.key\" }}\n{more}\n")
    }

    /// Token and client certificates are both known.
    pub fn usual(&self) -> String {
        self.remote("client-ca = \"soc-ca.pem\"\nhealth-token = { file = \"token\" }")
    }

    /// Starts the agent and waits until the remote listener listens.
    pub fn start(&self, settings: &str) -> Agent {
        self.place.write_settings(settings);
        let mut agent = self.place.start();
        // It listens before the rest of the settings is in force.
        let all_there = |agent: &Agent| settings.contains("[destinations.") || agent.has_condition("no-destination");
        agent.wait_until("the remote listener listens", |agent| address(agent).is_some() && all_there(agent));
        agent
    }

    /// Someone who trusts the site's CA and shows nothing.
    pub fn stranger(&self) -> Client {
        Client::new(self.site.pem(), None)
    }

    /// Someone who shows this.
    pub fn with(&self, identity: &Identity) -> Client {
        Client::new(self.site.pem(), Some(identity))
    }
}

/// Where the agent says that its remote listener is.
pub fn address(agent: &Agent) -> Option<SocketAddr> {
    agent.status()["remote"]["listen"].as_str()?.parse().ok()
}

/// Sends the agent SIGHUP and waits until it has read the settings again.
pub fn reload(agent: &mut Agent) {
    let before = agent.status()["agent"]["reloads_total"].as_u64();
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    agent
        .wait_until("the settings were read again", |agent| agent.status()["agent"]["reloads_total"].as_u64() > before);
}

/// An HTTPS client that sends what it is told, byte for byte.
pub struct Client(Arc<ClientConfig>);

pub type Line = StreamOwned<ClientConnection, TcpStream>;

impl Client {
    pub fn new(ca: &str, identity: Option<&Identity>) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).expect("a CA")).expect("a root");
        let builder = ClientConfig::builder_with_provider(conductor::net::tls::provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("a certificate");
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
                builder.with_client_auth_cert(vec![chain], key).expect("a pair")
            }
        };
        Client(Arc::new(config))
    }

    /// A connection whose handshake is done on this side.
    pub fn connect(&self, to: SocketAddr) -> io::Result<Line> {
        self.over(TcpStream::connect(to)?)
    }

    /// The same over a socket that is connected already.
    pub fn over(&self, socket: TcpStream) -> io::Result<Line> {
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        let mut line = StreamOwned::new(connection, socket);
        line.conn.complete_io(&mut line.sock)?;
        Ok(line)
    }

    /// Sends this and reads until the connection ends. An answer that came counts, however it ended.
    pub fn send(&self, to: SocketAddr, request: &str) -> io::Result<Answer> {
        let mut line = self.connect(to)?;
        line.write_all(request.as_bytes())?;
        let (text, ended) = read_all(&mut line);
        if text.is_empty() {
            Err(ended.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
        } else {
            Ok(Answer(text))
        }
    }

    /// GET with these header lines, each ending in CRLF.
    pub fn get(&self, to: SocketAddr, path: &str, headers: &str) -> io::Result<Answer> {
        self.send(
            to,
            &format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n{headers}\r\n", to.port()),
        )
    }

    pub fn with_token(&self, to: SocketAddr, path: &str) -> Answer {
        self.get(to, path, &format!("Authorization: Bearer {TOKEN}\r\n")).expect("an answer")
    }
}

/// All that still comes.
pub fn read_all(line: &mut Line) -> (String, io::Result<()>) {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    let ended = loop {
        match line.read(&mut part) {
            Ok(0) => break Ok(()),
            Ok(read) => bytes.extend_from_slice(&part[..read]),
            Err(error) => break Err(error),
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), ended)
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(pub String);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split_once("\r\n\r\n").map_or(self.0.as_str(), |(head, _)| head);
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All but the date, which moves.
    pub fn timeless(&self) -> String {
        self.0.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect::<Vec<_>>().join("\n")
    }
}
