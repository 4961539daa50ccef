//! The delay before each row, without I/O or a clock: the same seed gives the same delays.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use windrow_config::Pace;
use windrow_record::{EventTime, RowNumber};

/// The number of 32-bit words of random data per row. It gives a row's position in the random stream.
const WORDS_PER_ROW: u128 = 2;
/// The number of steps between 0 and 1 that an `f64` represents exactly: 2^53.
const STEPS: f64 = (1_u64 << 53) as f64;

/// Draws the delays of one replay.
///
/// It uses ChaCha8 instead of the library's default generator, because its stream is the same in every version and can
/// be entered at any position. Each row takes exactly one number of the stream; faster methods may need more. So a
/// replay that continues in the middle has the same delays as one without a break.
pub(crate) struct Pacer {
    pace: Pace,
    random: ChaCha8Rng,
    last_event: Option<i64>,
}

impl Pacer {
    pub(crate) fn new(pace: Pace, seed: u64, from: RowNumber) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_word_pos(u128::from(from.get() - 1) * WORDS_PER_ROW);
        Self { pace, random, last_event: None }
    }

    /// Returns true if the delays depend on event times.
    pub(crate) fn needs_time(&self) -> bool {
        matches!(self.pace, Pace::Replay { .. })
    }

    /// Returns the delay between the previous row and this one. The delay is zero if an earlier row has a later event
    /// time.
    pub(crate) fn delay(&mut self, happened: Option<EventTime>) -> Duration {
        match self.pace {
            Pace::None => Duration::ZERO,
            Pace::Fixed { delay } => delay,
            Pace::Uniform { min, max } => min + (max - min).mul_f64(self.share()),
            // Inverse transform sampling: -ln(1 - u) with a uniform u in [0, 1).
            Pace::Exponential { mean } => mean.mul_f64(-(-self.share()).ln_1p()),
            Pace::Replay { speedup } => {
                let Some(now) = happened.map(EventTime::seconds) else { return Duration::ZERO };
                let gap = now - self.last_event.unwrap_or(now);
                self.last_event = Some(self.last_event.map_or(now, |last| last.max(now)));
                // A gap that does not fit in a `Duration` is an endless delay.
                Duration::try_from_secs_f64(gap.max(0) as f64 / speedup).unwrap_or(Duration::MAX)
            }
        }
    }

    /// Returns a uniform random number in [0, 1).
    fn share(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / STEPS
    }
}

/// Keeps a minimum interval between rows if there is a maximum rate, also between rows that are late.
pub(crate) struct Governor {
    interval: Duration,
    /// The time of the previous row's turn.
    last: Option<Duration>,
}

