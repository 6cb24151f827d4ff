//! A TCP connection by name: happy eyeballs (RFC 8305), source address or interface, CONNECT through a proxy.
//!
//! Promise: dialling ends within its limit, and leaves by the way that the operator chose or not at all.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::door::Door;
use super::doorkeeper::Doorkeeper;
use super::names::Names;
use super::proxy::{Proxy, ask_for_tunnel};
use crate::fault::{Fault, FaultKind};
use crate::values::Secret;

/// RFC 8305 section 5: the next address is tried this long after the one before.
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses tried for one name, at the most.
const MOST_ADDRESSES: usize = 16;
/// A silent connection is asked for a sign of life after this long, then each [`KEEPALIVE_INTERVAL`]:
/// more often than a NAT forgets.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How long our own name servers are waited for where a proxy will look the name up itself.
const PATIENCE_FOR_OUR_NAMES: Duration = Duration::from_secs(2);

/// The way out that the operator chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    pub source_address: Option<IpAddr>,
    pub interface: Option<String>,
    /// `http://[user:password@]host:port`; `None`: for HTTP the environment's, then none; for [`dial`] none.
    pub proxy: Option<Secret>,
    /// Which addresses the host may lead to.
    pub door: Door,
    /// Which addresses the proxy may have: who named the host may not have named the proxy.
    pub proxy_door: Door,
}

/// Connects to `host:port` by `path`, through `path.proxy` where one is set. The environment's proxy is for
/// HTTP alone ([`Path::proxy_for`]) and plays no part here.
///
/// # Errors
/// `Unavailable` says what failed: DNS, refused, no answer, the proxy's status, a source address or interface
/// that the box lacks. `Misconfigured`: a proxy URL or host that can't be one. `Refused`: an address that the path's door
/// does not let through.
pub async fn dial(host: &str, port: u16, path: &Path, limit: Duration) -> Result<TcpStream, Fault> {
    let proxy = path.explicit_proxy()?;
    dial_by(&Names::default(), proxy.as_ref(), host, port, path, Instant::now() + limit).await
}

/// A socket for datagrams to the first address that `host` leads to: of those nobody can be asked which one answers.
///
/// # Errors
/// `Unavailable`: DNS, or no way there. `Refused`: as of [`dial`].
pub async fn datagrams(host: &str, port: u16, door: Door, limit: Duration) -> Result<UdpSocket, Fault> {
    let what = place(host, port);
    let order = addresses(&Names::default(), host, port, (None, door), Instant::now() + limit, &what).await?;
    let failed = |e| Fault::new(FaultKind::Unavailable, format!("{what} can't be reached")).caused_by(e);
    let mut missed = None;
    for address in order {
        let any: SocketAddr =
            if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any).await.map_err(failed)?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(error) => missed = Some(error),
        }
    }
    Err(failed(missed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())))
}

/// May a client that dials by itself dial there? It looks the name up again: what its resolver answers then is not judged.
///
/// # Errors
/// `Unavailable`: DNS; `Refused`: as of [`dial`].
pub async fn judge(host: &str, port: u16, door: Door, limit: Duration) -> Result<(), Fault> {
    if door == Door::Open {
        return Ok(());
    }
    let (what, names) = (place(host, port), Names::default());
    let found = addresses(&names, host, port, (None, Door::Open), Instant::now() + limit, &what).await?;
    let keeper = Doorkeeper::of(door)?;
    // It may take any of them.
    let refused = found.iter().find_map(|at| keeper.refuses(at.ip()).map(|why| (at.ip(), why)));
    refused.map_or(Ok(()), |(address, why)| Err(closed(host, address, why)))
}

/// As [`dial`], with the proxy already chosen.
pub(super) async fn dial_by(
    names: &Names,
    proxy: Option<&Proxy>,
    host: &str,
    port: u16,
    path: &Path,
    deadline: Instant,
) -> Result<TcpStream, Fault> {
    // What is written into a CONNECT request must not be able to end its line.
    if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text =
            format!("{host:?} is not a host: write a DNS name (in ASCII, xn--... where needed) or an IP address");
        return Err(Fault::new(FaultKind::Misconfigured, text));
    }
    let Some(proxy) = proxy else {
        return direct(names, host, port, path, path.door, deadline, &place(host, port)).await;
    };
    judge_behind_proxy(names, host, port, path.door, deadline).await?;
    let what = format!("the proxy {proxy}");
    let mut stream = direct(names, &proxy.host, proxy.port, path, path.proxy_door, deadline, &what).await?;
    ask_for_tunnel(&mut stream, proxy, host, port, deadline).await?;
    Ok(stream)
}

