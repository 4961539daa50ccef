//! Reads tables of predictions. Collects the faults of all rows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use windrow_columnar::TypedCell;
use windrow_config::EventSpan;
use windrow_evaluation::MIN_PROBABILITY;

use crate::axis::{Axis, LastSpan, MAX_WINDOWS, too_many_windows};
use crate::cells::{label, probability, text, whole};
use crate::delay::LabelDelays;
use crate::error::JudgeError;
use crate::faults::{Faults, Place};
use crate::fits::{FitCells, Fits};
use crate::rows::{Row, RowId, WindowRows};
use crate::source::{Cells, Source};

/// The columns that are read, in the order of the cells.
pub(crate) const COLUMNS: [&str; 9] =
    ["time", "window", "y", "p", "trained_through", "trained_from", "history", "model", "row"];
/// The column with the time when a label is known, after [`COLUMNS`].
pub(crate) const LABEL_KNOWN: &str = "label_known";
/// The maximum number of fits. More are a mistake in `model` or `trained_through`.
const MAX_FITS: usize = 200_000;
/// The number of windows before the first fit up to which older data count as near. Older ones may be a date that means
/// all data, as 1970-01-01.
const NEAR: i64 = 100;
/// The maximum number of pairs of a fit and a window. It bounds the memory.
const MAX_PARTS: usize = 2_000_000;

/// The predictions of all files.
#[derive(Debug)]
pub(crate) struct Predictions {
    pub(crate) axis: Axis,
    /// The first window on the axis, which has number 1.
    pub(crate) begin: i64,
    pub(crate) fits: Fits,
    /// The rows by window, which is given by its index on the axis.
    pub(crate) windows: HashMap<i64, WindowRows>,
    /// The rows in the newest window of their model. They are judged only in a log.
    pub(crate) early: HashMap<i64, WindowRows>,
    pub(crate) delays: LabelDelays,
    counts: Counts,
    /// The counts of the early rows.
    early_counts: Counts,
    /// The number of pairs of a fit and a window.
    parts: usize,
    /// True if there is a column `row`.
    has_row: bool,
    /// True if all rows have an identity.
    pub(crate) has_ids: bool,
    /// True if all identities are whole numbers below 2^32, which order the rows.
    pub(crate) has_numbers: bool,
    pub(crate) faults: Faults,
    /// The first and the last row on the axis: the position and the place of each.
    ends: Option<[(i64, Place); 2]>,
}

/// The numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    pub(crate) unlabelled: u64,
    /// Rows in the newest window of their model.
    pub(crate) left_out: u64,
    /// Probabilities that were held at [`MIN_PROBABILITY`] from 0 or 1.
    pub(crate) clipped: u64,
}

/// Returns the axis of the windows: by time if `span` is given, or else by the window's number.
///
/// # Errors
/// A file has neither column, or lacks another one that is needed.
fn axis_of(source: &Source, span: Option<EventSpan>, has_models: bool) -> Result<Axis, JudgeError> {
    let axis = match (span, source.has("time"), source.has("window")) {
        (Some(span), true, _) => Axis::Time(span),
        (None, _, true) => Axis::Number,
        (None, true, false) => {
            let problem = "it has times, so the length of a window is needed: give it, as in --window week";
            return Err(source.problem(problem));
        }
        (Some(_), false, true) => {
            return Err(source.problem("it has numbers of windows instead of times: leave out --window"));
        }
        (_, false, false) => {
            return Err(source.problem(format!(
                "it has neither a column `time` nor a column `window`; its columns are {}",
                source.names().join(", ")
            )));
        }
    };
    let needed: &[&str] = if has_models { &["y", "p", "model"] } else { &["y", "p", "trained_through"] };
    if let Some(missing) = needed.iter().find(|column| !source.has(column)) {
        let advice = match *missing {
            "trained_through" => ": the time or the window of the newest data in the fit of each row",
            "model" => ": with --models, each row names its model",
            _ => "",
        };
        let names = source.names().join(", ");
        return Err(source.problem(format!("it has no column `{missing}`{advice}; its columns are {names}")));
    }
    Ok(axis)
}

