//! The cost of a pass over the rows, compared with two limits of the machine: the rate of multiply-adds in a loop that
//! does nothing else, and the bandwidth of a loop that only reads.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use windrow_learn::model::fit;

use crate::library::Frames;
use crate::support::table::Table;

/// The design of the flights: the numeric columns with the intercept, and the one-hot features.
const NUMBERS: usize = 11;
const FEATURES: usize = 5;
const ROUNDS: usize = 5;

pub(crate) fn fraction(flights: &Frames) {
    let Frames { schema, settings, frames } = flights;
    let rows: usize = frames.iter().map(|frame| frame.labelled()).sum();
    let best = |work: &mut dyn FnMut() -> f64| (0..ROUNDS).map(|_| work()).fold(f64::INFINITY, f64::min);
    let mut passes = 0;
    let whole = best(&mut || {
        let began = Instant::now();
        passes =
            fit(frames, schema, settings, None).expect("a model").logistic().expect("a logistic model").solver.passes;
        began.elapsed().as_secs_f64()
    });
    // Includes the encoder and the steps between the passes, which are the smaller part.
    let pass = whole / passes as f64;
    let multiply_adds =
        NUMBERS * (NUMBERS + 1) / 2 + FEATURES * NUMBERS + FEATURES * (FEATURES - 1) / 2 + 2 * (NUMBERS + FEATURES);
    let bytes = 8 * (NUMBERS - 1) + 4 * FEATURES + 1;
    let (rate, bandwidth) = (best_rate(), best_bandwidth());
    let at_best = (rows * multiply_adds) as f64 / rate;
    let to_read = (rows * bytes) as f64 / bandwidth;
    let cores = rayon::current_num_threads();
    println!("\nflights: one pass over {rows} rows on {cores} cores");
    let table = Table::new("a pass", &["ms", "rate"]);
    let nanoseconds = 1e9 * pass / rows as f64 * cores as f64;
    table.row("a pass with its step", &[milliseconds(pass), format!("{nanoseconds:.1} ns per row and core")]);
    let billions = format!("{:.1} billion a second", rate / 1e9);
    table.row(&format!("{multiply_adds} multiply-adds a row at best"), &[milliseconds(at_best), billions]);
    let gigabytes = format!("{:.1} GB a second", bandwidth / 1e9);
    table.row(&format!("{bytes} bytes a row at best"), &[milliseconds(to_read), gigabytes]);
    println!("\ntimes the larger of the two: {:.1}", pass / at_best.max(to_read));
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2}", 1e3 * seconds)
}

/// Returns multiply-adds per second on all cores, with as many independent sums as the registers allow.
fn best_rate() -> f64 {
    struct Spin(u64);

    impl WithSimd for Spin {
        type Output = f64;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let mut sums = [simd.splat_f64s(1.0); 12];
            let (a, b) = (simd.splat_f64s(black_box(0.999)), simd.splat_f64s(black_box(0.001)));
            for _ in 0..self.0 {
                for sum in &mut sums {
                    *sum = simd.mul_add_e_f64s(*sum, a, b);
                }
            }
            sums.into_iter().map(|sum| simd.reduce_sum_f64s(sum)).sum::<f64>() + S::F64_LANES as f64 * 1e-300
        }
    }

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F64_LANES
        }
    }

    const ITERATIONS: u64 = 20_000_000;
    let cores = rayon::current_num_threads();
    let lanes = Arch::new().dispatch(Lanes);
    let began = Instant::now();
    let sum: f64 = (0..cores).into_par_iter().map(|_| Arch::new().dispatch(Spin(ITERATIONS))).sum();
    black_box(sum);
    (cores * lanes * 12) as f64 * ITERATIONS as f64 / began.elapsed().as_secs_f64()
}

/// Returns the bytes per second that all cores read from memory that fits in no cache.
fn best_bandwidth() -> f64 {
    const NUMBERS: usize = 32 << 20;
    let numbers = vec![1.0_f64; NUMBERS];
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let sum: f64 = numbers
            .par_chunks(1 << 16)
            .map(|chunk| {
                Arch::new().dispatch(|| {
                    let mut sums = [0.0; 32];
                    for some in chunk.chunks_exact(32) {
                        for (sum, number) in sums.iter_mut().zip(some) {
                            *sum += number;
                        }
                    }
                    sums.iter().sum::<f64>()
                })
            })
            .sum();
        black_box(sum);
        best = best.min(began.elapsed().as_secs_f64());
    }
    (NUMBERS * 8) as f64 / best
}