/// What of a host behind a proxy can be known: an address that is written out, and where the name leads by our own
/// name servers, if those know it. Where it leads by the proxy's is the proxy's to judge.
async fn judge_behind_proxy(names: &Names, host: &str, port: u16, door: Door, deadline: Instant) -> Result<(), Fault> {
    if door == Door::Open {
        return Ok(());
    }
    let patience = deadline.min(Instant::now() + PATIENCE_FOR_OUR_NAMES);
    let found = timeout_at(patience, names.find(host, port)).await;
    let keeper = Doorkeeper::of(door)?;
    let refused = found.ok().and_then(Result::ok).into_iter().flatten();
    let refused = refused.filter_map(|address| keeper.refuses(address.ip()).map(|why| (address.ip(), why))).next();
    refused.map_or(Ok(()), |(address, why)| Err(closed(host, address, why)))
}

/// A host that was named by a page and leads where it may not.
fn closed(host: &str, address: IpAddr, why: &str) -> Fault {
    let text = format!(
        "{host} leads to {address}, which is {why}: nothing that was set on a page may be dialled there. If it is meant, define it \
         in a settings file of your own, or write allow-other-hosts = true under [remote]"
    );
    Fault::new(FaultKind::Refused, text)
}

/// `host:port`, with the brackets that an IPv6 address needs.
pub(super) fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `what` names the peer in errors.
async fn direct(
    names: &Names,
    host: &str,
    port: u16,
    path: &Path,
    door: Door,
    deadline: Instant,
    what: &str,
) -> Result<TcpStream, Fault> {
    let order = addresses(names, host, port, (path.source_address, door), deadline, what).await?;
    race(order, path, deadline, what).await
}

/// Where `host` leads, in the order to try; never empty.
async fn addresses(
    names: &Names,
    host: &str,
    port: u16,
    (source, door): (Option<IpAddr>, Door),
    deadline: Instant,
    what: &str,
) -> Result<VecDeque<SocketAddr>, Fault> {
    let found = match timeout_at(deadline, names.find(host, port)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let text = format!(
                "{what} can't be reached: DNS does not resolve the name {host}; check it, and this box's DNS servers"
            );
            return Err(Fault::new(FaultKind::Unavailable, text).caused_by(error));
        }
        Err(_) => {
            let text =
                format!("{what} can't be reached: DNS gave no answer for {host} in time; check this box's DNS servers");
            return Err(Fault::new(FaultKind::Unavailable, text));
        }
    };
    // What is dialled is what was judged: no name is looked up twice for one connection.
    let keeper = Doorkeeper::of(door)?;
    let (found, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(|at| keeper.refuses(at.ip()).is_none());
    if let (true, Some((address, why))) =
        (found.is_empty(), refused.iter().find_map(|at| keeper.refuses(at.ip()).map(|why| (at.ip(), why))))
    {
        return Err(closed(host, address, why));
    }
    let order = interleave(found, source);
    if order.is_empty() {
        let why = match source {
            Some(IpAddr::V4(own)) => format!("{host} has no IPv4 address, and `source-address` {own} is one"),
            Some(IpAddr::V6(own)) => format!("{host} has no IPv6 address, and `source-address` {own} is one"),
            None => format!("DNS knows the name {host}, but no address of it"),
        };
        return Err(Fault::new(FaultKind::Unavailable, format!("{what} can't be reached: {why}")));
    }
    Ok(order)
}

/// RFC 8305 section 4: families take turns, beginning with the one that the resolver put first. A source
/// address leaves only its own family.
fn interleave(found: Vec<SocketAddr>, source: Option<IpAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let fits = |address: &SocketAddr| source.is_none_or(|own| own.is_ipv6() == address.is_ipv6());
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        found.into_iter().filter(fits).partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = VecDeque::new();
    while order.len() < MOST_ADDRESSES && !(one.is_empty() && other.is_empty()) {
        order.extend(one.pop_front());
        order.extend(other.pop_front());
    }
    order
}

/// The first connection that comes up wins; the others are dropped with the set.
async fn race(mut order: VecDeque<SocketAddr>, path: &Path, deadline: Instant, what: &str) -> Result<TcpStream, Fault> {
    let mut attempts = JoinSet::new();
    let mut missed = Vec::new();
    loop {
        if let Some(address) = order.pop_front() {
            let path = path.clone();
            attempts.spawn(async move { connect(address, &path).await });
        }
        let patience = if order.is_empty() { deadline } else { deadline.min(Instant::now() + STAGGER) };
        match timeout_at(patience, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(miss)))) => missed.push(miss),
            Ok(Some(Err(ended))) => tracing::error!(error = %ended, "an attempt to connect ended unexpectedly"),
            Ok(None) if order.is_empty() => return Err(all_missed(missed, path, what)),
            Ok(None) => {}
            Err(_) if Instant::now() >= deadline => {
                let text =
                    format!("{what} can't be reached: no answer in time; a firewall on the way may drop what we send");
                return Err(Fault::new(FaultKind::Unavailable, text));
            }
            Err(_) => {}
        }
    }
}

