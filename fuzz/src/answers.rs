//! `answers`: one list answer and its details are the fuzzer's bytes.
//!
//! The input is text, so that a seed reads as what it is: the stream, the list's body, then bodies for whatever else is
//! asked for, in turn, parted by a line of four dashes. Promise: two polls of it keep what `judge` holds, and once the
//! API is calm the stream comes to rest.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use conductor::connectors::abnormal::STREAMS;

use super::scene::{Scene, Timing, ok};

const LINE: &[u8] = b"\n----\n";
/// 2026-11-20 12:00 UTC.
pub const NOW: i64 = 1_795_176_000;

pub fn run(data: &[u8]) {
    let mut parts = split(data).into_iter();
    let name = parts.next().unwrap_or_default();
    // A `+` after the name asks for the attachments and links of a threat, too.
    let (name, enrich) = name.strip_suffix(b"+").map_or((&*name, false), |name| (name, true));
    let stream = STREAMS.iter().position(|stream| stream.as_bytes() == name);
    let stream = stream.unwrap_or(name.first().copied().unwrap_or_default().into());
    let list = parts.next().unwrap_or_default();
    let others: Vec<Bytes> = parts.collect();

    let now = jiff::Timestamp::from_second(NOW).expect("a time");
    let mut scene = Scene::new(stream, now, Timing { enrich, ..Timing::default() });
    let turn = AtomicUsize::new(0);
    scene.script(move |path| {
        let item = !path.contains("?filter=") && !path.contains("?start=");
        match others.get(turn.fetch_add(usize::from(item), Relaxed) % others.len().max(1)) {
            Some(other) if item => ok(other.clone()),
            Some(_) | None => ok(list.clone()),
        }
    });
    scene.poll();
    scene.poll();
    scene.calm_down();
}

fn split(data: &[u8]) -> Vec<Bytes> {
    let (mut parts, mut rest) = (Vec::new(), data);
    while let Some(at) = rest.windows(LINE.len()).position(|part| part == LINE).filter(|_| parts.len() < 16) {
        parts.push(Bytes::copy_from_slice(&rest[..at]));
        rest = &rest[at + LINE.len()..];
    }
    parts.push(Bytes::copy_from_slice(rest));
    parts
}
