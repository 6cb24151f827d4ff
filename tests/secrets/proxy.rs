//! A proxy that wants a password: what the agent's way to the vendor leads through, so that the password is in use.
//!
//! Promise: a tunnel is opened for who shows the password and for nobody else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// It listens until the process ends.
pub struct Proxy {
    pub address: SocketAddr,
    tunnels: Arc<AtomicU64>,
}

impl Proxy {
    pub fn start(user_and_password: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let right = format!("Basic {}", super::marks::base64(user_and_password.as_bytes()));
        let tunnels = Arc::new(AtomicU64::new(0));
        let opened = Arc::clone(&tunnels);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (right, opened) = (right.clone(), Arc::clone(&opened));
                // A client that goes ends its own tunnel.
                thread::spawn(move || drop(serve(stream, &right, &opened)));
            }
        });
        Proxy { address, tunnels }
    }

    /// Tunnels that were opened.
    pub fn tunnels(&self) -> u64 {
        self.tunnels.load(Ordering::SeqCst)
    }
}

fn serve(mut client: TcpStream, right: &str, opened: &AtomicU64) -> io::Result<()> {
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
    let server = TcpStream::connect(head.split(' ').nth(1).unwrap_or_default())?;
    opened.fetch_add(1, Ordering::SeqCst);
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
