//! Plain TCP and UDP: what they can tell, and what a receiver that stands still gets in the end.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;

use super::receiver::seqs;
use super::*;
use crate::destinations::syslog::SyslogDatagrams;

fn plain(address: SocketAddr, transport: Transport) -> Link {
    Link { address: address.to_string(), transport, ..Link::default() }
}

/// A destination that believes TCP soon.
fn over_tcp(link: &Link, framing: Framing) -> SyslogStream {
    let mut syslog = made(link, None, &Settings { framing, ..settings() }).expect("valid");
    syslog.limits.hold = HoldRule { bytes: 1 << 40, time: Duration::from_millis(500) };
    syslog
}

fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Everything of the next connection up to its end, once the other side has ended it.
fn whole(listener: &TcpListener) -> std::thread::JoinHandle<Vec<u8>> {
    let listener = listener.try_clone().expect("a second handle");
    std::thread::spawn(move || read_all(listener.accept().expect("connected").0))
}

fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("an orderly end");
    all
}

#[tokio::test]
async fn over_plain_tcp_events_are_taken_when_its_tcp_has_held_them_and_the_word_says_so() {
    let (listener, address) = listening();
    let receiver = whole(&listener);
    let mut syslog = over_tcp(&plain(address, Transport::Tcp), Framing::OctetCounted);
    let delivered = syslog.deliver(&events(1, 20)).await;
    assert!(delivered.fault.is_none() && delivered.taken.is_none(), "{:?}", delivered.fault);
    assert_eq!(syslog.confirm().await.taken, Some(Seq(20)));
    assert_eq!((syslog.receipt(), syslog.connected()), (Receipt::HeldByTcp, true));
    assert!(syslog.deliver(&events(21, 30)).await.fault.is_none());
    let closed = syslog.close().await;
    assert_eq!((closed.taken, closed.fault.is_none()), (Some(Seq(30)), true), "the close was answered");
    assert_eq!(syslog.receipt(), Receipt::HeldByTcp, "and the weaker word stands all the same");
    assert_eq!(seqs(&receiver.join().expect("it read")), numbers(1, 30));
}

#[tokio::test]
async fn lines_come_one_an_event() {
    let (listener, address) = listening();
    let receiver = std::thread::spawn(move || {
        let lines = BufReader::new(listener.accept().expect("connected").0).lines();
        lines.map(|line| line.expect("UTF-8")).collect::<Vec<_>>()
    });
    let mut syslog = over_tcp(&plain(address, Transport::Tcp), Framing::LineFeed);
    let mut batch = events(1, 3);
    batch[1].event.raw = "{\n\"two\": 2}".into();
    assert!(syslog.deliver(&batch).await.fault.is_none());
    assert!(syslog.close().await.fault.is_none());
    let lines = receiver.join().expect("it read");
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.starts_with('<')) && lines[1].contains("{#012\"two\": 2}"), "{}", lines[1]);
}

#[tokio::test]
async fn a_stopped_plain_receiver_is_sent_nothing_twice_and_gets_everything_when_it_goes_on() {
    let (listener, address) = listening();
    // Small, so that a stop is soon felt.
    socket2::SockRef::from(&listener).set_recv_buffer_size(4096).expect("a socket");
    let (go_on, told) = mpsc::channel();
    let receiver = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("connected");
        told.recv().expect("the test is there");
        let all = read_all(stream);
        listener.set_nonblocking(true).expect("a socket");
        (all, listener.accept().is_err())
    });
    let mut syslog = over_tcp(&plain(address, Transport::Tcp), Framing::OctetCounted);
    syslog.limits.stall = Duration::from_millis(500);
    // Its kernel answers every probe: it is not dead, though nothing moves for longer than this.
    syslog.limits.dead = Duration::from_millis(300);
    // 20 MB are more than all buffers on the way.
    let all = events(1, 10_000);
    let (mut taken, mut faults) = (0, 0);
    let mut go_on = Some(go_on);
    while taken < 10_000 {
        // As the engine does: from what is taken, until a fault.
        let mut at = taken as usize;
        while at < all.len() {
            let batch = &all[at..all.len().min(at + 250)];
            let delivered = syslog.deliver(batch).await;
            taken = delivered.taken.map_or(taken, |seq| seq.0);
            at += batch.len();
            if let Some(fault) = delivered.fault {
                assert!(fault.context.contains("receiver stalled"), "{}", fault.chain());
                faults += 1;
                break;
            }
        }
        if faults == 3
            && let Some(go_on) = go_on.take()
        {
            assert!(syslog.connected(), "the connection stands");
            go_on.send(()).expect("it waits");
        }
        let confirmed = syslog.confirm().await;
        assert!(
            confirmed.fault.as_ref().is_none_or(|fault| fault.context.contains("receiver stalled")),
            "{confirmed:?}"
        );
        taken = confirmed.taken.map_or(taken, |seq| seq.0);
    }
    assert!(faults >= 3);
    assert!(syslog.close().await.fault.is_none());
    let (bytes, alone) = receiver.join().expect("it read");
    assert!(alone, "there was one connection");
    assert_eq!(seqs(&bytes), numbers(1, 10_000));
}

