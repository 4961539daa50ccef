//! Reads the rows of one window again, to name those that contradict each other. Only a part of each row is kept while a
//! table is read, without its place.

use std::collections::HashMap;

use windrow_columnar::TypedCell;

use crate::axis::{Axis, LastSpan};
use crate::cells::label;
use crate::error::JudgeError;
use crate::faults::Place;
use crate::fits::{FitCells, Fits};
use crate::intake::{COLUMNS, Predictions, row_id};
use crate::source::{Cells, Source};

/// A labelled row with an identity.
#[derive(Debug)]
pub(crate) struct SeenRow<'c> {
    pub(crate) fit: u32,
    pub(crate) label: bool,
    /// The seconds since the beginning of the window.
    pub(crate) offset: u32,
    /// The hash of the identity.
    pub(crate) hash: u64,
    /// The cell with the identity.
    pub(crate) cell: TypedCell<'c>,
    pub(crate) place: Place,
}

/// The state while the files are read again.
struct Again<'p> {
    predictions: &'p Predictions,
    fits: Fits,
    last: LastSpan,
    /// The window on the axis.
    window: i64,
}

impl Again<'_> {
    /// Returns the row, if it is in the window, has a label and an identity.
    fn seen<'c>(&mut self, place: Place, cells: &Cells<'c>) -> Option<SeenRow<'c>> {
        let [time, window, y, _, through, from, history, model, row, _] = *cells;
        let axis = self.predictions.axis;
        let at = if axis == Axis::Number { window } else { time };
        let position = axis.position(at?).ok()?;
        let (window, offset) = axis.place(position, &mut self.last);
        if window != self.window {
            return None;
        }
        let (label, cell) = (label(y).ok()??, row?);
        let fit =
            self.fits.fit(FitCells { model, through, from, history }, axis, place, &self.predictions.faults).ok()?;
        Some(SeenRow { fit, label, offset, hash: row_id(cell).hash, cell, place })
    }
}

/// Calls `visit` with each labelled row of a window, given by its number, that has an identity. It returns `false` to stop.
///
/// # Errors
/// A file cannot be read any more.
pub(crate) fn visit_again(
    predictions: &Predictions,
    window: u32,
    mut visit: impl FnMut(&SeenRow<'_>) -> bool,
) -> Result<(), JudgeError> {
    let window = predictions.begin + i64::from(window) - 1;
    let mut again = Again { predictions, fits: predictions.fits.clone(), last: LastSpan::default(), window };
    let mut goes_on = true;
    for (file, path) in predictions.faults.files().iter().enumerate() {
        let source = Source::open(path, &COLUMNS)?;
        again.fits.begin_file(source.has("trained_from") || source.has("history"));
        source.visit(&COLUMNS, |row, cells| {
            let seen = cells.ok().and_then(|cells| again.seen(Place { file, row }, cells));
            goes_on = seen.is_none_or(|seen| visit(&seen));
            goes_on
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Returns sentences that name rows by which two fits differ in a window: a row with two labels; or else the first row that
/// both have scored, and the first one that only one of them has scored. `None` if the rows have no identities.
pub(crate) fn difference(predictions: &Predictions, window: u32, fits: [u32; 2]) -> Option<String> {
    if !predictions.has_ids {
        return None;
    }
    let mut rows: [HashMap<u64, (Place, bool)>; 2] = Default::default();
    visit_again(predictions, window, |seen| {
        if let Some(of_fit) = fits.iter().position(|fit| *fit == seen.fit) {
            rows[of_fit].entry(seen.hash).or_insert((seen.place, seen.label));
        }
        true
    })
    .ok()?;
    let [a, b] = &rows;
    let name = |place| predictions.faults.name(place);
    let shared = || a.iter().filter_map(move |(hash, in_a)| Some((*in_a, *b.get(hash)?)));
    if let Some(((first, _), (second, _))) = shared().filter(|((_, a), (_, b))| a != b).min() {
        let (first, second) = (name(first.min(second)), name(first.max(second)));
        return Some(format!("{first} and {second} are one row (column `row`) with two labels. "));
    }
    let one = shared().min().map(|((first, _), (second, _))| {
        let (first, second) = (name(first.min(second)), name(first.max(second)));
        format!("{first} and {second} are one row (column `row`). ")
    });
    let lacks = |of: &HashMap<u64, (Place, bool)>, other: &HashMap<u64, (Place, bool)>| {
        of.iter().filter(|(hash, _)| !other.contains_key(*hash)).map(|(_, (place, _))| *place).min()
    };
    let only = [lacks(a, b), lacks(b, a)].into_iter().flatten().min();
    let only = only.map(|place| format!("{} is a row that only one of the two models scored. ", name(place)));
    Some(one.into_iter().chain(only).collect())
}
