//! A reply on its way: one line of JSON.
//!
//! Promise: a line is written whole or the error says so.

use std::io::{self, Write};

use super::Reply;

/// Writes one reply.
pub(super) fn reply(output: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    output.write_all(&line)
}
