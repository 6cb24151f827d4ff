//! `dialogue`: a long talk with an API that answers anything, while the clock jumps and the share for old things ends.
//!
//! Promise: every page keeps what `judge` holds; a checkpoint that was cut is refused as corrupt, a whole one is read
//! again; once the API is calm the stream comes to rest.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use conductor::event::Checkpoint;
use conductor::fault::FaultKind;
use conductor::net::http::Answer;
use jiff::Timestamp;

use super::answers::NOW;
use super::body::{Body, some};
use super::scene::{Reply, Scene, Timing};

/// A machine's clock ends in 2232.
const LAST_CLOCK: i64 = 8_277_292_036;
const DAY: u64 = 86_400;

/// The whole talk.
#[derive(Arbitrary, Debug)]
pub struct Dialogue {
    stream: u8,
    enrich: bool,
    /// Hours.
    start: u16,
    /// Seconds.
    lag: u32,
    overlap: u32,
    begin: Clock,
    #[arbitrary(with = |u: &mut Unstructured<'_>| some(u, 24))]
    turns: Vec<Turn>,
}

/// One poll.
#[derive(Arbitrary, Debug)]
struct Turn {
    clock: Clock,
    round: bool,
    spare: Option<u8>,
    /// The checkpoint is handed over cut off here, too.
    cut: Option<u16>,
    #[arbitrary(with = |u: &mut Unstructured<'_>| some(u, 5))]
    answers: Vec<Said>,
}

/// Where a clock goes, seen from where it is.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Clock {
    On(u8),
    Later(u16),
    Back(u16),
    Days(i16),
    At(u64),
}

/// One answer.
#[derive(Arbitrary, Debug)]
struct Said {
    status: Status,
    date: Option<Clock>,
    body: Body,
}

#[derive(Clone, Copy, Debug)]
enum Status {
    Ok,
    /// By its place among those that the API documents.
    Refused(u8),
    Any(u16),
    Cut,
}

/// Mostly good.
impl<'a> Arbitrary<'a> for Status {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Status> {
        Ok(match u.arbitrary()? {
            0..192u8 => Status::Ok,
            192..232 => Status::Refused(u.arbitrary()?),
            232..244 => Status::Any(u.arbitrary()?),
            244.. => Status::Cut,
        })
    }
}

impl Clock {
    fn from(self, now: i64) -> i64 {
        let to = match self {
            Clock::On(seconds) => now + i64::from(seconds),
            Clock::Later(seconds) => now + 60 * i64::from(seconds),
            Clock::Back(seconds) => now - i64::from(seconds),
            Clock::Days(days) => now + 86_400 * i64::from(days),
            Clock::At(second) => i64::try_from(second).unwrap_or(0) % (LAST_CLOCK + 1),
        };
        to.clamp(0, LAST_CLOCK)
    }
}

impl Said {
    fn reply(&self, now: i64) -> Reply {
        let status = match self.status {
            Status::Ok => 200,
            Status::Refused(which) => {
                let all = [400, 401, 402, 403, 404, 407, 408, 425, 429, 500, 503];
                all[usize::from(which) % all.len()]
            }
            Status::Any(status) => status,
            Status::Cut => return Reply::Cut,
        };
        let date = self.date.and_then(|clock| Timestamp::from_second(clock.from(now)).ok());
        let retry_after = (status == 429).then_some(Duration::from_secs(7));
        Reply::Answer(Answer { status, date, retry_after, content_type: None, body: self.body.bytes().into() })
    }
}

pub fn run(data: &[u8]) {
    // What the bytes do not say is left out.
    if let Ok(dialogue) = Dialogue::arbitrary_take_rest(Unstructured::new(data)) {
        dialogue.hold();
    }
}

impl Dialogue {
    fn hold(&self) {
        let seconds = |seconds: u64| Duration::from_secs(seconds.min(400 * DAY));
        let timing = Timing {
            start: seconds(3_600 * u64::from(self.start)),
            lag: seconds(self.lag.into()),
            overlap: seconds(self.overlap.into()),
            enrich: self.enrich,
        };
        let mut now = self.begin.from(NOW);
        let time = |second| Timestamp::from_second(second).expect("a time");
        let mut scene = Scene::new(self.stream.into(), time(now), timing);
        for turn in &self.turns {
            now = turn.clock.from(now);
            scene.now = time(now);
            scene.round = turn.round;
            *scene.spare.get_mut() = turn.spare.map_or(u32::MAX, u32::from);
            if let (Some(cut), Some(whole)) = (turn.cut, &scene.checkpoint) {
                refuses(&scene, whole, cut.into());
            }
            let replies: Vec<Reply> = turn.answers.iter().map(|said| said.reply(now)).collect();
            let at = AtomicUsize::new(0);
            scene.script(move |_| {
                let next = at.fetch_add(1, Relaxed) % replies.len().max(1);
                replies.get(next).cloned().unwrap_or(Reply::Cut)
            });
            let page = scene.poll();
            let corrupt = page.fault.is_some_and(|fault| fault.kind == FaultKind::Corrupt);
            assert!(!corrupt, "what it wrote itself can be read: {:?}", scene.checkpoint);
        }
        scene.calm_down();
    }
}

/// A part of a checkpoint is none.
fn refuses(scene: &Scene, whole: &Checkpoint, cut: usize) {
    let mut end = cut.min(whole.0.len().saturating_sub(1));
    while !whole.0.is_char_boundary(end) {
        end -= 1;
    }
    let page = scene.ask(Some(&Checkpoint(whole.0[..end].to_owned())));
    let kind = page.fault.as_ref().map(|fault| fault.kind);
    assert_eq!(kind, Some(FaultKind::Corrupt), "a part of a checkpoint is read: {page:?}");
    assert!(page.next.is_none() && page.events.is_empty() && !page.more);
}
