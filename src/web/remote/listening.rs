//! Keeps the remote listener as the settings want it: binds, reads the papers, looks at them again, tells.
//!
//! Promise: a change of the settings or of a file is taken within seconds, without a restart; what can't be used takes
//! the place of nothing that works.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Extensions;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::door::{Connected, door};
use super::papers::{self, Set, Stamps};
use super::{Post, own};
use crate::config::Remote;
use crate::fault::Fault;
use crate::status::{Certified, Code};
use crate::web::connections::{self, Ending, Limits};
use crate::web::conversation::converse;
use crate::web::{Caller, routes};

const LIMITS: Limits = Limits {
    handshake: Duration::from_secs(10),
    request: Duration::from_secs(10),
    idle: Some(Duration::from_secs(30)),
    stream: Duration::from_secs(300),
    connections: 256,
    // A browser opens six, a tunnel brings several people.
    per_address: 32,
    stop: Duration::from_secs(1),
    head: 16 * 1024,
    headers: 64,
};

/// Connections that wait for a place.
const BACKLOG: u32 = 1024;

/// How often the files are looked at, and how soon what failed is tried again.
const LOOK: Duration = Duration::from_secs(5);

/// Days before its end that the operator's certificate is told.
const TOLD_BEFORE: i64 = 30;

/// Why listening ended.
enum Next {
    /// The settings want something else, or it is to be tried again.
    Again,
    Stop,
}

type Stop<'s> = Pin<&'s mut (dyn Future<Output = ()> + Send)>;

/// Listens as the newest settings want it until `stop` resolves; ends at most a second later.
pub async fn run(post: Post, mut settings: watch::Receiver<Option<Remote>>, stop: impl Future<Output = ()> + Send) {
    let mut stop = pin!(stop);
    let post = Arc::new(post);
    loop {
        let wanted = settings.borrow_and_update().clone();
        let next = match wanted {
            Some(wanted) => listen(&post, wanted, &mut settings, stop.as_mut()).await,
            None => {
                for code in CODES {
                    post.board.clear(code, "");
                }
                changed(&mut settings, stop.as_mut(), None).await
            }
        };
        post.board.remote(None);
        match next {
            Next::Again => {}
            Next::Stop => return,
        }
    }
}

const CODES: [Code; 3] = [Code::RemoteDown, Code::RemoteNotTaken, Code::RemoteExpiring];

/// Until other settings come, or for so long.
async fn changed(settings: &mut watch::Receiver<Option<Remote>>, stop: Stop<'_>, most: Option<Duration>) -> Next {
    let most = async {
        match most {
            Some(most) => tokio::time::sleep(most).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stop => Next::Stop,
        // Whoever sends settings outlives us; if not, the ones that we have stay.
        Ok(()) = settings.changed() => Next::Again,
        () = most => Next::Again,
    }
}

async fn listen(
    post: &Arc<Post>,
    wanted: Remote,
    settings: &mut watch::Receiver<Option<Remote>>,
    mut stop: Stop<'_>,
) -> Next {
    let opened = match read(post, &wanted).await {
        Ok((set, stamps)) => bind(post, wanted.listen).map(|listener| (set, stamps, listener)),
        Err(fault) => Err(fault.chain()),
    };
    let (set, stamps, listener) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            let text = format!("the remote listener does not listen: {why}");
            if post.board.raise(Code::RemoteDown, "", text.as_str(), (post.clock)()) {
                tracing::error!("{text}");
            }
            return changed(settings, stop.as_mut(), Some(LOOK)).await;
        }
    };
    post.board.clear(Code::RemoteDown, "");
    post.board.clear(Code::RemoteNotTaken, "");
    let address = listener.local_addr().map_or_else(|_| wanted.listen.to_string(), |address| address.to_string());
    tell(post, &set, &address, true);
    let (in_use, of_connections) = watch::channel(Arc::new(set));
    let (closing, mut closed) = watch::channel(false);
    let told = routes::machines(post.board.clone(), Arc::clone(&post.clock));
    let router = door(of_connections.clone(), told, post.pages.clone());
    let end = async { drop(closed.wait_for(|closed| *closed).await) };
    let mut accepting = pin!(connections::accept_all("remote", listener, end, LIMITS, |stream, peer, ending| {
        serve(stream, peer, router.clone(), of_connections.clone(), ending)
    }));
    let next = {
        let mut watching = pin!(watch_papers(post, wanted, settings, stamps, &in_use, &address));
        tokio::select! {
            biased;
            () = stop.as_mut() => Next::Stop,
            () = &mut watching => Next::Again,
            () = &mut accepting => Next::Again,
        }
    };
    closing.send_replace(true);
    accepting.await;
    next
}

