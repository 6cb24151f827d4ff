//! The engine with a clock that the test owns, between a simulated API and its queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use conductor::config;
use conductor::engine::clock::Clock;
use conductor::engine::{Engine, queue_options};
use conductor::event::Seq;
use conductor::queue::Queue;
use conductor::queue::disk::RealDisk;
use conductor::secrets::SecretSources;
use conductor::status::Board;
use jiff::{SignedDuration, Timestamp};

use crate::agent::Place;

/// The engine's clock is the real one, moved by so many seconds.
pub struct Moved(Arc<AtomicI64>);

impl Moved {
    pub fn by(span: SignedDuration) -> Moved {
        Moved(Arc::new(AtomicI64::new(span.as_secs())))
    }

    pub fn set(&self, span: SignedDuration) {
        self.0.store(span.as_secs(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let moved = Arc::clone(&self.0);
        Clock::of(move || Timestamp::now() + SignedDuration::from_secs(moved.load(Ordering::SeqCst)))
    }
}

pub struct Running {
    pub engine: Engine,
    pub board: Board,
    pub queue: Arc<Queue>,
}

impl Running {
    /// Runs the settings of `place` by this clock.
    pub async fn start(place: &Place, moved: &Moved) -> Running {
        let loaded = config::load(&place.config(), &|_| None).expect("good settings");
        let state = place.state();
        std::fs::create_dir_all(&state).expect("a folder");
        let now = || Timestamp::now().as_millisecond();
        let options = queue_options(&loaded.settings.queue);
        let opened = Queue::open(&state.join("queue"), options, Arc::new(RealDisk), now).expect("the queue opens");
        let (queue, board) = (Arc::new(opened.0), Board::new("box", Timestamp::now()));
        let secrets = SecretSources { credentials_dir: None, state_dir: state };
        let engine = Engine::start(Arc::clone(&queue), board.clone(), secrets, moved.clock()).await;
        engine.reconcile(loaded.settings).await;
        Running { engine, board, queue }
    }

    /// The ids of all events of integrations that the queue holds, without their versions, in order.
    pub fn kept(&self) -> Vec<String> {
        let (mut ids, mut at) = (Vec::new(), Seq(0));
        while at < self.queue.head_now() {
            let batch = self.queue.read_after(at, 1000, 64 << 20).expect("readable");
            at = batch.upto;
            let native = |id: &str| id.rsplit_once('/').map_or(String::new(), |(native, _)| native.to_owned());
            ids.extend(batch.events.iter().map(|stored| native(&stored.event.id)));
        }
        ids.retain(|id| !id.starts_with("conductor/"));
        ids
    }
}
