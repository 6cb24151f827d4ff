//! A straight line through samples, and whether it rises.
//!
//! Promise: pure; a rise that the samples' own scatter explains is called none.

/// The least-squares line through (x, y).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Rise of y for each unit of x.
    pub rise: f64,
    /// The standard error of that.
    pub error: f64,
    /// The spread of the samples about the line.
    pub scatter: f64,
    /// Rise of the line from the first sample to the last.
    pub whole: f64,
}

impl Slope {
    /// Of three samples at least, not all at one x.
    pub fn of(samples: &[(f64, f64)]) -> Slope {
        let n = samples.len() as f64;
        let mean = |part: fn(&(f64, f64)) -> f64| samples.iter().map(part).sum::<f64>() / n;
        let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
        let square = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum::<f64>();
        let rise = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum::<f64>() / square;
        let left = samples.iter().map(|sample| (sample.1 - y - rise * (sample.0 - x)).powi(2)).sum::<f64>();
        let scatter = (left / (n - 2.0)).sqrt();
        let (first, last) = (samples[0].0, samples[samples.len() - 1].0);
        Slope { rise, error: scatter / square.sqrt(), scatter, whole: rise * (last - first) }
    }

    fn stands_out(&self) -> bool {
        self.rise > 3.0 * self.error
    }
}

/// Does it rise beyond the noise? More than three standard errors, in the first half and in the second, and over the whole
/// run more than the scatter of single samples: a sawtooth that was cut in its last tooth is no leak, nor is an
/// allocator's single step. A rise below `least` is let pass.
pub fn rises(samples: &[(f64, f64)], least: f64) -> bool {
    let whole = Slope::of(samples);
    let (first, second) = samples.split_at(samples.len() / 2);
    let both = Slope::of(first).stands_out() && Slope::of(second).stands_out();
    both && whole.stands_out() && whole.rise > least && whole.whole > 2.0 * whole.scatter
}

#[test]
fn a_leak_rises_and_neither_a_sawtooth_nor_a_step_does() {
    let samples = |of: fn(u32) -> f64| (0..50).map(|n| (f64::from(n), of(n))).collect::<Vec<_>>();
    let leak = samples(|n| 1000.0 + 2.0 * f64::from(n) + f64::from(n * 7 % 13));
    assert!(rises(&leak, 0.0) && rises(&leak, 1.9) && !rises(&leak, 2.1) && (Slope::of(&leak).rise - 2.0).abs() < 0.1);
    assert!(!rises(&samples(|n| f64::from(n * 7 % 13)), 0.0));
    assert!(!rises(&samples(|n| if n < 45 { 10.0 } else { 12.0 }), 0.0), "a late step");
    assert!(!rises(&samples(|n| if n < 20 { 10.0 } else { 12.0 }), 0.0), "an early one");
    assert!(!rises(&samples(|n| 500.0 - f64::from(n)), 0.0), "what shrinks");
    let exact = Slope::of(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]);
    assert_eq!((exact.rise, exact.whole), (2.0, 4.0));
}