/// An attempt that failed.
struct Miss {
    address: SocketAddr,
    step: Step,
    error: io::Error,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Interface,
    SourceAddress,
    Connect,
}

async fn connect(address: SocketAddr, path: &Path) -> Result<TcpStream, Miss> {
    let miss = |step| move |error| Miss { address, step, error };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(miss(Step::Connect))?;
    socket.set_nodelay(true).map_err(miss(Step::Connect))?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive).map_err(miss(Step::Connect))?;
    if let Some(interface) = &path.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(miss(Step::Interface))?;
    }
    if let Some(own) = path.source_address {
        socket.bind(SocketAddr::new(own, 0)).map_err(miss(Step::SourceAddress))?;
    }
    socket.connect(address).await.map_err(miss(Step::Connect))
}

fn all_missed(missed: Vec<Miss>, path: &Path, what: &str) -> Fault {
    let mut reasons: Vec<String> = Vec::new();
    for miss in &missed {
        let reason = reason(miss, path);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let fault = Fault::new(FaultKind::Unavailable, format!("{what} can't be reached: {}", reasons.join("; ")));
    match missed.into_iter().next_back() {
        Some(last) => fault.caused_by(last.error),
        None => fault,
    }
}

fn reason(miss: &Miss, path: &Path) -> String {
    let address = miss.address;
    match miss.step {
        Step::Interface => {
            let interface = path.interface.as_deref().unwrap_or_default();
            if miss.error.kind() == io::ErrorKind::PermissionDenied {
                return format!(
                    "this agent may not choose the interface {interface:?}: this kernel wants CAP_NET_RAW for it"
                );
            }
            format!("this box can't leave by the interface {interface:?}: check that it exists and is up")
        }
        Step::SourceAddress => match path.source_address {
            Some(own) => format!("this box does not have the source address {own}: check `source-address`"),
            None => "no local address could be bound".to_owned(),
        },
        Step::Connect => match miss.error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("{address} refused: nothing listens there, or a firewall forbids it")
            }
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                format!("there is no route to {address}")
            }
            io::ErrorKind::TimedOut => format!("{address} gave no answer"),
            _ => format!("{address} failed"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn families_take_turns_and_the_resolvers_first_stays_first() {
        let found = addresses(&["[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        let expected = addresses(&["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1", "192.0.2.3:1"]);
        assert_eq!(interleave(found.clone(), None), expected);
        let v4 = addresses(&["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        assert_eq!(interleave(found, Some("192.0.2.77".parse().expect("v4"))), v4);
        assert_eq!(interleave(v4, Some("2001:db8::7".parse().expect("v6"))), addresses(&[]));
    }

    #[test]
    fn a_resolver_that_answers_with_a_thousand_addresses_does_not_make_a_thousand_attempts() {
        let flood: Vec<_> = (0..1000).map(|n| SocketAddr::from(([192, 0, 2, 1], n))).collect();
        assert_eq!(interleave(flood, None).len(), MOST_ADDRESSES);
    }

    #[tokio::test]
    async fn an_address_that_swallows_what_is_sent_does_not_keep_the_next_from_being_tried() {
        // A listener whose queue is full drops the next SYN; on loopback the queue fills as connect() returns.
        let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        silent.listen(0).expect("a listener");
        let swallowing = silent.local_addr().expect("an address");
        let fillers: Vec<_> = (0..8)
            .map(|_| {
                let filler =
                    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
                filler.set_nonblocking(true).expect("an option");
                drop(filler.connect(&swallowing));
                filler
            })
            .collect();
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let open = (open.local_addr().expect("an address"), open);
        let order = VecDeque::from([swallowing.as_socket().expect("an IP address"), open.0]);
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = race(order, &Path::default(), deadline, "x").await.expect("the second address");
        assert_eq!(stream.peer_addr().expect("a peer"), open.0);
        drop(fillers);
    }

    #[tokio::test]
    async fn a_host_that_could_end_the_line_of_a_connect_request_is_not_dialled() {
        let path = Path { proxy: Some(Secret::new("http://127.0.0.1:9")), ..Path::default() };
        let fault = dial("a\r\nX: y", 1, &path, Duration::from_secs(5)).await.expect_err("an injection");
        assert_eq!(fault.kind, FaultKind::Misconfigured);
    }
}
