//! What a receiver has shown that it can do, over many connections: pure, by what happened and when.
//!
//! Promise: a receiver that is stopped is never taken for a weak one. Only a handshake proves a live process, and only
//! three in a row whose orderly close stayed unanswered (everything drained) make us content with its TCP's word.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::destinations::Receipt;

/// After this long a receiver is asked again what it can do.
const ASK_AGAIN: Duration = Duration::from_secs(3600);
/// Connections in a row that leave the close unanswered before TCP's word is all that we ask for.
const SILENT_CLOSES: u8 = 3;

/// How the events of one connection are confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// A: a TLS 1.3 KeyUpdate behind the events, answered.
    KeyUpdate,
    /// B: an orderly close behind the events, answered.
    Close,
    /// C: the peer's TCP has them, and a window of them is kept.
    Held,
}

/// What is known so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skill {
    Untried,
    KeyUpdates,
    ClosesOnly { since: Instant },
    Neither { since: Instant },
}

#[derive(Debug)]
pub(super) struct Peer {
    address: Option<SocketAddr>,
    skill: Skill,
    prompt: bool,
    silent_closes: u8,
    receipt: Receipt,
}

impl Default for Peer {
    fn default() -> Peer {
        Peer { address: None, skill: Skill::Untried, prompt: false, silent_closes: 0, receipt: Receipt::Unknown }
    }
}

impl Peer {
    /// A handshake with the process at `address` was finished.
    pub(super) fn met(&mut self, address: SocketAddr, now: Instant) {
        if self.address != Some(address) {
            *self = Peer { address: Some(address), ..Peer::default() };
        }
        match self.skill {
            Skill::ClosesOnly { since } | Skill::Neither { since } if now.duration_since(since) >= ASK_AGAIN => {
                self.forget();
            }
            Skill::Untried | Skill::KeyUpdates | Skill::ClosesOnly { .. } | Skill::Neither { .. } => {}
        }
    }

    /// How a new connection of this peer is confirmed.
    pub(super) fn barrier(&self, tls13: bool) -> Barrier {
        match self.skill {
            Skill::Neither { .. } => Barrier::Held,
            Skill::ClosesOnly { .. } => Barrier::Close,
            Skill::Untried | Skill::KeyUpdates => {
                if tls13 {
                    Barrier::KeyUpdate
                } else {
                    Barrier::Close
                }
            }
        }
    }

    /// Has it answered KeyUpdates, and not stalled since?
    pub(super) fn answers_key_updates(&self) -> bool {
        self.skill == Skill::KeyUpdates
    }

    /// A KeyUpdate was answered; `promptly`: so was the first of its connection.
    pub(super) fn answered_key_update(&mut self, promptly: bool) {
        self.skill = Skill::KeyUpdates;
        self.silent_closes = 0;
        self.prompt = promptly;
        self.receipt = Receipt::ReadKeyUpdate;
    }

    /// An orderly close was answered; `in_vain`: after KeyUpdates of the same connection were not.
    pub(super) fn answered_close(&mut self, in_vain: bool, now: Instant) {
        self.silent_closes = 0;
        match self.skill {
            // Its events were confirmed by KeyUpdates all along; the close only ended the connection.
            Skill::KeyUpdates => return,
            Skill::Untried if in_vain => self.skill = Skill::ClosesOnly { since: now },
            Skill::Neither { .. } => self.skill = Skill::Untried,
            Skill::Untried | Skill::ClosesOnly { .. } => {}
        }
        self.receipt = Receipt::ReadClose;
    }

    /// The handshake was answered, everything drained, and the close was not answered in its time.
    pub(super) fn left_close_unanswered(&mut self, now: Instant) {
        match self.skill {
            Skill::KeyUpdates | Skill::Neither { .. } => {}
            Skill::Untried | Skill::ClosesOnly { .. } => {
                self.silent_closes += 1;
                if self.silent_closes >= SILENT_CLOSES {
                    self.silent_closes = 0;
                    self.skill = Skill::Neither { since: now };
                }
            }
        }
    }

