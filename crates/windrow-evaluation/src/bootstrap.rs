//! The stationary bootstrap of Politis and Romano (1994): windows drawn again in runs of random length, so that what is
//! drawn is as dependent over time as what was seen.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The same draws each time.
const SEED: u64 = 20_130_101;

/// `draws` lists of `windows` places each. A run goes on with the next window (behind the last comes the first) and ends
/// with probability 1 / `mean_run`.
pub(crate) fn stationary_bootstrap(windows: usize, mean_run: f64, draws: usize) -> Vec<Vec<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let draw = |_| {
        let mut place = 0;
        let places = (0..windows).map(|at| {
            place = if at == 0 || uniform() * mean_run < 1.0 {
                // Below `windows`, since the number drawn is below 1.
                (uniform() * windows as f64) as usize
            } else {
                (place + 1) % windows
            };
            place
        });
        places.collect()
    };
    (0..draws).map(draw).collect()
}

/// The mean length of runs for so many windows: the square root, as the `arch` package has it.
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
        // A run goes on in 6 of 7 steps; a new one begins with the next window once in 50.
        assert!((share - (6.0 / 7.0 + 1.0 / 7.0 / 50.0)).abs() < 0.01, "{share}");
        let mut counts = [0; 50];
        draws.iter().flatten().for_each(|place| counts[*place] += 1);
        assert!(counts.iter().all(|count| (300..500).contains(count)), "{counts:?}");
        assert_eq!(draws, stationary_bootstrap(50, 7.0, 400));
    }
}
