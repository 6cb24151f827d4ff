//! Compression of frames' bodies, and the memory that it works in.
//!
//! Promise: pure; what comes out decompresses to what went in.

use std::io;

use zstd::zstd_safe::{CParameter, ParamSwitch};

/// Scratch beyond this is given back after use: frames of the usual size fit.
const KEPT: usize = 1 << 20;
/// How hard repeats are looked for in what one poll brings on a usual day. There is time, and disk counts.
const CLOSE: i32 = 1;
/// And in bodies from 64 KiB on, as a flood brings them: a sixth less work than level 1 for a sixteenth more disk
/// (docs/benchmarks.md).
const QUICK: i32 = -3;
const MANY: usize = 64 << 10;
/// Below level 0, zstd would leave what repeats nothing uncoded: a body takes half as much again.
const LITERALS: ParamSwitch = ParamSwitch::Enable;
/// Entries of the match finder's table, as a power of two: 16 KiB, which stays in the nearest cache. Measured on JSON
/// events: a tenth faster than level 1's own 14, and no larger.
const HASH_LOG: u32 = 12;

/// Contexts are large: they are made once and reused, and so is the memory of a body.
pub struct Codec {
    compressor: zstd::bulk::Compressor<'static>,
    decompressor: zstd::bulk::Decompressor<'static>,
    /// A body as it is put together; empty between two uses.
    body: Vec<u8>,
    packed: Vec<u8>,
    level: i32,
    format: u8,
}

impl Codec {
    /// `format`: what its frames are written in.
    pub fn new(format: u8) -> io::Result<Codec> {
        let mut compressor = zstd::bulk::Compressor::new(CLOSE)?;
        compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
        compressor.set_parameter(CParameter::LiteralCompressionMode(LITERALS))?;
        let decompressor = zstd::bulk::Decompressor::new()?;
        Ok(Codec { compressor, decompressor, body: Vec::new(), packed: Vec::new(), level: CLOSE, format })
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
        let level = if plain.len() >= MANY { QUICK } else { CLOSE };
        if level != self.level {
            self.compressor.set_parameter(CParameter::CompressionLevel(level))?;
            self.level = level;
        }
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

    fn packed(codec: &mut Codec, plain: &[u8]) -> usize {
        let mut packed = Vec::new();
        codec.compress(plain, &mut packed).expect("compressed");
        assert_eq!(codec.decompress(&packed, plain.len()).expect("whole"), plain);
        packed.len()
    }

    fn codec() -> Codec {
        Codec::new(super::super::formats::newest()).expect("zstd")
    }

    /// Sixteen letters that repeat nothing: half a byte of news in each.
    fn hexadecimal(bytes: usize) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(7);
        std::iter::repeat_with(|| b"0123456789abcdef"[rng.usize(..16)]).take(bytes).collect()
    }

    #[test]
    fn what_repeats_nothing_is_coded_in_large_bodies_too() {
        for bytes in [MANY / 2, MANY, 4 * MANY] {
            let packed = packed(&mut codec(), &hexadecimal(bytes));
            assert!(packed * 10 < bytes * 6, "{packed} of {bytes}");
        }
    }

    #[test]
    fn the_level_of_one_body_does_not_cling_to_the_next() {
        let text = |events: usize| -> Vec<u8> {
            let event =
                |n: usize| format!("{{\"id\":{},\"kind\":\"threat\",\"to\":\"u{}@example\"}}", n * 7919, n % 97);
            (0..events).flat_map(|n| event(n).into_bytes()).collect()
        };
        let (small, large) = (text(1000), text(4000));
        assert!(small.len() < MANY && large.len() > MANY);
        let alone = [packed(&mut codec(), &small), packed(&mut codec(), &large)];
        let mut codec = codec();
        for _ in 0..2 {
            assert_eq!([packed(&mut codec, &small), packed(&mut codec, &large)], alone);
        }
    }
}