/// Returns once it is to listen elsewhere, or nowhere.
async fn watch_papers(
    post: &Arc<Post>,
    mut wanted: Remote,
    settings: &mut watch::Receiver<Option<Remote>>,
    mut stamps: Stamps,
    in_use: &watch::Sender<Arc<Set>>,
    address: &str,
) {
    let mut settled = true;
    loop {
        let news = tokio::select! {
            biased;
            Ok(()) = settings.changed() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        if news {
            match settings.borrow_and_update().clone() {
                Some(new) if new.listen == wanted.listen => wanted = new,
                Some(_) | None => return,
            }
        }
        let now = (post.clock)();
        let set = Arc::clone(&in_use.borrow());
        let over = set.certified == Certified::SelfSigned && set.expires.is_some_and(|end| own::ends_soon(end, now));
        // Before they are read: a file that is completed meanwhile is a change, and is read again.
        let before = look(post, &wanted).await;
        // What failed is not read again and again, but for a change.
        if !news && !over && before == stamps {
            tell_end(post, &set);
            continue;
        }
        match read(post, &wanted).await {
            Ok((set, new)) => {
                stamps = new;
                if post.board.clear(Code::RemoteNotTaken, "") || !settled || !news {
                    tracing::info!("the files of the remote listener were read again and are in use");
                }
                settled = true;
                // In use first: who was told of it finds it.
                let set = Arc::new(set);
                in_use.send_replace(Arc::clone(&set));
                tell(post, &set, address, false);
            }
            Err(fault) => {
                stamps = before;
                settled = false;
                let text = format!("the remote listener goes on with what it had: {}", fault.chain());
                if post.board.raise(Code::RemoteNotTaken, "", text.as_str(), now) || news {
                    tracing::warn!("{text}");
                }
            }
        }
    }
}

fn bind(post: &Post, wanted: SocketAddr) -> Result<TcpListener, String> {
    let bound = match &post.socket {
        Some(socket) => socket.try_clone().and_then(TcpListener::from_std),
        None => open(wanted),
    };
    bound.map_err(|e: io::Error| {
        format!("it can't have {wanted}: {e}; set [remote] listen to an address of this box and a free port (below 1024 by a socket unit)")
    })
}

/// With room for a burst: who finds the backlog full waits a second before he knocks again.
fn open(wanted: SocketAddr) -> io::Result<TcpListener> {
    let socket = if wanted.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart finds connections of before in their last minute.
    socket.set_reuseaddr(true)?;
    socket.bind(wanted)?;
    socket.listen(BACKLOG)
}

async fn read(post: &Arc<Post>, wanted: &Remote) -> Result<(Set, Stamps), Fault> {
    let (post, wanted) = (Arc::clone(post), wanted.clone());
    off_thread(move || {
        // A certificate of our own is made by the reading: its stamp comes after.
        let mut stamps = papers::stamps(&wanted, &post.secrets, &post.state_dir);
        let set = papers::read(&wanted, &post.secrets, &post.state_dir, (post.clock)())?;
        if wanted.cert.is_none() {
            stamps = papers::stamps(&wanted, &post.secrets, &post.state_dir);
        }
        Ok((set, stamps))
    })
    .await
}

async fn look(post: &Arc<Post>, wanted: &Remote) -> Stamps {
    let (post, wanted) = (Arc::clone(post), wanted.clone());
    off_thread(move || papers::stamps(&wanted, &post.secrets, &post.state_dir)).await
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}

fn tell(post: &Post, set: &Set, address: &str, first: bool) {
    let told = set.told(address.to_owned());
    if first || post.board.snapshot((post.clock)()).remote.is_none_or(|old| old != told) {
        let (certificate, sha256) = (told.certificate.as_str(), told.fingerprint_sha256.as_str());
        tracing::info!(remote = address, certificate, sha256, "the remote listener listens");
    }
    post.board.remote(Some(told));
    tell_end(post, set);
}

/// Of the operator's certificate; ours is made anew in time.
fn tell_end(post: &Post, set: &Set) {
    let now = (post.clock)();
    let end = set.expires.filter(|_| set.certified == Certified::Operator);
    let days = end.map(|end| (end.as_second() - now.as_second()).div_euclid(86_400));
    let (Some(end), Some(days)) = (end, days.filter(|days| *days <= TOLD_BEFORE)) else {
        post.board.clear(Code::RemoteExpiring, "");
        return;
    };
    let verb = if days < 0 { "ended" } else { "ends" };
    let text = format!("the certificate of the remote listener ([remote] cert) {verb} at {end}");
    if post.board.raise(Code::RemoteExpiring, "", text.as_str(), now) {
        tracing::warn!("{text}");
    }
}

/// One connection: TLS, then HTTP until its time is over, the listener ends or the papers have changed.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut set: watch::Receiver<Arc<Set>>,
    mut ending: Ending,
) {
    let tls = Arc::clone(&set.borrow_and_update().tls);
    let local = stream.local_addr().ok().map(|local| local.ip().to_canonical());
    let handshake = tokio::time::timeout(LIMITS.handshake, TlsAcceptor::from(tls).accept(stream));
    let stream = tokio::select! {
        biased;
        shaken = handshake => match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "a TLS handshake with the remote listener failed"),
            Err(_) => return tracing::debug!(%peer, "a TLS handshake with the remote listener took too long"),
        },
        _ = ending.wait_for(|ending| *ending) => return,
    };
    let certified = stream.get_ref().1.peer_certificates().is_some_and(|shown| !shown.is_empty());
    let mut with = Extensions::new();
    with.insert(Caller { address: peer.ip().to_canonical() });
    with.insert(Connected { certified, local });
    // Who was let in by papers that hold no longer connects anew, and is looked at anew.
    let end = async {
        tokio::select! {
            _ = ending.wait_for(|ending| *ending) => {}
            _ = set.changed() => {}
        }
    };
    converse(stream, router, with, end, LIMITS).await;
}
