//! The kind of a table, and its losses: either every fit scored the same rows of a window, or each row has one probability
//! by the model that served.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use windrow_evaluation::{Evidence, Fits, ServedLog};
use windrow_record::{ModelId, Scheme, WindowIndex};

use crate::axis::Axis;
use crate::error::JudgeError;
use crate::faults::Faults;
use crate::histories::Models;
use crate::intake::Predictions;
use crate::losses::{BlockSums, in_order, window};
use crate::repeats::{Repeated, repeated};
use crate::reread::difference;
use crate::rows::WindowRows;

/// The share of rows up to which equal keys of two models count as chance. Keys of texts are hashes of 32 bits.
const MAX_EQUAL_KEYS: f64 = 0.01;

/// The minimum number of fits of a schedule if no two of them scored the same window. With fewer, the table is a log: two
/// versions always have one distance.
const MIN_FITS: usize = 5;

/// The rows of all windows, in ascending order, with the number of each window.
pub(crate) type Windows = BTreeMap<u32, WindowRows>;

/// A table whose fits were scored on the same rows.
#[derive(Debug)]
pub(crate) struct ScoredTable {
    pub(crate) evidence: Evidence,
    pub(crate) fits: Fits,
    /// The histories whose fits come at irregular windows, so that no schedule has them.
    pub(crate) irregular: Vec<Scheme>,
}

/// The two kinds of tables.
#[derive(Debug)]
pub(crate) enum Table {
    /// Each fit scored the same rows of a window.
    Scored(ScoredTable),
    /// Each row has one probability. The evidence has the counts of the windows. `has_early` is true if the rows in the
    /// newest window of their model are judged too.
    Served { evidence: Evidence, log: ServedLog, has_early: bool },
}

/// The sums of each fit on one window, and the sums of all rows in the order of time if the fits scored other rows.
struct WindowSums {
    fits: Vec<(u32, BlockSums)>,
    is_same: bool,
    unlabelled: u64,
    repeated: Option<Repeated>,
}

/// Makes the table of the rows that were read. The rows are put in order. `early` has the rows in the newest window of their
/// model: a log has them too. `doubles` has the faults of fits of one history and window, which a log may have.
///
/// # Errors
/// There are such fits, and the table is not a log. A model scored a row twice. Two models scored different rows of a window,
/// and the table does not show that each row has one probability.
pub(crate) fn table(
    predictions: &Predictions,
    windows: &mut Windows,
    early: Windows,
    models: &Models,
    doubles: &Faults,
    threshold: f64,
) -> Result<Table, JudgeError> {
    let by_key = predictions.orders_by_key();
    let sums: Vec<(u32, WindowSums)> = windows
        .par_iter_mut()
        .map(|(number, rows)| {
            rows.order(by_key);
            (*number, sums(rows, predictions, threshold))
        })
        .collect();
    if let Some((number, repeated)) = sums.iter().find_map(|(number, sums)| Some((*number, sums.repeated?))) {
        return Err(repeated.error(predictions, number));
    }
    let is_different = sums.iter().any(|(_, sums)| !sums.is_same);
    let is_single = sums.iter().all(|(_, sums)| sums.fits.len() <= 1);
    let has_doubles = doubles.check().is_err();
    let fits = sums.iter().flat_map(|(_, sums)| sums.fits.iter().map(|(fit, _)| *fit));
    let scored: HashSet<u32> = fits.collect();
    if is_different || has_doubles || (is_single && scored.len() < MIN_FITS) {
        // The first window that shows the difference, if there is one.
        let differs = sums.iter().find(|(_, sums)| !sums.is_same).map(|(number, _)| *number);
        let mut shared: Vec<_> = windows.iter().filter(|(_, rows)| !is_log(rows, predictions)).collect();
        shared.sort_by_key(|(number, _)| (Some(**number) != differs, **number));
        let shared = shared.first().copied();
        if let Some((number, rows)) = shared {
            doubles.check()?;
            return Err(different_rows(predictions, *number, rows));
        }
        let has_early = add_early(windows, early, predictions);
        if !has_early {
            doubles.check()?;
        }
        if windows.is_empty() {
            return Err(JudgeError::Nothing("nothing can be judged: all rows are left out".to_owned()));
        }
        return Ok(served(windows, by_key, threshold, has_early));
    }
    let ids = || scored.iter().flat_map(move |fit| models.ids[*fit as usize].iter().copied());
    let fits = Fits::new(ids().map(|id| (id.scheme, id.window.get())));
    let regular: HashSet<Scheme> = fits.histories().map(|(history, _)| history).collect();
    let mut irregular: Vec<Scheme> = ids().map(|id| id.scheme).filter(|scheme| !regular.contains(scheme)).collect();
    irregular.sort_unstable();
    irregular.dedup();
    if regular.is_empty() {
        // Each window was scored by one model at most, or else no row has one probability.
        if is_single {
            let has_early = add_early(windows, early, predictions);
            return Ok(served(windows, by_key, threshold, has_early));
        }
        return Err(JudgeError::Nothing(
            "no schedule has the fits of this table: they come at irregular windows. Score fits of every window, or \
             of every 2nd, 4th, ... one"
                .to_owned(),
        ));
    }
    let mut found: BTreeMap<u32, _> = BTreeMap::new();
    for (number, sums) in &sums {
        let mut losses = window(*number, sums.fits.first().map(|(_, sums)| sums), sums.unlabelled);
        for (fit, sums) in &sums.fits {
            losses.models.extend(models.ids[*fit as usize].iter().map(|id| sums.losses(*id)));
        }
        losses.models.sort_by_key(|losses| losses.model);
        found.insert(*number, losses);
    }
    let last = windows.keys().next_back().copied().unwrap_or_default();
    let all = (1..=last).map(|number| found.remove(&number).unwrap_or_else(|| window(number, None, 0)));
    let evidence = Evidence::of_table(all, fits.clone());
    Ok(Table::Scored(ScoredTable { evidence, fits, irregular }))
}

