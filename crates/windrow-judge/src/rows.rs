//! The part of the rows that is kept: 24 bytes for each labelled row, and counts for each fit and window. A list that grows has room
//! for up to twice as many rows.

use std::collections::HashMap;

use crate::faults::Place;

/// The bit of [`Row::fit_and_label`] that holds the label.
const LABEL_BIT: u32 = 1 << 31;

/// A labelled row, as one fit predicted it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// The probability of the positive class.
    pub(crate) p: f64,
    /// The seconds since the beginning of the window; 0 if windows are only numbered.
    pub(crate) offset: u32,
    /// The order of rows with the same offset, and the identity of a row: see [`RowId`].
    pub(crate) key: u32,
    fit_and_label: u32,
}

/// The identity of a row, from the column `row`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowId {
    /// A hash of the identity.
    pub(crate) hash: u64,
    /// The number, if the identity is a whole number below 2^32. Rows are then ordered by it.
    pub(crate) number: Option<u32>,
}

/// The rows of one window.
#[derive(Debug, Default)]
pub(crate) struct WindowRows {
    pub(crate) rows: Vec<Row>,
    /// The counts of each fit that scored rows of the window.
    pub(crate) parts: Vec<Part>,
    places: HashMap<u32, usize>,
    last: usize,
}

/// The counts of the rows of one window that one fit scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// The index of the fit.
    pub(crate) fit: u32,
    pub(crate) rows: u64,
    pub(crate) positives: u64,
    pub(crate) unlabelled: u64,
    /// The sum of the hashes of the rows and their labels, which does not depend on their order.
    pub(crate) digest: u64,
    /// The index of the first row.
    pub(crate) first: Place,
}

impl Row {
    pub(crate) fn new(fit: u32, label: bool, p: f64, offset: u32, key: u32) -> Self {
        Self { p, offset, key, fit_and_label: fit | if label { LABEL_BIT } else { 0 } }
    }

    #[inline]
    pub(crate) fn fit(&self) -> u32 {
        self.fit_and_label & !LABEL_BIT
    }

    #[inline]
    pub(crate) fn label(&self) -> bool {
        self.fit_and_label & LABEL_BIT != 0
    }

    /// Returns the log-odds of the row.
    #[inline]
    pub(crate) fn log_odds(&self) -> f64 {
        self.p.ln() - (-self.p).ln_1p()
    }
}

impl RowId {
    /// Returns the identity of a whole number.
    pub(crate) fn of_number(number: i64) -> Self {
        // The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
        let mut hash = number.cast_unsigned().wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self { hash: hash ^ (hash >> 31), number: u32::try_from(number).ok() }
    }

    /// Returns the identity of a text.
    pub(crate) fn of_text(text: &str) -> Self {
        // FNV-1a, which is the same in every version and on every machine.
        let hash = text
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
        Self { hash: Self::of_number(hash.cast_signed()).hash, number: None }
    }

    /// Returns the number by which rows of the same time are ordered and compared.
    pub(crate) fn key(self) -> u32 {
        self.number.unwrap_or((self.hash >> 32) as u32)
    }
}

impl WindowRows {
    /// Returns the counts of a fit. `place` is that of the row that is counted next.
    pub(crate) fn part(&mut self, fit: u32, place: Place) -> &mut Part {
        if self.parts.get(self.last).is_none_or(|part| part.fit != fit) {
            let Self { parts, places, .. } = self;
            self.last = *places.entry(fit).or_insert_with(|| {
                parts.push(Part { fit, rows: 0, positives: 0, unlabelled: 0, digest: 0, first: place });
                parts.len() - 1
            });
        }
        &mut self.parts[self.last]
    }

    /// Orders the rows by fit, and those of one fit by time. Rows of the same time keep their order in the files, unless
    /// they have numbers.
    pub(crate) fn order(&mut self, by_key: bool) {
        self.rows.sort_by_key(|row| (row.fit(), row.offset, if by_key { row.key } else { 0 }));
        self.parts.sort_unstable_by_key(|part| part.fit);
    }

    /// Adds the rows and the counts of another window. [`Self::order`] must follow.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.extend(other.rows);
        for part in other.parts {
            match self.parts.iter_mut().find(|known| known.fit == part.fit) {
                Some(known) => {
                    known.rows += part.rows;
                    known.positives += part.positives;
                    known.unlabelled += part.unlabelled;
                    known.digest = known.digest.wrapping_add(part.digest);
                }
                None => self.parts.push(part),
            }
        }
    }

    /// Returns the rows of a fit, after [`Self::order`].
    pub(crate) fn of_fit(&self, fit: u32) -> &[Row] {
        let begin = self.rows.partition_point(|row| row.fit() < fit);
        let end = self.rows.partition_point(|row| row.fit() <= fit);
        &self.rows[begin..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_24_bytes() {
        assert_eq!(size_of::<Row>(), 24);
        let row = Row::new(7, true, 0.25, 3, 4);
        assert_eq!((row.fit(), row.label()), (7, true));
        assert!((row.log_odds() - (0.25_f64 / 0.75).ln()).abs() < 1e-12);
    }

    #[test]
    fn rows_are_ordered_by_fit_time_and_number() {
        let mut window = WindowRows::default();
        for (fit, offset, key) in [(1, 5, 2), (0, 9, 1), (1, 5, 1), (1, 2, 9), (0, 9, 0)] {
            window.rows.push(Row::new(fit, false, 0.5, offset, key));
            window.part(fit, Place { file: 0, row: u64::from(key) }).rows += 1;
        }
        let keys = |window: &WindowRows, fit| window.of_fit(fit).iter().map(|row| row.key).collect::<Vec<_>>();
        window.order(false);
        assert_eq!((keys(&window, 0), keys(&window, 1)), (vec![1, 0], vec![9, 2, 1]), "in the order of the file");
        window.order(true);
        assert_eq!((keys(&window, 0), keys(&window, 1)), (vec![0, 1], vec![9, 1, 2]));
        assert_eq!(window.parts.iter().map(|part| (part.fit, part.rows)).collect::<Vec<_>>(), [(0, 2), (1, 3)]);
    }

    #[test]
    fn an_identity_depends_on_nothing_but_its_value() {
        assert_eq!(RowId::of_number(12), RowId::of_number(12));
        assert_ne!(RowId::of_number(12).hash, RowId::of_number(13).hash);
        assert_eq!((RowId::of_number(12).key(), RowId::of_number(-1).number), (12, None));
        assert_ne!(RowId::of_text("a-1").hash, RowId::of_text("a-2").hash);
    }
}
