//! The scores of every model of a scheme on every later window, in bins.

use std::collections::BTreeMap;

use windrow_evaluation::WindowDates;
use windrow_evaluation::plot::Triangle;
use windrow_record::Scheme;
use windrow_registry::Snapshot;

/// Maximum number of bins per side.
const MAX_BINS: u32 = 60;

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    rows: f64,
}

impl Mean {
    fn value(self) -> Option<f64> {
        (self.rows > 0.0).then(|| self.sum / self.rows)
    }
}

/// Compares the log-loss per row of every model with that of the scheme's model that is one window old, on the same
/// windows. Returns `None` if nothing has been scored.
pub(super) fn triangle(snapshot: &Snapshot, dates: WindowDates, scheme: Scheme) -> Option<Triangle> {
    let last = snapshot.windows().next_back()?.window.get();
    let first = snapshot.models().find(|model| model.id().scheme == scheme)?.id().window.get();
    let width = (last + 1).saturating_sub(first).div_ceil(MAX_BINS).max(1);
    let bins = ((last + 1).saturating_sub(first)).div_ceil(width) as usize;
    let bin = |window: u32| (window.saturating_sub(first) / width) as usize;
    let mut means = vec![vec![Mean::default(); bins]; bins];
    let mut by_age: BTreeMap<u32, Mean> = BTreeMap::new();
    for report in snapshot.windows() {
        let ours = report.scores.iter().filter(|score| score.model.scheme == scheme);
        let scored: Vec<_> = ours.filter_map(|one| Some((one.model.window.get(), one.window.as_ref()?))).collect();
        let window = report.window.get();
        let Some((_, new)) = scored.iter().find(|(model, _)| model + 1 == window) else { continue };
        for (model, score) in &scored {
            let mean = means.get_mut(bin(*model)).and_then(|row| row.get_mut(bin(window)));
            let Some(mean) = mean else { continue };
            let (sum, rows) = ((score.log_loss - new.log_loss) * score.rows as f64, score.rows as f64);
            for mean in [mean, by_age.entry(window - model).or_default()] {
                mean.sum += sum;
                mean.rows += rows;
            }
        }
    }
    let oldest = by_age.iter().rev().find_map(|(age, mean)| Some((*age, mean.value()?)))?;
    let cells = means.into_iter().map(|row| row.into_iter().map(Mean::value).collect()).collect();
    let title = if oldest.0 < 2 {
        format!("{scheme}: one model has been scored")
    } else {
        let (age, loss) = oldest;
        let (loss, more) = (loss.abs(), if loss < 0.0 { "less" } else { "more" });
        let time = dates.time_between(last.saturating_sub(age), last);
        let time = time.map_or_else(String::new, |time| format!(" ({time})"));
        format!("{scheme}: the oldest model, {age} windows{time} old, loses {loss:.4} {more} per row than a new one")
    };
    Some(Triangle { title, windows: (first, last), dates, cells })
}
