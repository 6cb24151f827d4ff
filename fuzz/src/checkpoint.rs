//! `checkpoint`: any text as a checkpoint.
//!
//! The first line names the stream. Promise: it is refused as corrupt and nothing is asked for, or the poll keeps what
//! `judge` holds, and once the API is calm the stream comes to rest.

use std::sync::atomic::Ordering::Relaxed;

use conductor::connectors::abnormal::STREAMS;
use conductor::event::Checkpoint;
use conductor::fault::FaultKind;
use jiff::Timestamp;

use super::answers::NOW;
use super::judge;
use super::scene::{Scene, TOKEN, Timing};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (name, text) = text.split_once('\n').unwrap_or(("", text));
    let stream = STREAMS.iter().position(|stream| *stream == name).unwrap_or_default();
    for round in [false, true] {
        let now = Timestamp::from_second(NOW).expect("a time");
        let mut scene = Scene::new(stream, now, Timing::default());
        let given = Checkpoint(text.to_owned());
        scene.round = round;
        let page = scene.ask(Some(&given));
        if text.contains(TOKEN) {
            // Reasons are told as they stand in it: here only what is said of the checkpoint itself is judged.
            return page.fault.iter().for_each(judge::told);
        }
        let requests = scene.api.asked.load(Relaxed);
        let cost = judge::Cost { requests, answered: 1 << 20, before: Some(&given) };
        judge::page(scene.stream, now, &page, &cost);
        if page.next.is_none() {
            assert_eq!(page.fault.map(|fault| fault.kind), Some(FaultKind::Corrupt));
            assert_eq!(requests, 0, "asked on behalf of a checkpoint that can't be read");
            return;
        }
        scene.checkpoint = page.next;
        scene.calm_down();
    }
}
