//! Compression of frames' bodies, and the memory that it works in.
//!
//! Promise: pure; what comes out decompresses to what went in.

use std::io;

use zstd::zstd_safe::{CParameter, ParamSwitch};

/// Scratch beyond this is given back after use: frames of the usual size fit.
const KEPT: usize = 1 << 20;
/// How hard repeats are looked for. In a body of many events, which comes with many like it, on JSON and with the two below: a
/// fifth less work than level 1, and 24 instead of 21 bytes of 100 (docs/benchmarks.md).
const QUICK: i32 = -7;
/// In what one poll brings on a usual day. There is time, and disk counts: of one event it leaves 34 instead of 41 bytes of 100.
const CLOSE: i32 = 1;
/// Bytes of a body from which on it is one of many events.
const MANY: usize = 64 << 10;
/// Entries of the match finder's table, as a power of two: 16 KiB, which stays in the nearest cache. A tenth faster than
/// level 1's own 14, and no larger.
const HASH_LOG: u32 = 12;
/// What repeats nothing is coded by how often each byte is there. A level below zero would leave that out: 38 bytes of 100.
const LITERALS: ParamSwitch = ParamSwitch::Enable;

/// Contexts are large: they are made once and reused, and so is the memory of a body.
pub struct Codec {
    compressor: zstd::bulk::Compressor<'static>,
    decompressor: zstd::bulk::Decompressor<'static>,
    /// A body as it is put together; empty between two uses.
    body: Vec<u8>,
    packed: Vec<u8>,
    format: u8,
}

impl Codec {
    /// `format`: what its frames are written in.
    pub fn new(format: u8) -> io::Result<Codec> {
        let mut compressor = zstd::bulk::Compressor::new(CLOSE)?;
        compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
        compressor.set_parameter(CParameter::LiteralCompressionMode(LITERALS))?;
        let decompressor = zstd::bulk::Decompressor::new()?;
        Ok(Codec { compressor, decompressor, body: Vec::new(), packed: Vec::new(), format })
    }

    /// What its frames are written in.
    pub fn format(&self) -> u8 {
        self.format
    }

    /// Memory to put a body together in; [`Codec::put_back`] lends it to the next one.
    pub fn take_body(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }

    /// Takes back what [`Codec::take_body`] lent.
    pub fn put_back(&mut self, mut body: Vec<u8>) {
        if body.capacity() <= KEPT {
            body.clear();
            self.body = body;
        }
    }

    /// Appends the compressed form of `plain`.
    pub fn compress(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let level = if plain.len() < MANY { CLOSE } else { QUICK };
        // The other parameters stay as they were set.
        self.compressor.set_parameter(CParameter::CompressionLevel(level))?;
        let bound = zstd::zstd_safe::compress_bound(plain.len());
        if self.packed.len() < bound {
            self.packed.resize(bound, 0);
        }
        let len = self.compressor.compress_to_buffer(plain, self.packed.as_mut_slice())?;
        out.extend_from_slice(&self.packed[..len]);
        if self.packed.len() > KEPT {
            self.packed = Vec::new();
        }
        Ok(())
    }

    /// What was compressed, of just this length.
    pub fn decompress(&mut self, packed: &[u8], plain_len: usize) -> io::Result<Vec<u8>> {
        self.decompressor.decompress(packed, plain_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON that repeats itself as events do, and differs as they do.
    fn text(events: usize) -> Vec<u8> {
        let mut random = 7_u64;
        let mut word = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 20
        };
        let mut event = |n| {
            format!(
                "{{\"threatId\":\"{:016x}\",\"subject\":\"Invoice {n} is overdue\",\"score\":{}}}",
                word(),
                word() % 99
            )
        };
        (0..events).flat_map(|n| event(n).into_bytes()).collect()
    }

    #[test]
    fn a_few_events_are_packed_closely_also_behind_many() {
        let mut codec = Codec::new(1).expect("a codec");
        let mut packed = |plain: &[u8]| {
            let mut out = Vec::new();
            codec.compress(plain, &mut out).expect("packed");
            assert!(codec.decompress(&out, plain.len()).expect("unpacked") == plain);
            out.len()
        };
        let (few, many) = (text(20), text(2000));
        assert!(few.len() < MANY && many.len() > MANY);
        let before = packed(&few);
        packed(&many);
        assert_eq!(packed(&few), before);
        let mut close = zstd::bulk::Compressor::new(CLOSE).expect("a compressor");
        close.set_parameter(CParameter::HashLog(HASH_LOG)).expect("set");
        assert_eq!(before, close.compress(&few).expect("packed").len());
        assert!(packed(&many) > close.compress(&many).expect("packed").len(), "quicker, and so looser");
    }
}
