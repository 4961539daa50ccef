//! Rows that a table has twice, and files that are given twice.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::cells::text;
use crate::error::JudgeError;
use crate::intake::Predictions;
use crate::reread::visit_again;
use crate::rows::{Row, WindowRows};

/// The share of the rows of a model up to which equal identities count as chance. Identities that are texts are kept as
/// hashes of 32 bits.
const MAX_EQUAL_HASHES: f64 = 0.01;

/// A row that one fit scored twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeated {
    /// The index of the fit.
    fit: u32,
    /// The number of the row; `None` if its identity is a text.
    row: Option<u32>,
}

/// Returns a row of the window that one fit scored twice. The rows are in order. `is_number` is true if all identities
/// are numbers.
///
/// Rows of the same identity and different times are not the same row: a number may begin again each day.
pub(crate) fn repeated(rows: &WindowRows, is_number: bool) -> Option<Repeated> {
    let key = |row: &Row| (row.offset, row.key);
    rows.parts.iter().find_map(|part| {
        let fit = part.fit;
        let mut keys: Vec<(u32, u32)> = rows.of_fit(fit).iter().map(key).collect();
        keys.sort_unstable();
        let mut equal = keys.windows(2).filter(|pair| pair[0] == pair[1]);
        let first = equal.next()?;
        let count = 1 + equal.count();
        let is_chance = !is_number && count as f64 <= MAX_EQUAL_HASHES * keys.len() as f64;
        (!is_chance).then_some(Repeated { fit, row: is_number.then_some(first[0].1) })
    })
}

impl Repeated {
    /// Returns the error, with the places of both rows. `window` is the number of the window.
    pub(crate) fn error(self, predictions: &Predictions, window: u32) -> JudgeError {
        let Self { fit, row } = self;
        let (mut known, mut both) = (HashMap::new(), None);
        let visited = visit_again(predictions, window, |seen| {
            if seen.fit == fit {
                let first = known.insert((seen.offset, seen.hash), seen.place);
                both = first.map(|first| (first, seen.place, text(seen.cell)));
            }
            both.is_none()
        });
        let window = predictions.window_name(window);
        if let (Ok(()), Some((first, second, name))) = (visited, both) {
            let [first, second] = [first, second].map(|place| predictions.faults.name(place));
            let problem = format!(
                "{second}: it is the row `{name}` of {window}, as {first} is, for the same model (column `row`): give \
                 each row of a model once"
            );
            return JudgeError::Faults { faults: vec![problem], is_cut: false };
        }
        // A file has changed since it was read.
        let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
        let model = predictions.fit_name(fit, predictions.fits.list[fit as usize].place);
        JudgeError::Nothing(format!(
            "{row} of {window} is given twice for {model}, by the column `row`: give each row of a model once"
        ))
    }
}

/// Checks that no file is given twice.
///
/// # Errors
/// A file is given twice.
pub(crate) fn check_files(files: &[PathBuf]) -> Result<(), JudgeError> {
    let mut known: HashMap<PathBuf, &PathBuf> = HashMap::new();
    for path in files {
        // A file that does not exist is reported when it is opened.
        let Ok(place) = path.canonicalize() else { continue };
        if let Some(first) = known.insert(place, path) {
            let is_other = first.as_os_str() != path.as_os_str();
            let first = if is_other { format!(", first as {}", first.display()) } else { String::new() };
            let problem = format!("{} is given twice{first}: give each file once", path.display());
            return Err(JudgeError::Nothing(problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Place;

    fn window(keys: &[(u32, u32)]) -> WindowRows {
        let mut window = WindowRows::default();
        for (offset, key) in keys {
            window.rows.push(Row::new(3, false, 0.5, *offset, *key));
            window.part(3, Place { file: 0, row: 1 }).rows += 1;
        }
        window.order(true);
        window
    }

    #[test]
    fn a_row_is_repeated_if_its_identity_and_time_are() {
        let found = repeated(&window(&[(0, 1), (5, 7), (0, 2), (5, 7)]), true);
        assert_eq!(found, Some(Repeated { fit: 3, row: Some(7) }));
        assert_eq!(repeated(&window(&[(0, 1), (5, 1)]), true), None, "two times");
        let texts: Vec<(u32, u32)> = (0..200).chain([7]).map(|key| (0, key)).collect();
        assert_eq!(repeated(&window(&texts), false), None, "one of 200 hashes may be equal by chance");
        assert_eq!(repeated(&window(&texts[..8]), false), None);
        let twice: Vec<(u32, u32)> = texts[..8].iter().chain(&texts[..8]).copied().collect();
        assert_eq!(repeated(&window(&twice), false), Some(Repeated { fit: 3, row: None }));
    }
}
