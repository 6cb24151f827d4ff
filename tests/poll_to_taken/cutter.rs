//! A TCP proxy that cuts: when so many bytes have gone through, both sides get a reset, and what it holds is lost.
//!
//! Promise: a cut falls into the stream by its count of bytes, never by a clock; each falls once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The running proxy; it ends when dropped.
pub struct Cutter {
    _runtime: Runtime,
    address: SocketAddr,
    meter: Arc<Meter>,
}

/// Bytes from the agent so far, over all connections, and where the cuts fall.
struct Meter {
    passed: AtomicU64,
    cuts: Vec<u64>,
    done: AtomicUsize,
}

impl Cutter {
    /// Stands in front of `target`.
    pub fn before(target: SocketAddr, cuts: Vec<u64>) -> Cutter {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        let meter = Arc::new(Meter { passed: AtomicU64::new(0), cuts, done: AtomicUsize::new(0) });
        let counting = meter.clone();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, target, counting.clone()));
            }
        });
        Cutter { _runtime: runtime, address, meter }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Resets so far.
    pub fn cuts(&self) -> usize {
        self.meter.done.load(Ordering::SeqCst)
    }
}

impl Meter {
    /// Counts; an error is the order to cut.
    fn count(&self, bytes: usize) -> io::Result<()> {
        let passed = self.passed.fetch_add(bytes as u64, Ordering::SeqCst) + bytes as u64;
        let done = self.done.load(Ordering::SeqCst);
        if self.cuts.get(done).is_some_and(|cut| passed >= *cut) {
            self.done.store(done + 1, Ordering::SeqCst);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

async fn connection(mut client: TcpStream, target: SocketAddr, meter: Arc<Meter>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = pump(from_client, to_server, Some(&meter));
        tokio::try_join!(there, pump(from_server, to_client, None)).is_err()
    };
    if cut {
        // Closing with a linger of zero sends a reset, and drops what was not sent.
        for stream in [&client, &server] {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, meter: Option<&Meter>) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        meter.map_or(Ok(()), |meter| meter.count(read))?;
        to.write_all(&buffer[..read]).await?;
    }
}
