//! A collector of our own behind TLS, and one event handed to it by the agent's own HTTP destination. (Not by syslog: what its
//! receipts ask of the kernel an emulator does not answer.)
//!
//! Promise: it counts only if the very event came out of the TLS at the other end.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::super::{Exit, Failure, settings};
use super::scratch::DESTINATION;
use crate::config::Settings;
use crate::engine::delivery_trial;
use crate::net::tls;

/// More than one event takes.
const MOST: usize = 64 << 10;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const LIMIT: Duration = Duration::from_secs(60);

/// For `localhost`, signed by itself, made for this one trial.
///
/// # Errors
/// [`Exit::Software`]: the TLS provider makes no keys here.
pub fn certificate() -> Result<CertifiedKey<KeyPair>, Failure> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| Failure::new(Exit::Software, format!("no certificate can be made: {error}")))
}

/// Listens on loopback, takes each request and answers that it has it.
pub struct Receiver {
    pub address: SocketAddr,
    requests: mpsc::Receiver<Vec<u8>>,
}

impl Receiver {
    /// # Errors
    /// [`Exit::Unavailable`]: no port of loopback can be had.
    pub async fn start(certificate: &CertifiedKey<KeyPair>) -> Result<Receiver, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|error| Failure::new(Exit::Unavailable, format!("no port of 127.0.0.1 can be had: {error}")))?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(server(certificate)?));
        let (told, requests) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One that can't agree on TLS is told by the other end.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while !is_whole(&request) && request.len() < MOST {
                    if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
                        break;
                    }
                }
                if told.send(request).await.is_err() {
                    return;
                }
                // One that is gone has its answer: it is told by the other end.
                let _ = stream.write_all(ANSWER).await;
                let _ = stream.shutdown().await;
            }
        });
        Ok(Receiver { address, requests })
    }

    /// Hands one event over, as the agent would, and finds it again at this end.
    ///
    /// # Errors
    /// Why it did not get here.
    pub async fn take_one(mut self, set: &Settings) -> Result<String, Failure> {
        let destination = set.destinations.values().find(|one| one.name.as_str() == DESTINATION);
        let destination = destination
            .ok_or_else(|| Failure::new(Exit::Software, "the trial's own destination is not in its settings"))?;
        let secrets = settings::secret_sources(&set.agent.state_dir);
        let event = delivery_trial::event(&set.agent.name, DESTINATION, &format!("{:016x}", fastrand::u64(..)));
        let id = event.id.to_string();
        let trial = delivery_trial::prepare(destination, &set.agent.name, &secrets)?;
        let tried = trial.hand_over(event).await;
        if let Some(fault) = tried.fault.filter(|_| !tried.taken) {
            return Err(fault.into());
        }
        let arrived = tokio::time::timeout(LIMIT, self.holds(&id)).await.unwrap_or(false);
        if !arrived {
            return Err(Failure::new(Exit::Software, format!("{id} was handed over and did not come out of the TLS")));
        }
        Ok("one event came out at a receiver of our own, by HTTP over TLS, and was confirmed".to_owned())
    }

    /// Has a request come that holds this text?
    async fn holds(&mut self, text: &str) -> bool {
        while let Some(request) = self.requests.recv().await {
            if memchr::memmem::find(&request, text.as_bytes()).is_some() {
                return true;
            }
        }
        false
    }
}

/// Its head has come, and as much behind it as `content-length` says.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = memchr::memmem::find(request, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}

fn server(certificate: &CertifiedKey<KeyPair>) -> Result<ServerConfig, Failure> {
    let refused = |error: rustls::Error| Failure::new(Exit::Software, format!("TLS can't be set up: {error}"));
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .map_err(refused)
}