fn sums(rows: &WindowRows, predictions: &Predictions, threshold: f64) -> WindowSums {
    let has_ids = predictions.has_ids;
    let scored = rows.parts.iter().filter(|part| part.rows > 0);
    let fits: Vec<(u32, BlockSums)> =
        scored.map(|part| (part.fit, BlockSums::of(rows.of_fit(part.fit), threshold))).collect();
    let is_same_rows = fits.windows(2).all(|pair| pair[0].1.has_rows_of(&pair[1].1));
    let digests: HashSet<u64> = rows.parts.iter().filter(|part| part.rows > 0).map(|part| part.digest).collect();
    let is_same = is_same_rows && (!has_ids || digests.len() <= 1);
    let unlabelled = rows.parts.iter().map(|part| part.unlabelled).max().unwrap_or_default();
    let repeated = repeated(rows, predictions.has_numbers).filter(|_| has_ids);
    WindowSums { fits, is_same, unlabelled, repeated }
}

/// Returns `true` if the rows of a window show that each has one probability: no two models scored rows of the same
/// identity, or else their times do not overlap.
fn is_log(rows: &WindowRows, predictions: &Predictions) -> bool {
    let parts = || rows.parts.iter().filter(|part| part.rows > 0);
    if parts().count() <= 1 {
        return true;
    }
    if predictions.has_ids {
        let keys: HashSet<u32> = rows.rows.iter().map(|row| row.key).collect();
        let twice = rows.rows.len() - keys.len();
        let most = if predictions.has_numbers { 0.0 } else { MAX_EQUAL_KEYS * rows.rows.len() as f64 };
        return twice as f64 <= most;
    }
    if predictions.axis == Axis::Number {
        return false;
    }
    let mut ranges: Vec<(u32, u32)> = parts()
        .filter_map(|part| {
            let rows = rows.of_fit(part.fit);
            Some((rows.first()?.offset, rows.last()?.offset))
        })
        .collect();
    ranges.sort_unstable();
    ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0)
}

