//! A listening port that can be closed and opened again at the same number, and the connections behind it.
//!
//! Promise: once [`Door::close`] has returned, a dial is refused; once [`Door::open`] has, it is taken; once
//! [`Door::cut`] has, no connection of before does anything more.

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
    open: Mutex<Option<Running>>,
    /// Bound, and never a listener: it keeps the port ours while the door is closed.
    _held: Socket,
    connections: Arc<Mutex<Vec<Running>>>,
}

/// A task that can be ended.
struct Running {
    task: AbortHandle,
    /// Hangs up once the task is over and all that it held is dropped.
    gone: Receiver<()>,
}

impl Running {
    /// A task that is at work goes on to its next wait: an end that were not waited for would let it answer once more.
    fn end(self) {
        self.task.abort();
        // Only a worker that is stuck could make this wait for long.
        match self.gone.recv_timeout(Duration::from_secs(10)) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
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
        let open = lock(&self.open).take();
        open.into_iter().for_each(Running::end);
    }

    /// Listens again, at the same port. Nothing happens when it does already.
    pub(crate) fn open(&self) -> io::Result<()> {
        if lock(&self.open).is_some() { Ok(()) } else { self.accept_on(bind(self.address)?) }
    }

    /// Drops every connection where it stands, without a word of TLS; what still waits to be accepted is none, unless
    /// [`Door::close`] went before. Not to be called from inside a connection.
    pub(crate) fn cut(&self) {
        let cut = std::mem::take(&mut *lock(&self.connections));
        cut.iter().for_each(|connection| connection.task.abort());
        cut.into_iter().for_each(Running::end);
    }

    fn accept_on(&self, socket: Socket) -> io::Result<()> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        socket.listen(1024)?;
        let _inside = runtime.enter();
        let (hang_up, gone) = channel();
        let accepting = Accepting { listener: TcpListener::from_std(socket.into())?, _gone: hang_up };
        let task = runtime.spawn(accept(accepting, self.serve.clone(), self.connections.clone()));
        *lock(&self.open) = Some(Running { task: task.abort_handle(), gone });
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
        if let Some(runtime) = self.runtime.take() {
            // Ends the connections too and never waits, so a simulator may be dropped inside of anybody's async code.
            runtime.shutdown_background();
        }
    }
}

/// As [`Accepting`]: the connection is gone first.
struct Attended {
    connection: Pin<Box<dyn Future<Output = ()> + Send>>,
    _gone: Sender<()>,
}

async fn attend(mut attended: Attended) {
    attended.connection.as_mut().await;
}

async fn accept(accepting: Accepting, serve: Serve, connections: Arc<Mutex<Vec<Running>>>) {
    loop {
        match accepting.listener.accept().await {
            Ok((stream, _)) => {
                let (hang_up, gone) = channel();
                // Held before: a connection that is not in the list yet would not be cut.
                let mut connections = lock(&connections);
                let task = tokio::spawn(attend(Attended { connection: serve(stream), _gone: hang_up }));
                connections.retain(|connection| !connection.task.is_finished());
                connections.push(Running { task: task.abort_handle(), gone });
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A request that was being answered while its process was killed was kept by the next one: CI saw a hole.
    #[test]
    fn a_connection_that_is_at_work_when_it_is_cut_does_nothing_after_that() {
        let (begin, begun) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let serve: Serve = Arc::new(move |_| {
            let (begin, over) = (begin.clone(), over.clone());
            Box::pin(async move {
                let _ = begin.send(());
                // It does not wait for anything: nobody can end it here.
                std::thread::sleep(Duration::from_millis(50));
                over.store(true, Ordering::Release);
            })
        });
        let door = Door::new("door", (std::net::Ipv4Addr::LOCALHOST, 0).into(), serve).expect("it listens");
        let _caller = std::net::TcpStream::connect(door.address()).expect("it is taken");
        begun.recv().expect("the connection is at work");
        door.cut();
        assert!(seen.load(Ordering::Acquire), "it is still at work");
    }
}
