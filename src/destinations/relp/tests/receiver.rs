//! A RELP receiver in a task, with the manners of real ones and of bad ones. It reads frames by its own means.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// As imrelp: answers each with 200, in order.
    Plain,
    /// Answers only when so many wait for it, the last one first.
    Backwards(usize),
    /// Reads, and answers nothing but `open`.
    Silent,
    /// Answers nothing at all.
    Mute,
    /// Answers `open` with this.
    Opens(&'static str),
    /// Answers `open`, then sends this to the first event.
    Says(&'static str),
    /// Refuses the event of this number, whenever it comes.
    Dislikes(u64),
    /// Refuses the event of this number so many times, over all connections.
    DislikesAtFirst(u64, usize),
    /// Answers 500 to all, as librelp where the command is disabled.
    Disabled,
    /// So many events on the first connection are answered 200; then it says `serverclose` and closes.
    ServerCloses(usize),
    /// The same, and it just closes.
    Leaves(usize),
    /// The same with a reset.
    Resets(usize),
}

/// A frame that came: the number of its connection, its transaction, its command, and the event's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Came {
    pub(super) connection: usize,
    pub(super) txnr: u32,
    pub(super) command: String,
    pub(super) seq: Option<u64>,
}

pub(super) type Seen = Arc<Mutex<Vec<Came>>>;

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Seen,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let seen = Seen::default();
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                let (shared, resets) = (Arc::clone(&shared), matches!(manner, Manner::Resets(_)) && connection == 1);
                tokio::spawn(async move {
                    let mut stream = stream;
                    serve(&mut stream, manner, connection, &shared).await;
                    if resets {
                        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    }
                });
            }
        });
        Receiver { address, seen }
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.seen.lock().expect("no panic there").clone()
    }

    /// The numbers of all events that came, in order, repeats and all.
    pub(super) fn seqs(&self) -> Vec<u64> {
        self.came().iter().filter_map(|came| came.seq).collect()
    }

    pub(super) fn connections(&self) -> usize {
        self.came().iter().map(|came| came.connection).max().unwrap_or_default()
    }

    /// The transactions of one connection's events.
    pub(super) fn txnrs(&self, connection: usize) -> Vec<u32> {
        self.came().iter().filter(|came| came.connection == connection).map(|came| came.txnr).collect()
    }
}

/// One connection, until the manner or the peer ends it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    manner: Manner,
    connection: usize,
    seen: &Seen,
) {
    let (mut buffer, mut waiting, mut count) = (Vec::new(), Vec::new(), 0);
    loop {
        let Some((txnr, command, data)) = frame(stream, &mut buffer).await else { return };
        let text = String::from_utf8(data).expect("UTF-8");
        let seq = text.split_once(" seq=\"").and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
        let came = Came { connection, txnr, command: command.clone(), seq };
        let refused_before = {
            let mut seen = seen.lock().expect("no panic there");
            seen.push(came);
            seen.iter().filter(|came| came.seq.is_some() && came.seq == seq).count() - usize::from(seq.is_some())
        };
        let good = "200 OK\nrelp_version=0\nrelp_software=test,1\ncommands=syslog";
        let answer = match (command.as_str(), manner) {
            (_, Manner::Mute) => None,
            ("open", Manner::Opens(with)) => Some(with),
            ("open", _) => Some(good),
            // librelp's answer has no data.
            ("close", _) => Some(""),
            (_, Manner::Silent) => None,
            (_, Manner::Says(what)) => {
                let _ = stream.write_all(what.as_bytes()).await;
                None
            }
            (_, Manner::Dislikes(number)) if seq == Some(number) => Some("500 no such thing"),
            (_, Manner::DislikesAtFirst(number, times)) if seq == Some(number) && refused_before < times => {
                Some("500 not now")
            }
            (_, Manner::Disabled) => Some("500 command disabled"),
            (_, Manner::Backwards(_)) => {
                waiting.push(txnr);
                None
            }
            (_, Manner::ServerCloses(most) | Manner::Leaves(most) | Manner::Resets(most)) if connection == 1 => {
                count += 1;
                if count > most {
                    if matches!(manner, Manner::ServerCloses(_)) {
                        let _ = stream.write_all(b"0 serverclose 0\n").await;
                    }
                    return;
                }
                Some("200 OK")
            }
            (_, _) => Some("200 OK"),
        };
        let mut all: Vec<(u32, &str)> = answer.map(|answer| (txnr, answer)).into_iter().collect();
        if let Manner::Backwards(most) = manner
            && waiting.len() >= most
        {
            all.extend(waiting.drain(..).rev().map(|txnr| (txnr, "200 OK")));
        }
        for (txnr, answer) in all {
            let space = if answer.is_empty() { "" } else { " " };
            let frame = format!("{txnr} rsp {}{space}{answer}\n", answer.len());
            if stream.write_all(frame.as_bytes()).await.is_err() {
                return;
            }
        }
        if command == "close" {
            // As librelp, which says both.
            let _ = stream.write_all(b"0 serverclose 0\n").await;
            return;
        }
    }
}

/// Transaction, command and data.
type Frame = (u32, String, Vec<u8>);

/// The next frame; `None`: the peer has gone.
async fn frame<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<Frame> {
    loop {
        if let Some((frame, used)) = whole(buffer) {
            buffer.drain(..used);
            return Some(frame);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

fn whole(bytes: &[u8]) -> Option<(Frame, usize)> {
    let mut parts = bytes.splitn(3, |byte| *byte == b' ');
    let text = |part: &[u8]| std::str::from_utf8(part).expect("ASCII").to_owned();
    let (txnr, command, rest) = (text(parts.next()?), text(parts.next()?), parts.next()?);
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let length: usize = text(&rest[..digits]).parse().expect("a length");
    let before = txnr.len() + 1 + command.len() + 1 + digits + usize::from(length > 0);
    let data = bytes.get(before..before + length)?.to_vec();
    assert_eq!(bytes.get(before + length).copied()?, b'\n', "a frame ends with a line feed");
    Some(((txnr.parse().expect("a number"), command, data), before + length + 1))
}