/// Reads all files. `first` is the first one, opened: JSON Lines are read once more for each time that they are opened.
///
/// # Errors
/// A file cannot be read, or rows have faults.
pub(crate) fn read(
    files: &[PathBuf],
    first: Source,
    span: Option<EventSpan>,
    models: Option<&Path>,
) -> Result<Predictions, JudgeError> {
    let columns: Vec<&str> = COLUMNS.into_iter().chain([LABEL_KNOWN]).collect();
    let mut predictions: Option<Predictions> = None;
    let mut first = Some(first);
    for (file, path) in files.iter().enumerate() {
        let source = first.take().map_or_else(|| Source::open(path, &columns), Ok)?;
        let axis = axis_of(&source, span, models.is_some())?;
        if predictions.as_ref().is_some_and(|all| all.axis != axis) {
            return Err(source.problem(format!("it has another kind of windows than {}", files[0].display())));
        }
        if predictions.is_none() {
            predictions = Some(Predictions::new(files, axis, Fits::with_models(models, axis)?));
        }
        let Some(all) = &mut predictions else { continue };
        let has_ids = source.has("row");
        if file > 0 && all.has_row != has_ids {
            let (first, has) = (files[0].display(), if has_ids { "has none" } else { "has one" });
            return Err(source.problem(format!(
                "either all files have a column `row`, or none has one; {first} {has}: add it, or remove it"
            )));
        }
        all.has_row = has_ids;
        all.fits.begin_file(source.has("trained_from") || source.has("history"));
        let mut last = LastSpan::default();
        source.visit(&columns, |row, cells| {
            let place = Place { file, row };
            let added = cells.and_then(|cells| all.add(place, cells, &mut last));
            if let Err(problem) = added {
                all.faults.add(place, problem);
            }
            !all.faults.is_full() && all.check_sizes().is_ok()
        })?;
        all.faults.check()?;
        all.check_sizes()?;
    }
    let mut all = predictions.ok_or_else(|| JudgeError::Nothing("no file was given".to_owned()))?;
    all.faults.check()?;
    if all.counts.rows + all.early_counts.rows == 0 {
        return Err(JudgeError::Nothing("the table has no rows".to_owned()));
    }
    all.begin = all.first_window();
    all.check_range()?;
    all.has_numbers &= all.has_ids;
    Ok(all)
}