#[tokio::test]
async fn a_heartbeat_after_a_stop_is_not_taken_for_what_was_sent_before() {
    let (_listener, address) = listening();
    let mut syslog = over_tcp(&plain(address, Transport::Tcp), Framing::OctetCounted);
    assert!(syslog.deliver(&events(1, 4)).await.fault.is_none());
    syslog.resume = Some(Seq(4));
    assert_eq!(syslog.rest(&events(1, 2)), &[], "a part of what is on the connection");
    let (all, more) = (events(3, 4), events(3, 6));
    assert_eq!(syslog.rest(&all), &[]);
    assert_eq!(syslog.rest(&all), &all, "from then on, the place of the last event may be borrowed");
    syslog.resume = Some(Seq(4));
    assert_eq!(syslog.rest(&more), &more[2..]);
}

#[tokio::test]
async fn datagrams_are_taken_as_sent_and_go_again_where_nobody_listened() {
    let absent = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let address = absent.local_addr().expect("bound");
    drop(absent);
    let link = plain(address, Transport::Udp);
    let mut syslog = SyslogDatagrams::new(&link, &settings(), Shape::Json, "box").expect("valid");
    assert!(!syslog.connected());
    // On loopback the refusal of the first is back before the second is sent.
    let delivered = syslog.deliver(&events(1, 3)).await;
    let fault = delivered.fault.expect("nobody listens");
    assert!(delivered.taken.is_none() && fault.context.contains("nothing listens"), "{}", fault.chain());
    assert_eq!((syslog.receipt(), syslog.connected()), (Receipt::Unknown, false));

    let receiver = UdpSocket::bind(address).expect("its port");
    assert!(syslog.deliver(&events(1, 3)).await.fault.is_none());
    assert_eq!(syslog.confirm().await.taken, Some(Seq(3)));
    assert_eq!((syslog.receipt(), syslog.connected()), (Receipt::Sent, true));
    let mut datagram = [0; 65_536];
    for seq in 1..=3 {
        let length = receiver.recv(&mut datagram).expect("a datagram");
        let text = std::str::from_utf8(&datagram[..length]).expect("UTF-8");
        assert!(text.starts_with('<') && text.contains(&format!(" seq=\"{seq}\"")), "{text}");
    }
    assert_eq!(syslog.close().await.taken, None, "nothing new");
}

#[test]
fn plain_events_leave_this_machine_only_when_that_is_allowed() {
    let at = |address: &str, insecure| Link {
        address: address.to_owned(),
        transport: Transport::Tcp,
        insecure,
        ..Link::default()
    };
    for (address, open) in [
        ("127.0.0.1:514", false),
        ("127.9.9.9:514", false),
        ("[::1]:514", false),
        ("[::ffff:127.0.0.1]:514", false),
        ("localhost:514", false),
        ("localhost.example:514", true),
        ("192.0.2.7:514", true),
        ("[2001:db8::7]:514", true),
    ] {
        assert_eq!(at(address, false).is_open(), open, "{address}");
    }
    assert!(!Link { transport: Transport::Tls, ..at("192.0.2.7:514", false) }.is_open());
    let tunnel = Link { proxy: Some(Secret::new("http://127.0.0.1:3128")), ..at("127.0.0.1:514", false) };
    assert!(tunnel.is_open(), "behind a proxy, loopback is somebody else's");
}
