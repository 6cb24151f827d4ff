//! Criterion measures how many times as fast one contestant is as the other, instead of time.
//!
//! Promise: 1 is "as fast", more is faster; no timing is judged.

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter};

/// The quotient of two durations that were taken in turns.
pub struct Ratio;

impl Measurement for Ratio {
    type Intermediate = ();
    type Value = f64;

    // Contests are played by `iter_custom`, which asks for neither.
    fn start(&self) {}
    fn end(&self, (): ()) -> f64 {
        0.0
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }
    fn zero(&self) -> f64 {
        0.0
    }
    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Ratio {
    fn scale_values(&self, _typical: f64, _values: &mut [f64]) -> &'static str {
        "×"
    }
    fn scale_throughputs(&self, _typical: f64, _throughput: &Throughput, _values: &mut [f64]) -> &'static str {
        "×"
    }
    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "×"
    }
}