impl Governor {
    /// Creates a governor. `rate` is in rows per second; `None` means no limit.
    pub(crate) fn new(rate: Option<f64>) -> Self {
        let interval = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()).unwrap_or_default();
        Self { interval, last: None }
    }

    pub(crate) fn has_rate(&self) -> bool {
        !self.interval.is_zero()
    }

    /// Returns the time of a due row's turn. All times count from the beginning of the replay. Missed turns are not
    /// made up for, except within `grain`, the time by which a timer may be late.
    pub(crate) fn send_time(&mut self, due: Duration, now: Duration, grain: Duration) -> Duration {
        if !self.has_rate() {
            return due;
        }
        let earliest = self.last.map_or(Duration::ZERO, |last| last.saturating_add(self.interval));
        let send_time = due.max(earliest).max(now.saturating_sub(grain));
        self.last = Some(send_time);
        send_time
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use windrow_record::TimeFormat;

    const ROWS: u32 = 20_000;

    fn from(row: u64) -> RowNumber {
        RowNumber::new(row).expect("from 1")
    }

    fn delays(pace: Pace, seed: u64, first: u64) -> Vec<Duration> {
        let mut pacer = Pacer::new(pace, seed, from(first));
        (0..ROWS).map(|_| pacer.delay(None)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_same_seed_gives_the_same_delays(seed: u64, micros in 1_u64..1_000_000, cut in 1_u64..20_000) {
            let mean = Duration::from_micros(micros);
            for pace in [Pace::Exponential { mean }, Pace::Uniform { min: mean, max: mean * 3 }] {
                let all = delays(pace, seed, 1);
                prop_assert_eq!(&all, &delays(pace, seed, 1));
                prop_assert_ne!(&all, &delays(pace, seed.wrapping_add(1), 1));
                // A replay that continues in the middle has the same delays as one without a break.
                let rest = delays(pace, seed, cut);
                let behind = all.len() - (cut as usize - 1);
                prop_assert_eq!(&all[cut as usize - 1..], &rest[..behind]);
            }
        }

        #[test]
        fn exponential_delays_have_the_mean_that_was_asked_for(seed: u64, micros in 1_u64..1_000_000) {
            let mean = Duration::from_micros(micros);
            let total: Duration = delays(Pace::Exponential { mean }, seed, 1).iter().sum();
            // The standard error for 20,000 exponential delays is 0.7% of the mean, so 5% are seven standard errors.
            let ratio = total.as_secs_f64() / f64::from(ROWS) / mean.as_secs_f64();
            prop_assert!((0.95..1.05).contains(&ratio), "{}", ratio);
        }

        #[test]
        fn uniform_delays_stay_within_their_bounds(seed: u64, min in 0_u64..1000, more in 0_u64..1000) {
            let (min, max) = (Duration::from_micros(min), Duration::from_micros(min + more));
            let delays = delays(Pace::Uniform { min, max }, seed, 1);
            prop_assert!(delays.iter().all(|delay| (min..=max).contains(delay)));
        }

        #[test]
        fn a_rate_is_not_exceeded_over_any_stretch(
            rate in 1.0_f64..300_000.0,
            steps in prop::collection::vec((0_u64..20_000, 0_u64..200_000), 2..300),
        ) {
            let grain = Duration::from_millis(1);
            let mut governor = Governor::new(Some(rate));
            let (mut due, mut now) = (Duration::ZERO, Duration::ZERO);
            let mut sent = Vec::new();
            for (delay, stall) in steps {
                due += Duration::from_micros(delay);
                // The clock advances, sometimes much faster than the rows.
                now += Duration::from_micros(stall);
                let send_time = governor.send_time(due, now, grain);
                prop_assert!(send_time >= due);
                now = now.max(send_time);
                sent.push(now);
            }
            for (first, from) in sent.iter().enumerate() {
                for (last, until) in sent.iter().enumerate().skip(first) {
                    // One row, the rows that the rate allows in the stretch, and those that a late timer may make up
                    // for.
                    let allowed = 1.0 + (*until - *from + grain).as_secs_f64() * rate + 1e-6;
                    prop_assert!(((last - first + 1) as f64) <= allowed + 1.0, "{} rows, {allowed} allowed", last - first + 1);
                }
            }
        }
    }

    #[test]
    fn without_a_bound_a_row_has_its_turn_when_it_is_due() {
        let mut governor = Governor::new(None);
        let at = Duration::from_millis;
        assert_eq!([5, 5, 7].map(|due| governor.send_time(at(due), at(100), at(1))), [at(5), at(5), at(7)]);
    }

    #[test]
    fn a_replay_keeps_the_gaps_between_events_sped_up() {
        let format = TimeFormat::new("%s").expect("a good format");
        let mut pacer = Pacer::new(Pace::Replay { speedup: 10.0 }, 0, RowNumber::FIRST);
        let times = ["100", "160", "150", "170", "170"];
        let gaps = times.map(|text| pacer.delay(format.parse(text).ok()).as_millis());
        assert_eq!(gaps, [0, 6000, 0, 1000, 0]);
        assert_eq!(pacer.delay(None), Duration::ZERO);
    }
}
