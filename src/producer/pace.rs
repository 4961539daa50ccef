//! How long to wait before each row: pure, so that the same seed gives the same delays.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Uniform};

use crate::config::Pace;
use crate::record::EventTime;

/// Draws the delays of one replay.
///
/// ChaCha8 and not the library's default generator: its stream of numbers is the same in every version.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    random: ChaCha8Rng,
    last_event: Option<i64>,
}

impl Pacer {
    pub(crate) fn new(pace: Pace, seed: u64) -> Self {
        Self { pace, random: ChaCha8Rng::seed_from_u64(seed), last_event: None }
    }

    /// Whether delays depend on when rows happened.
    pub(crate) fn needs_time(&self) -> bool {
        matches!(self.pace, Pace::Replay { .. })
    }

    /// The delay between the row before and this one. A row that happened before its predecessor does not wait.
    pub(crate) fn delay(&mut self, happened: Option<EventTime>) -> Duration {
        match self.pace {
            Pace::None => Duration::ZERO,
            Pace::Fixed { delay } => delay,
            Pace::Uniform { min, max } => {
                let share = Uniform::new_inclusive(0.0, 1.0).map_or(0.0, |uniform| uniform.sample(&mut self.random));
                min + (max - min).mul_f64(share)
            }
            Pace::Exponential { mean } => {
                let drawn: f64 = Exp1.sample(&mut self.random);
                mean.mul_f64(drawn)
            }
            Pace::Replay { speedup } => {
                let Some(now) = happened.map(EventTime::seconds) else { return Duration::ZERO };
                let gap = now - self.last_event.unwrap_or(now);
                self.last_event = Some(self.last_event.map_or(now, |last| last.max(now)));
                // A gap that no `Duration` holds is as good as for ever.
                Duration::try_from_secs_f64(gap.max(0) as f64 / speedup).unwrap_or(Duration::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::TimeFormat;

    const ROWS: u32 = 20_000;

    fn delays(pace: Pace, seed: u64) -> Vec<Duration> {
        let mut pacer = Pacer::new(pace, seed);
        (0..ROWS).map(|_| pacer.delay(None)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_same_seed_gives_the_same_delays(seed: u64, micros in 1_u64..1_000_000) {
            let pace = Pace::Exponential { mean: Duration::from_micros(micros) };
            prop_assert_eq!(delays(pace, seed), delays(pace, seed));
            prop_assert_ne!(delays(pace, seed), delays(pace, seed.wrapping_add(1)));
        }

        #[test]
        fn exponential_delays_have_the_mean_that_was_asked_for(seed: u64, micros in 1_u64..1_000_000) {
            let mean = Duration::from_micros(micros);
            let total: Duration = delays(Pace::Exponential { mean }, seed).iter().sum();
            // The mean of 20,000 exponential delays is within 5% of the true one but for seven standard errors.
            let ratio = total.as_secs_f64() / f64::from(ROWS) / mean.as_secs_f64();
            prop_assert!((0.95..1.05).contains(&ratio), "{}", ratio);
        }

        #[test]
        fn uniform_delays_stay_within_their_bounds(seed: u64, min in 0_u64..1000, more in 0_u64..1000) {
            let (min, max) = (Duration::from_micros(min), Duration::from_micros(min + more));
            let delays = delays(Pace::Uniform { min, max }, seed);
            prop_assert!(delays.iter().all(|delay| (min..=max).contains(delay)));
        }
    }

    #[test]
    fn a_replay_keeps_the_gaps_between_events_sped_up() {
        let format = TimeFormat::new("%s").expect("a good format");
        let mut pacer = Pacer::new(Pace::Replay { speedup: 10.0 }, 0);
        let gaps: Vec<u128> = ["100", "160", "150", "170", "170"]
            .iter()
            .map(|text| pacer.delay(format.parse(text).ok()).as_millis())
            .collect();
        assert_eq!(gaps, [0, 6000, 0, 1000, 0]);
        assert_eq!(pacer.delay(None), Duration::ZERO);
    }
}
