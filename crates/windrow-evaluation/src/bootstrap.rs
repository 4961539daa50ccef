//! The stationary bootstrap of Politis and Romano (1994). It draws windows with replacement in runs of random length,
//! so that the draws keep the dependence over time.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The fixed seed, which makes the draws reproducible.
const SEED: u64 = 20_130_101;

/// Returns `draws` lists of `windows` indices each. A run continues with the next window (the first follows the last)
/// and ends with probability 1 / `mean_run`.
pub(crate) fn stationary_bootstrap(windows: usize, mean_run: f64, draws: usize) -> Vec<Vec<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let draw = |_| {
        let mut index = 0;
        let indices = (0..windows).map(|at| {
            index = if at == 0 || uniform() * mean_run < 1.0 {
                // The index is below `windows`, since the random number is below 1.
                (uniform() * windows as f64) as usize
            } else {
                (index + 1) % windows
            };
            index
        });
        indices.collect()
    };
    (0..draws).map(draw).collect()
}

/// Returns the mean run length for a number of windows: its square root, as in the `arch` package.
pub(super) fn mean_run(windows: usize) -> f64 {
    (windows as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_the_length_asked_for_and_every_window_its_turn() {
        let draws = stationary_bootstrap(50, 7.0, 400);
        let steps = draws.iter().flat_map(|draw| draw.windows(2)).filter(|pair| pair[1] == (pair[0] + 1) % 50).count();
        let share = steps as f64 / (400.0 * 49.0);
        // A run continues with probability 6/7. A new run begins with the next window once in 50 times.
        assert!((share - (6.0 / 7.0 + 1.0 / 7.0 / 50.0)).abs() < 0.01, "{share}");
        let mut counts = [0; 50];
        draws.iter().flatten().for_each(|index| counts[*index] += 1);
        assert!(counts.iter().all(|count| (300..500).contains(count)), "{counts:?}");
        assert_eq!(draws, stationary_bootstrap(50, 7.0, 400));
    }
}
