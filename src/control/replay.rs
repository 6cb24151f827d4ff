//! A replay over the socket: how far the count is, then what there is of the range.
//!
//! Promise: an asker that has gone, or an agent that stops, ends the count, and nothing has begun then.

use std::io::{self, Write};

use jiff::Timestamp;

use super::Reply;
use super::reply::reply;
use crate::queue::{AskedReplay, Queue};

/// Counts, tells, and begins unless it is a rehearsal.
pub fn begin(
    queue: &Queue,
    asked: &AskedReplay,
    now: Timestamp,
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<Result<Reply, String>> {
    let mut written = Ok(());
    let shown = queue.replay_asked(asked, now, &mut |progress, of| {
        written = reply(output, &Reply::Progress { progress, of });
        written.is_ok() && !stopped()
    });
    written.map(|()| shown.map(|replay| Reply::Replay { replay }))
}
