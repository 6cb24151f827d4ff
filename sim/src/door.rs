//! A listening port that can be closed and opened again at the same number, and the connections behind it.
//!
//! Promise: once [`Door::close`] has returned, a dial is refused; once [`Door::open`] has, it is taken.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// What is done with a connection.
pub(crate) type Serve = Arc<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

pub(crate) struct Door {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    address: SocketAddr,
    serve: Serve,
    open: Mutex<Option<Open>>,
    /// Bound, and never a listener: it keeps the port ours while the door is closed.
    _held: Socket,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

struct Open {
    accepting: AbortHandle,
    /// Hangs up once the listener is gone.
    gone: Receiver<()>,
}

/// Fields drop in this order: the listener is gone before whoever waits for it hears so.
struct Accepting {
    listener: TcpListener,
    _gone: Sender<()>,
}

impl Door {
    /// Binds the address (port 0: one of the system's choice) and accepts on a runtime of its own.
    pub(crate) fn new(name: &str, address: SocketAddr, serve: Serve) -> io::Result<Door> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()?;
        let socket = bind(address)?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        // Before the first listens: then a second one may have the same address.
        let held = bind(address)?;
        let door = Door {
            runtime: Some(runtime),
            address,
            serve,
            open: Mutex::new(None),
            _held: held,
            connections: Arc::new(Mutex::new(Vec::new())),
        };
        door.accept_on(socket)?;
        Ok(door)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening: from now on a dial is refused. Connections go on. Not to be called from inside a connection.
    pub(crate) fn close(&self) {
        if let Some(open) = lock(&self.open).take() {
            open.accepting.abort();
            // The worker drops the listener; only a worker that is stuck could make this wait for long.
            match open.gone.recv_timeout(Duration::from_secs(10)) {
                Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Listens again, at the same port. Nothing happens when it does already.
    pub(crate) fn open(&self) -> io::Result<()> {
        if lock(&self.open).is_some() { Ok(()) } else { self.accept_on(bind(self.address)?) }
    }

    /// Drops every connection where it stands, without a word of TLS.
    pub(crate) fn cut(&self) {
        for connection in lock(&self.connections).drain(..) {
            connection.abort();
        }
    }

    fn accept_on(&self, socket: Socket) -> io::Result<()> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        socket.listen(1024)?;
        let _inside = runtime.enter();
        let (hang_up, gone) = channel();
        let accepting = Accepting { listener: TcpListener::from_std(socket.into())?, _gone: hang_up };
        let task = runtime.spawn(accept(accepting, self.serve.clone(), self.connections.clone()));
        *lock(&self.open) = Some(Open { accepting: task.abort_handle(), gone });
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
        self.cut();
        if let Some(runtime) = self.runtime.take() {
            // Never waits, so a simulator may be dropped inside of anybody's async code.
            runtime.shutdown_background();
        }
    }
}

async fn accept(accepting: Accepting, serve: Serve, connections: Arc<Mutex<Vec<AbortHandle>>>) {
    loop {
        match accepting.listener.accept().await {
            Ok((stream, _)) => {
                let task = tokio::spawn(serve(stream));
                let mut connections = lock(&connections);
                connections.retain(|connection| !connection.is_finished());
                connections.push(task.abort_handle());
            }
            // A peer that went before it was taken, or no more descriptors: those would only spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Else the port would stay taken for a minute by what was cut.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A panic elsewhere leaves plain records behind, nothing half-done: go on with them.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