    /// Events were taken on the word of the peer's TCP.
    pub(super) fn held(&mut self) {
        self.receipt = Receipt::HeldByTcp;
    }

    /// It went silent: what it could do before may be another process's skill. Nothing is taken on less than before
    /// until it has shown again what it can do.
    pub(super) fn forget(&mut self) {
        self.skill = Skill::Untried;
        self.prompt = false;
    }

    /// Is it still unknown whether it answers KeyUpdates?
    pub(super) fn untried(&self) -> bool {
        self.skill == Skill::Untried
    }

    /// Does it answer the first KeyUpdate of a connection?
    pub(super) fn prompt(&self) -> bool {
        self.prompt
    }

    pub(super) fn receipt(&self) -> Receipt {
        self.receipt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: ([u8; 4], u16) = ([192, 0, 2, 1], 6514);

    fn play(peer: &mut Peer, now: Instant, script: &str) {
        for word in script.split_whitespace() {
            match word {
                "met" => peer.met(HOME.into(), now),
                "met-elsewhere" => peer.met(([192, 0, 2, 2], 6514).into(), now),
                "key-update" => peer.answered_key_update(false),
                "close" => peer.answered_close(false, now),
                "close-after-vain-requests" => peer.answered_close(true, now),
                "no-close" => peer.left_close_unanswered(now),
                "held" => peer.held(),
                "silent" => peer.forget(),
                other => panic!("{other}?"),
            }
        }
    }

    #[test]
    fn a_peer_is_asked_for_what_it_has_shown() {
        use Barrier::{Close, Held, KeyUpdate};
        use Receipt::{HeldByTcp, ReadClose, ReadKeyUpdate, Unknown};
        let table = [
            ("met", KeyUpdate, Close, Unknown),
            ("met key-update", KeyUpdate, Close, ReadKeyUpdate),
            ("met key-update close", KeyUpdate, Close, ReadKeyUpdate),
            // A close alone does not show that KeyUpdates go unanswered.
            ("met close", KeyUpdate, Close, ReadClose),
            ("met close-after-vain-requests met", Close, Close, ReadClose),
            ("met close-after-vain-requests met-elsewhere", KeyUpdate, Close, Unknown),
            // A stopped peer: no handshake, nothing learned. A silent one: two are not enough.
            ("met no-close met no-close met", KeyUpdate, Close, Unknown),
            ("met no-close met no-close met no-close met", Held, Held, Unknown),
            ("met no-close met no-close met close met no-close", KeyUpdate, Close, ReadClose),
            ("met no-close no-close no-close met held", Held, Held, HeldByTcp),
            ("met no-close no-close no-close met held close met", KeyUpdate, Close, ReadClose),
            // One that answered KeyUpdates is never believed on less.
            ("met key-update no-close no-close no-close no-close", KeyUpdate, Close, ReadKeyUpdate),
            ("met key-update silent met", KeyUpdate, Close, ReadKeyUpdate),
        ];
        for (script, tls13, tls12, receipt) in table {
            let mut peer = Peer::default();
            play(&mut peer, Instant::now(), script);
            assert_eq!((peer.barrier(true), peer.barrier(false), peer.receipt()), (tls13, tls12, receipt), "{script}");
        }
    }

    #[test]
    fn a_weak_peer_is_asked_again_after_an_hour() {
        for script in ["met close-after-vain-requests", "met no-close no-close no-close"] {
            let (mut peer, now) = (Peer::default(), Instant::now());
            play(&mut peer, now, script);
            play(&mut peer, now + ASK_AGAIN - Duration::from_secs(1), "met");
            assert_ne!(peer.barrier(true), Barrier::KeyUpdate, "{script}");
            play(&mut peer, now + ASK_AGAIN, "met");
            assert_eq!(peer.barrier(true), Barrier::KeyUpdate, "{script}");
        }
    }
}
