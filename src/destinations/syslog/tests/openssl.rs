//! The destination against `openssl s_server`, a receiver that nobody here wrote.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

struct Openssl {
    child: Child,
    _stdin: ChildStdin,
    address: SocketAddr,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Openssl {
    fn start(pki: &Pki, version: &str) -> Openssl {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", version, "-cert"])
            .arg(pki.file("cert.pem"))
            .arg("-key")
            .arg(pki.file("key.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create("/dev/null").expect("a sink"))
            .spawn()
            .expect("openssl is installed");
        let stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let address = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).expect("text") > 0, "s_server ended");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.trim().parse().expect("an address");
            }
        };
        let output = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut chunk = [0; 65536];
            while let Ok(n @ 1..) = stdout.read(&mut chunk) {
                shared.lock().expect("no panic there").extend_from_slice(&chunk[..n]);
            }
        });
        Openssl { child, _stdin: stdin, address, output }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it runs");
    }

    /// The numbers that its standard output holds, once it ended.
    fn seqs(mut self) -> Vec<u64> {
        // What it had read it has printed, but the pipe may still hold it: the last event is waited for by the caller's
        // confirmation, the pipe by its end.
        self.signal(Signal::SIGTERM);
        self.child.wait().expect("it ends");
        loop {
            // The reading thread holds the second reference until the pipe's end.
            if Arc::strong_count(&self.output) == 1 {
                break;
            }
            std::thread::yield_now();
        }
        let output = self.output.lock().expect("no panic there");
        let text = String::from_utf8_lossy(&output);
        text.split(" seq=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().expect("quoted").parse().expect("seq"))
            .collect()
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn openssl_on_tls_1_3_confirms_by_key_updates() {
    let pki = Pki::new();
    let server = Openssl::start(&pki, "-tls1_3");
    let mut syslog = destination(server.address, &pki);
    assert_eq!(hand_over(&mut syslog, 1, 500).await, Some(500));
    assert_eq!(hand_over(&mut syslog, 501, 501).await, Some(501));
    assert_eq!(syslog.receipt(), Receipt::ReadKeyUpdate);
    assert!(syslog.close().await.fault.is_none());
    assert_eq!(server.seqs(), numbers(1, 501));
}

#[tokio::test]
async fn openssl_on_tls_1_2_confirms_by_closing() {
    let pki = Pki::new();
    let server = Openssl::start(&pki, "-tls1_2");
    let mut syslog = destination(server.address, &pki);
    assert_eq!(hand_over(&mut syslog, 1, 500).await, Some(500));
    assert_eq!(hand_over(&mut syslog, 501, 501).await, Some(501));
    assert_eq!(syslog.receipt(), Receipt::ReadClose);
    assert_eq!(server.seqs(), numbers(1, 501));
}

#[tokio::test]
async fn a_stopped_receiver_confirms_nothing_until_it_goes_on() {
    let pki = Pki::new();
    let server = Openssl::start(&pki, "-tls1_3");
    let mut syslog = destination(server.address, &pki);
    assert_eq!(hand_over(&mut syslog, 1, 10).await, Some(10));

    server.signal(Signal::SIGSTOP);
    let delivered = syslog.deliver(&events(11, 20)).await;
    assert!(delivered.fault.is_none() && delivered.taken.is_none());
    syslog.limits.call = Duration::from_millis(700);
    let confirmed = syslog.confirm().await;
    assert!(confirmed.fault.is_none() && confirmed.taken.is_none(), "its kernel has them, it has not read them");
    assert_eq!(syslog.receipt(), Receipt::ReadKeyUpdate);

    server.signal(Signal::SIGCONT);
    syslog.limits = Limits::default();
    let confirmed = syslog.confirm().await;
    assert_eq!((confirmed.taken, confirmed.fault.is_none()), (Some(Seq(20)), true));
    assert!(syslog.close().await.fault.is_none());
    assert_eq!(server.seqs(), numbers(1, 20));
}

#[tokio::test]
async fn a_stalled_receiver_costs_the_connection_and_everything_unconfirmed_goes_again() {
    let pki = Pki::new();
    let server = Openssl::start(&pki, "-tls1_3");
    let mut syslog = destination(server.address, &pki);
    assert_eq!(hand_over(&mut syslog, 1, 10).await, Some(10));

    server.signal(Signal::SIGSTOP);
    syslog.limits.stall = Duration::from_millis(300);
    // A connection keeps the limits that it began with.
    if let Some(session) = &mut syslog.session {
        session.set_limits(syslog.limits);
    }
    assert!(syslog.deliver(&events(11, 12)).await.fault.is_none());
    let confirmed = syslog.confirm().await;
    let fault = confirmed.fault.expect("nothing moves");
    assert!(confirmed.taken.is_none() && fault.context.contains("receiver stalled"), "{fault}");

    server.signal(Signal::SIGCONT);
    syslog.limits = Limits::default();
    assert_eq!(hand_over(&mut syslog, 11, 12).await, Some(12));
    assert_eq!(syslog.receipt(), Receipt::ReadKeyUpdate);
}

#[tokio::test]
async fn a_receiver_stopped_before_it_showed_anything_is_not_taken_for_a_weak_one() {
    let pki = Pki::new();
    let server = Openssl::start(&pki, "-tls1_3");
    let mut syslog = destination(server.address, &pki);
    syslog.limits.close = Duration::from_millis(100);
    syslog.limits.hold = HoldRule { bytes: 0, time: Duration::ZERO };
    assert!(syslog.deliver(&events(1, 1)).await.fault.is_none());
    server.signal(Signal::SIGSTOP);
    // For the connections to come: this one has had the time that it needed.
    syslog.limits.handshake = Duration::from_millis(300);
    // Whether it had read the first delivery before it stopped can't be known here; five connections more meet a
    // process that stands still.
    let mut taken = syslog.confirm().await.taken;
    for _ in 0..5 {
        let delivered = syslog.deliver(&events(2, 3)).await;
        let confirmed = syslog.confirm().await;
        taken = confirmed.taken.or(delivered.taken).or(taken);
    }
    assert!(taken.is_none() && syslog.receipt() == Receipt::Unknown, "{taken:?} {:?}", syslog.receipt());

    server.signal(Signal::SIGCONT);
    syslog.limits = Limits::default();
    assert_eq!(hand_over(&mut syslog, 1, 3).await, Some(3));
    assert_eq!(syslog.receipt(), Receipt::ReadKeyUpdate);
}