/// Adds the early rows to a log, if each row then still has one probability. Returns `true` if they were added, or if there
/// are none.
fn add_early(windows: &mut Windows, early: Windows, predictions: &Predictions) -> bool {
    let by_key = predictions.orders_by_key();
    let mut changed = Windows::new();
    for (number, rows) in early {
        let mut all = WindowRows::default();
        // The rows of the window are copied, because they stay as they are if the table is not a log.
        if let Some(late) = windows.get(&number) {
            all.rows.clone_from(&late.rows);
            all.parts.clone_from(&late.parts);
        }
        all.absorb(rows);
        all.order(by_key);
        if !is_log(&all, predictions) {
            return false;
        }
        changed.insert(number, all);
    }
    windows.extend(changed);
    true
}

/// Returns the error for a window of which two models scored different rows.
fn different_rows(predictions: &Predictions, number: u32, rows: &WindowRows) -> JudgeError {
    let mut parts: Vec<_> = rows.parts.iter().filter(|part| part.rows > 0).collect();
    // The first and the last one differ if any two do.
    parts.sort_by_key(|part| (part.rows, part.positives, part.digest));
    let (Some(fewest), Some(most)) = (parts.first(), parts.last()) else {
        let window = predictions.window_name(number);
        return JudgeError::Nothing(format!("the models of {window} scored different rows"));
    };
    let name = |fit: u32, first| predictions.fit_name(fit, first);
    let counts = if (fewest.rows, fewest.positives) == (most.rows, most.positives) {
        let what = match (predictions.has_ids, fewest.digest == most.digest) {
            (false, _) => "other rows, or rows in another order,",
            (true, true) => "rows in another order",
            (true, false) => "other rows",
        };
        format!("{} has {what} than {}", name(fewest.fit, fewest.first), name(most.fit, most.first))
    } else {
        format!(
            "{} has {} rows, {} of them positive; {} has {} rows, {} of them positive",
            name(fewest.fit, fewest.first),
            fewest.rows,
            fewest.positives,
            name(most.fit, most.first),
            most.rows,
            most.positives
        )
    };
    let advice = if predictions.has_ids {
        "Score the same rows with each model. In a log, each row has one probability"
    } else {
        "Score the same rows with each model, in the same order. For a log with one probability a row, add a column \
         `row` that identifies each row"
    };
    let window = predictions.window_name(number);
    let rows = difference(predictions, number, [fewest.fit, most.fit]).unwrap_or_default();
    JudgeError::Nothing(format!("models scored different rows of {window}: {counts}. {rows}{advice}"))
}

/// Makes a log of the models that served.
fn served(windows: &Windows, by_key: bool, threshold: f64, has_early: bool) -> Table {
    let last = windows.keys().next_back().copied().unwrap_or_default();
    let found: Vec<(u32, BlockSums, u64)> = windows
        .par_iter()
        .map(|(number, rows)| {
            let unlabelled = rows.parts.iter().map(|part| part.unlabelled).sum();
            (*number, BlockSums::of(&in_order(rows, by_key), threshold), unlabelled)
        })
        .collect();
    let mut log = ServedLog::default();
    for (number, sums, _) in found.iter().filter(|(_, sums, _)| sums.rows.iter().sum::<u64>() > 0) {
        let newest = WindowIndex::new(number.saturating_sub(1)).unwrap_or(WindowIndex::FIRST);
        log.losses.insert(*number, sums.losses(ModelId::new(newest, Scheme::Cumulative)));
    }
    let mut begins: BTreeMap<u32, u32> = BTreeMap::new();
    for (number, rows) in windows {
        for part in &rows.parts {
            begins.entry(part.fit).or_insert(*number);
        }
    }
    log.begins = begins.into_values().collect();
    let mut counts: BTreeMap<u32, _> =
        found.iter().map(|(number, sums, unlabelled)| (*number, window(*number, Some(sums), *unlabelled))).collect();
    let all = (1..=last).map(|number| counts.remove(&number).unwrap_or_else(|| window(number, None, 0)));
    Table::Served { evidence: Evidence::new(all), log, has_early }
}
