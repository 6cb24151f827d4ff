//! Compression of frames' bodies, and the memory that it works in.
//!
//! Promise: pure; what comes out decompresses to what went in.

use std::io;

use zstd::zstd_safe::CParameter;

/// Scratch beyond this is given back after use: frames of the usual size fit.
const KEPT: usize = 1 << 20;
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
    format: u8,
}

impl Codec {
    /// `format`: what its frames are written in.
    pub fn new(format: u8) -> io::Result<Codec> {
        let mut compressor = zstd::bulk::Compressor::new(1)?;
        compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
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
