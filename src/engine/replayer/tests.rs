//! A replay step by step, to a peer that does as it is told.

use async_trait::async_trait;

use super::*;
use crate::destinations::Receipt;
use crate::engine::clock::Clock;
use crate::engine::{MOST_KEEPING, key};
use crate::event::{Event, Severity, Stored};
use crate::net::shared::Shared;
use crate::queue::disk::RealDisk;
use crate::queue::{NewPage, Options, Queue, Wanted};
use crate::secrets::SecretSources;
use crate::status::Board;

const LAST: u64 = 6;

/// Takes all, nothing, or refuses one event for ever.
#[derive(Default)]
struct Peer {
    away: bool,
    refuses: Option<Seq>,
    /// It says so only when so many are handed over, or when it is asked to confirm.
    late: usize,
    waiting: Vec<Seq>,
    got: Vec<Seq>,
}

impl Peer {
    /// Judges what waits.
    fn judge(&mut self) -> Delivered {
        let sent = self.waiting.last().copied();
        for seq in std::mem::take(&mut self.waiting) {
            if self.refuses == Some(seq) {
                let fault = Some(Fault::new(FaultKind::Rejected, "too odd"));
                return Delivered { taken: self.got.last().copied(), sent, fault };
            }
            self.got.push(seq);
        }
        Delivered { taken: self.got.last().copied(), sent, fault: None }
    }
}

#[async_trait]
impl Destination for Peer {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        if self.away {
            let fault = Some(Fault::new(FaultKind::Unavailable, "it is away"));
            return Delivered { fault, ..Delivered::default() };
        }
        self.waiting.extend(batch.iter().map(|stored| stored.seq));
        if self.waiting.len() < self.late {
            return Delivered { sent: self.waiting.last().copied(), ..Delivered::default() };
        }
        self.judge()
    }

    async fn confirm(&mut self) -> Delivered {
        self.judge()
    }

    fn connected(&self) -> bool {
        !self.away
    }

    fn receipt(&self) -> Receipt {
        Receipt::Unknown
    }

    async fn close(&mut self) -> Delivered {
        Delivered::default()
    }
}

fn event(n: u64) -> Event {
    Event {
        id: format!("acme/threats/t{n}/v").into(),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: Timestamp::UNIX_EPOCH,
        observed: Timestamp::UNIX_EPOCH,
        summary: "s".into(),
        // Not compressed to nothing: so many of these fill segments.
        raw: format!("{{\"noise\":\"{}\"}}", (0..900_000).map(|_| fastrand::alphanumeric()).collect::<String>()).into(),
    }
}

fn page(n: u64) -> NewPage {
    NewPage { integration: "acme".into(), stream: "threats".into(), events: vec![event(n)], ..NewPage::default() }
}

/// An event a segment, all of them taken, and a replay of all.
fn scene(dir: &std::path::Path) -> (Arc<Queue>, Replayer) {
    let options = Options { max_bytes: 8 << 20, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };
    let (queue, _) = Queue::open(&dir.join("queue"), options, Arc::new(RealDisk), || 0).expect("it opens");
    let queue = Arc::new(queue);
    queue.register("soc", true);
    for n in 1..=LAST {
        queue.append(page(n)).expect("kept");
    }
    queue.ack("soc", Seq(LAST));
    queue.set_options(Options { max_bytes: 4 << 20, ..options });
    let record = Replaying {
        destination: "soc".into(),
        from_ms: 0,
        to_ms: 0,
        wanted: Wanted::default(),
        first: Seq(1),
        last: Seq(LAST),
        next: Seq(1),
        events: LAST,
        handed: 0,
        gone: 0,
        began_ms: 1,
    };
    queue.begin_replay(&record).expect("it begins");
    let facilities = Facilities {
        queue: Arc::clone(&queue),
        board: Board::new("box", Timestamp::UNIX_EPOCH),
        secrets: SecretSources::default(),
        clock: Clock::system(),
        shared: Shared::default(),
        keeping: Arc::new(tokio::sync::Semaphore::new(MOST_KEEPING)),
        egress: watch::channel(None).1,
        heartbeat: watch::channel(None).1,
        reloaded: watch::channel(0).1,
        rounds: watch::Sender::new(0),
        keys: Arc::default(),
        places: key::Places::new(SecretSources::default()),
    };
    let replayer = Replayer {
        facilities,
        name: "soc".parse().expect("a name"),
        filter: Filter::default(),
        sent: Seq(0),
        handed: Seq(0),
        taken: Seq(0),
        gaps: VecDeque::new(),
        open: VecDeque::new(),
        backoff: Backoff::default(),
        record,
    };
    (queue, replayer)
}

/// Steps until it is through. At most so many: one that never ends fails.
async fn run(replayer: &mut Replayer, peer: &mut Peer) {
    for _ in 0..20 {
        if replayer.record.is_through() {
            return;
        }
        if let Err(fault) = replayer.step(peer).await {
            replayer.failed(&fault);
        }
    }
    panic!("it does not end: {:?}", replayer.record);
}

#[tokio::test]
async fn what_was_read_and_had_gone_before_the_peer_took_it_is_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let (queue, mut replayer) = scene(dir.path());
    let mut peer = Peer { away: true, ..Peer::default() };
    let fault = replayer.step(&mut peer).await.expect_err("it is away");
    replayer.failed(&fault);
    // New events need the room of the oldest.
    queue.append(page(99)).expect("what is kept for replays yields");
    let oldest = queue.oldest();
    assert!(oldest > Seq(1), "some of it has gone");
    peer.away = false;
    run(&mut replayer, &mut peer).await;
    assert_eq!(peer.got, (oldest.0..=LAST).map(Seq).collect::<Vec<_>>(), "what is left, in order");
    assert_eq!((replayer.record.gone, replayer.record.handed), (oldest.0 - 1, LAST + 1 - oldest.0));
    assert!(queue.replaying("soc").is_none(), "through");
}

#[tokio::test]
async fn a_replay_whose_last_event_is_refused_for_ever_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let (queue, mut replayer) = scene(dir.path());
    let mut peer = Peer { refuses: Some(Seq(LAST)), ..Peer::default() };
    run(&mut replayer, &mut peer).await;
    assert_eq!(peer.got, (1..LAST).map(Seq).collect::<Vec<_>>());
    assert_eq!((replayer.record.gone, replayer.record.handed), (0, LAST - 1));
    assert!(queue.replaying("soc").is_none() && queue.quarantined().len() == 1, "through, and the one is aside");
}

#[tokio::test]
async fn an_event_of_an_earlier_batch_that_is_refused_late_goes_aside_and_no_other_in_its_place() {
    for late in [2, 100] {
        for refused in [1, 3, LAST] {
            let dir = tempfile::tempdir().expect("a folder");
            let (queue, mut replayer) = scene(dir.path());
            let mut peer = Peer { refuses: Some(Seq(refused)), late, ..Peer::default() };
            run(&mut replayer, &mut peer).await;
            let expected: Vec<Seq> = (1..=LAST).filter(|seq| *seq != refused).map(Seq).collect();
            assert_eq!(peer.got, expected, "late {late}");
            let aside: Vec<Seq> = queue.quarantined().into_iter().map(|entry| entry.seq).collect();
            assert_eq!(aside, [Seq(refused)], "late {late}");
        }
    }
}
