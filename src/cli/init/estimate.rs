//! The time that `windrow run` is likely to take, from the pipeline file and the number of rows.
//!
//! Nothing is measured here. The costs follow from runs on two cores (docs/scale.md, docs/figures.md); a run with more
//! cores is faster.

use std::time::Duration;

use windrow_config::{Pace, Pipeline, Solver, WindowPolicy};
use windrow_evaluation::histories;
use windrow_record::Scheme;

/// A shorter run needs no estimate.
const MIN_TIME: Duration = Duration::from_secs(10);
/// The time to start the program, and to end it, in seconds.
const START: f64 = 0.5;
/// The time for a row from the file to its parsed window, in seconds.
const PER_ROW: f64 = 2.5e-6;
/// The time for a row in each fit that learns from it, in seconds: the constant part, the part for each feature, and the
/// part for each pair of features.
const PER_FIT: [f64; 3] = [150e-9, 5e-9, 0.05e-9];

/// Returns the time of a run, rounded. `event_windows` is the number of windows by event time, if it is known. Returns
/// `None` if the run is short, or if its time is not known here: it depends on times in the file, or on a learner.
pub(super) fn run_time(pipeline: &Pipeline, rows: u64, event_windows: Option<u64>) -> Option<Duration> {
    if pipeline.train.solver == Solver::Command {
        return None;
    }
    let (count, windows) = (rows as f64, windows(pipeline.window, rows, event_windows)?);
    let sending = count * mean_delay(pipeline.stream.pace)?.as_secs_f64();
    let working = START + count * (PER_ROW + fits_per_row(pipeline, windows) * time_per_fit(pipeline));
    // Rows are processed while they are sent.
    let time = Duration::try_from_secs_f64(sending.max(working)).ok()?;
    (time > MIN_TIME).then(|| rounded(time))
}

/// Returns the mean delay before a row. Returns `None` if it depends on the times of the rows.
fn mean_delay(pace: Pace) -> Option<Duration> {
    match pace {
        Pace::None => Some(Duration::ZERO),
        Pace::Fixed { delay } => Some(delay),
        Pace::Uniform { min, max } => Some(min / 2 + max / 2),
        Pace::Exponential { mean } => Some(mean),
        Pace::Replay { .. } => None,
    }
}

fn windows(policy: WindowPolicy, rows: u64, event_windows: Option<u64>) -> Option<u32> {
    let windows = match policy {
        WindowPolicy::Parts(parts) => u64::from(parts.get()).min(rows),
        WindowPolicy::Rows(size) => rows.div_ceil(size.get()),
        WindowPolicy::Event { .. } => event_windows?,
        // Without delays, all rows arrive at once.
        WindowPolicy::Every(_) => 1,
    };
    Some(u32::try_from(windows).unwrap_or(u32::MAX).max(1))
}

/// Returns the mean number of fits that learn from a row: of the published models, and of those that only the advice needs.
fn fits_per_row(pipeline: &Pipeline, windows: u32) -> f64 {
    let mut schemes = histories(windows, pipeline.advise.histories.as_deref());
    schemes.extend(&pipeline.train.schemes);
    schemes.sort_unstable();
    schemes.dedup();
    schemes.into_iter().map(|scheme| mean_length(scheme, f64::from(windows))).sum()
}

/// Returns the mean number of windows that the fits of a scheme learn from: the mean of min(length, k) for the windows 1
/// to k.
fn mean_length(scheme: Scheme, windows: f64) -> f64 {
    let length = match scheme {
        Scheme::Window => 1.0,
        Scheme::Sliding(length) => f64::from(length.get()).min(windows),
        Scheme::Cumulative => windows,
    };
    length - length * (length - 1.0) / (2.0 * windows)
}

fn time_per_fit(pipeline: &Pipeline) -> f64 {
    let features = &pipeline.features;
    let count = features.numeric.len() + features.log.len() + features.categorical.len() + features.calendar.len();
    let [constant, per_feature, per_pair] = PER_FIT;
    let count = count as f64;
    constant + per_feature * count + per_pair * count * count
}

/// Rounds to five seconds, to minutes, or to hours.
fn rounded(time: Duration) -> Duration {
    let unit = match time.as_secs() {
        0..120 => 5,
        120..7200 => 60,
        _ => 3600,
    };
    Duration::from_secs((time.as_secs() + unit / 2) / unit * unit)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FLIGHTS: &str = include_str!("../../../fixtures/flights.toml");
    const PACE: &str = "pace = { kind = \"exponential\", mean = \"75us\" }\n";

    fn seconds(from: &str, to: &str, rows: u64) -> Option<u64> {
        assert!(FLIGHTS.contains(from), "{from}");
        let pipeline = Pipeline::parse(Path::new("p.toml"), &FLIGHTS.replace(from, to)).expect("a good pipeline");
        run_time(&pipeline, rows, Some(53)).map(|time| time.as_secs())
    }

    #[test]
    fn estimates_are_near_to_the_measured_times() {
        // README.md: the demo takes about 25 seconds by its pace, and 6 to 7 seconds without it.
        assert_eq!(seconds(PACE, PACE, 336_776), Some(25));
        assert_eq!(seconds(PACE, "", 336_776), None);
        // docs/scale.md: 38 s for ten million rows and twenty models. The advice needs two more for each window.
        let cut = format!("{PACE}seed = 42\n\n[window]\nevent = \"week\"");
        let found = seconds(&cut, "\n[window]\nrows = 1000000", 10_000_000);
        assert!(found.is_some_and(|found| (30..80).contains(&found)), "{found:?}");
        // docs/figures.md: 63 s for 2.4 million rows in 65 windows.
        let found = seconds(&cut, "\n[window]\nparts = 65", 2_400_000);
        assert!(found.is_some_and(|found| (30..90).contains(&found)), "{found:?}");
    }

    #[test]
    fn a_pace_by_the_times_of_the_rows_and_extreme_numbers_do_no_harm() {
        assert_eq!(seconds(PACE, "pace = { kind = \"replay\", speedup = 60 }\n", 1_000_000), None);
        assert_eq!(seconds(PACE, "pace = { kind = \"fixed\", delay = \"1ms\" }\n", 120_000), Some(120));
        assert_eq!(seconds(PACE, "pace = { kind = \"uniform\", min = \"0ms\", max = \"2ms\" }\n", 120_000), Some(120));
        assert!(seconds(PACE, "", u64::MAX).is_some_and(|found| found > 1_000_000));
        assert_eq!(seconds(PACE, "", 0), None);
        let (built_in, learner) =
            ("l2 = 1.0\nsolver = \"auto\"\n", "solver = \"command\"\ncommand = { run = [\"m\"] }\n");
        assert_eq!(seconds(built_in, learner, 1_000_000_000), None, "the time of a fit is not known");
        for windows in ["parts = 4294967295", "rows = 1", "every = \"5m\""] {
            assert!(seconds("event = \"week\"", windows, 10_000_000).is_some(), "{windows}");
        }
    }

    #[test]
    fn estimates_are_rounded() {
        let rounded = [11, 14, 119, 149, 151, 7199, 9000].map(|time| rounded(Duration::from_secs(time)).as_secs());
        assert_eq!(rounded, [10, 15, 120, 120, 180, 7200, 10_800]);
    }
}
