//! A web server over TLS that has one file: whole, cut off, moved, or not there, by the first part of the path; and an
//! index that names it, in truth or with another sum.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use conductor_sim::ca::{Authority, LOOPBACK};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

/// Ends with the test: its thread waits for nothing but connections.
pub struct BundleServer {
    pub port: u16,
    pub ca_pem: String,
    /// How often the whole file was sent.
    sent: Arc<AtomicUsize>,
}

impl BundleServer {
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub fn start(bundle: &'static [u8]) -> BundleServer {
        let authority = Authority::new("Update CA").expect("a CA");
        let issued = authority.server(&LOOPBACK).expect("a certificate");
        let chain = CertificateDer::pem_slice_iter(issued.cert_pem.as_bytes()).map(|one| one.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).expect("PEM");
        let provider = conductor::net::tls::provider();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (config, sent) = (Arc::clone(&config), Arc::clone(&counted));
                // A client that goes away is that test's business.
                thread::spawn(move || drop(answer(stream, config, bundle, port, &sent)));
            }
        });
        BundleServer { port, ca_pem: authority.ca_pem(), sent }
    }
}

fn answer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    bundle: &[u8],
    port: u16,
    sent: &AtomicUsize,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bundle.len());
    let sum: String = Sha256::digest(bundle).iter().map(|byte| format!("{byte:02x}")).collect();
    let index = format!(
        r#"{{"version": "1.1.0", "url": "https://localhost:{port}/whole/x.raucb", "sha256": "{sum}", "size": {}}}"#,
        bundle.len()
    );
    let unfit = index.replace(&sum, &"0".repeat(64));
    let of_index = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", index.len());
    let (head, body) = match path.split('/').nth(1).unwrap_or_default() {
        "whole" => {
            sent.fetch_add(1, Ordering::SeqCst);
            (whole, bundle)
        }
        "index" => (of_index, index.as_bytes()),
        // Of the same length.
        "unfit" => (of_index, unfit.as_bytes()),
        "cut" => (whole, &bundle[..bundle.len() / 2]),
        "moved" => ("HTTP/1.1 302 Found\r\nLocation: /whole/x\r\nContent-Length: 0\r\n\r\n".to_owned(), &[][..]),
        _ => ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), &[][..]),
    };
    let stream = reader.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.conn.send_close_notify();
    stream.flush()
}
