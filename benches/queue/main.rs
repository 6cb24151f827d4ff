//! The queue alone, beside a raw append-only file: `cargo bench --bench queue`.
//!
//! Every figure is a ratio, taken in turns within one run: a slow moment of the machine meets both contestants. The raw
//! file gets *the frames that the queue writes*, byte for byte, compressed as they are: one `write` and one `fdatasync` for
//! each, and for the drain one `pread` and one checksum. It neither encodes nor decodes, remembers nothing and has no
//! cursor: what the queue does beside the disk is all in the ratio.
//!
//! Promise: contestants handle the same bytes; nothing is judged here, the targets stand in docs/benchmarks.md.

#[path = "../made/mod.rs"]
mod made;

mod disks;
mod drain;
mod enqueue;
mod ratio;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use ratio::Ratio;

/// How long and how often: a sample is a chunk of frames by each contestant.
fn settings() -> Criterion<Ratio> {
    let length = Criterion::default().measurement_time(Duration::from_secs(15)).sample_size(20);
    length.warm_up_time(Duration::from_secs(1)).with_measurement(Ratio)
}

/// Registers one contest: a function that plays it so many times and tells the mean ratio.
fn contest(c: &mut Criterion<Ratio>, group: &str, name: &str, mut play: impl FnMut() -> f64) {
    let mut group = c.benchmark_group(group);
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(name, |bencher| bencher.iter_custom(|times| (0..times).map(|_| play()).sum()));
    group.finish();
}

criterion_group!(name = queue; config = settings(); targets = enqueue::run, enqueue::share, drain::run);
criterion_main!(queue);
