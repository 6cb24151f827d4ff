//! A proxy that wants a password. It can resolve every name to one address: the agent itself need not know the name.
//!
//! Promise: a tunnel is opened for who shows the password and for nobody else; what was asked for is kept.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// It listens until the process ends.
pub struct Proxy {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `right` is the whole value of the header that lets somebody in; `leads_to`: where every tunnel ends, whatever was
    /// asked for.
    pub fn start(right: &str, leads_to: Option<SocketAddr>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let right = right.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // A client that goes ends its own tunnel.
                let right = right.clone();
                thread::spawn(move || drop(serve(stream, &right, leads_to, &kept)));
            }
        });
        Proxy { address, asked }
    }

    /// What was asked for with the right password, in order, since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(
    mut client: TcpStream,
    right: &str,
    leads_to: Option<SocketAddr>,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.lines().any(|line| line.strip_prefix("Proxy-Authorization: ") == Some(right)) {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let server = match leads_to {
        Some(address) => TcpStream::connect(address)?,
        None => TcpStream::connect(&target)?,
    };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(target);
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let there = thread::spawn(move || pour(from, to));
    pour(server, client);
    drop(there.join());
    Ok(())
}

fn pour(mut from: TcpStream, mut to: TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}