impl Predictions {
    fn new(files: &[PathBuf], axis: Axis, fits: Fits) -> Self {
        Self {
            axis,
            begin: 0,
            fits,
            windows: HashMap::new(),
            early: HashMap::new(),
            delays: LabelDelays::default(),
            counts: Counts::default(),
            early_counts: Counts::default(),
            parts: 0,
            has_row: false,
            has_ids: true,
            has_numbers: true,
            faults: Faults::new(files),
            ends: None,
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The fault of the row, as a phrase.
    fn add(&mut self, place: Place, cells: &Cells<'_>, last: &mut LastSpan) -> Result<(), String> {
        let [time, window, y, p, through, from, history, model, row, known] = *cells;
        let axis = self.axis;
        let (at, column) = if axis == Axis::Number { (window, "window") } else { (time, "time") };
        let position = at.ok_or_else(|| format!("{column} is empty")).and_then(|at| axis.position(at))?;
        let (label, mut p) = (label(y)?, probability(p)?);
        let fit = self.fits.fit(FitCells { model, through, from, history }, axis, place, &self.faults)?;
        let known = known.map(|known| axis.position(known)).transpose();
        let known = known.map_err(|problem| format!("{LABEL_KNOWN}: {problem}"))?;
        if known.is_some_and(|known| axis.is_before(known, position)) {
            return Err(format!("{LABEL_KNOWN} is before the row: a label is known after its row"));
        }
        if self.has_row && row.is_none() {
            return Err("row is empty: give each row its identity, or remove the column".to_owned());
        }
        let trained = &self.fits.list[fit as usize];
        if position <= trained.training.through {
            let (at, through) = (axis.text(position), axis.text(trained.training.through));
            return Err(format!(
                "it is a leak: the row ({at}) is not after trained_through ({through}), so its model may have learned \
                 from it. Remove it, or correct trained_through"
            ));
        }
        let (window, offset) = axis.place(position, last);
        let is_early = window <= trained.window;
        let here = (position, place);
        let [first, last] = self.ends.unwrap_or([here; 2]);
        self.ends = Some([if position < first.0 { here } else { first }, if position > last.0 { here } else { last }]);
        let id = row.map(row_id);
        self.has_ids &= id.is_some();
        let id = id.unwrap_or_default();
        self.has_numbers &= id.number.is_some();
        let (windows, counts) = match is_early {
            true => (&mut self.early, &mut self.early_counts),
            false => (&mut self.windows, &mut self.counts),
        };
        counts.rows += 1;
        let found = windows.entry(window).or_default();
        let parts = found.parts.len();
        found.part(fit, place);
        self.parts += found.parts.len() - parts;
        let part = found.part(fit, place);
        let Some(label) = label else {
            part.unlabelled += 1;
            counts.unlabelled += 1;
            return Ok(());
        };
        part.rows += 1;
        part.positives += u64::from(label);
        // The label is part of the digest, because the same row must have the same label for every model.
        part.digest = part.digest.wrapping_add(id.hash.rotate_left(u32::from(label)));
        if !(MIN_PROBABILITY..=1.0 - MIN_PROBABILITY).contains(&p) {
            counts.clipped += 1;
            p = p.clamp(MIN_PROBABILITY, 1.0 - MIN_PROBABILITY);
        }
        if let Some(known) = known.filter(|_| !is_early) {
            self.delays.add(axis.windows_until(window, known));
        }
        found.rows.push(Row::new(fit, label, p, offset, id.key()));
        Ok(())
    }

    /// Returns `true` if rows of the same time are ordered by their identity. The order then does not depend on the order
    /// of the files. Texts cannot replace the order of rows without times.
    pub(crate) fn orders_by_key(&self) -> bool {
        self.has_numbers || (self.has_ids && self.axis != Axis::Number)
    }

    /// Returns the numbers of rows. The early rows count as left out, unless they are judged.
    pub(crate) fn counts_with(&self, has_early: bool) -> Counts {
        let (late, early) = (self.counts, self.early_counts);
        let rows = late.rows + early.rows;
        match has_early {
            true => Counts {
                rows,
                unlabelled: late.unlabelled + early.unlabelled,
                left_out: 0,
                clipped: late.clipped + early.clipped,
            },
            false => Counts { rows, left_out: early.rows, ..late },
        }
    }

    /// Returns the range of the times of the rows, on the axis.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        self.ends.map(|[(first, _), (last, _)]| (first, last))
    }

    /// Returns a window for a sentence, by its number.
    pub(crate) fn window_name(&self, number: u32) -> String {
        self.axis.label(number, self.begin + i64::from(number) - 1)
    }

    /// Returns a fit for a sentence, as in ``the model `a` (a.csv, row 12)``. `first` is one of its rows.
    pub(crate) fn fit_name(&self, fit: u32, first: Place) -> String {
        let (name, place) = (self.fits.list[fit as usize].name.as_ref(), self.faults.name(first));
        name.map_or_else(|| format!("the model of {place}"), |name| format!("the model `{name}` ({place})"))
    }

    /// Checks that the windows and the fits so far are not too many.
    ///
    /// # Errors
    /// There are more than a table may have.
    fn check_sizes(&self) -> Result<(), JudgeError> {
        if self.windows.len().max(self.early.len()) > MAX_WINDOWS as usize {
            return Err(self.too_many_windows());
        }
        if self.fits.list.len() > MAX_FITS {
            return Err(JudgeError::Nothing(format!(
                "the table has more than {MAX_FITS} fits: `model` and `trained_through` must be those of a fit, not of a \
                 row"
            )));
        }
        if self.parts > MAX_PARTS {
            return Err(JudgeError::Nothing(format!(
                "the fits are scored on more than {MAX_PARTS} windows in sum: give longer windows, or score each fit on \
                 fewer later windows"
            )));
        }
        Ok(())
    }

    fn all_windows(&self) -> impl Iterator<Item = i64> {
        self.windows.keys().chain(self.early.keys()).copied()
    }

    /// Returns the first window on the axis: that of the first fit or row or, if it is near, that of the oldest data that
    /// a fit names. Numbered windows begin with 1, if it is near.
    fn first_window(&self) -> i64 {
        let Self { axis, fits, .. } = self;
        let first = fits.list.iter().map(|fit| fit.window).chain(self.all_windows()).min().unwrap_or_default();
        let last = self.all_windows().max().unwrap_or(first);
        let near = first - NEAR.max(last - first + 1);
        let begins = fits.list.iter().filter_map(|fit| fit.training.from).map(|from| axis.window_of(from));
        let one = (*axis == Axis::Number).then_some(1);
        begins.chain(one).chain([first]).filter(|begin| *begin >= near).min().unwrap_or(first)
    }

    /// Checks that the windows are not too many.
    fn check_range(&self) -> Result<(), JudgeError> {
        let last = self.all_windows().max().unwrap_or_default();
        if last - self.begin < i64::from(MAX_WINDOWS) { Ok(()) } else { Err(self.too_many_windows()) }
    }

    /// Returns the error for too many windows, with the rows at both ends of the table. A fit can be before all rows.
    fn too_many_windows(&self) -> JudgeError {
        let (axis, begin) = (self.axis, self.first_window());
        let named = |(at, place): (i64, Place)| format!("{} ({})", axis.text(at), self.faults.name(place));
        let fits = self.fits.list.iter().flat_map(|fit| {
            let training = [fit.training.from, Some(fit.training.through)];
            training.into_iter().flatten().map(move |at| (at, fit.place))
        });
        let all = self.ends.into_iter().flatten().chain(fits);
        let first = all.filter(|(at, _)| axis.window_of(*at) == begin).min();
        let first = first.map_or_else(|| axis.text(begin), named);
        too_many_windows(axis, &first, &self.ends.map_or_else(String::new, |[_, last]| named(last)))
    }
}

/// Returns the identity of a row.
pub(crate) fn row_id(cell: TypedCell<'_>) -> RowId {
    whole(cell).map_or_else(|| RowId::of_text(&text(cell)), RowId::of_number)
}
