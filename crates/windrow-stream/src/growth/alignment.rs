//! The row with which a newer extract begins, among the rows that were read. Pure.

use std::collections::BTreeSet;

use crate::growth::known_rows::KnownRows;
use crate::growth::row_hash::RowHash;
use windrow_record::RowNumber;

/// The number of rows that prove that the first rows of an extract are gone. In a shorter file, half of its rows do.
/// Fewer rows can be equal by accident, unless many of them differ from each other.
const MIN_OVERLAP: usize = 1000;
/// The number of different rows that prove the same in any file.
const MIN_DIFFERENT_ROWS: usize = 20;

/// The alignment of an extract with the rows that were read. The target of a row does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alignment {
    /// The first `dropped` rows are not in the file any more. The file has all later ones.
    Found { dropped: u64 },
    /// This row differs, if the first `dropped` rows are gone.
    Differs { dropped: u64, row: RowNumber },
    /// The file ends before this row, if the first `dropped` rows are gone.
    Shorter { dropped: u64, row: RowNumber },
}

/// Finds the alignment of a file. `file` has its first rows, at least as many as were read if it has as many.
pub(crate) fn align(file: &[RowHash], known: &KnownRows) -> Alignment {
    let unmoved = compare(file, known);
    let agreed = match unmoved {
        Alignment::Found { .. } => return unmoved,
        Alignment::Differs { row, .. } | Alignment::Shorter { row, .. } => row.get() - known.first(),
    };
    let text = known.without_gap();
    let overlap = Overlap::of(file, text);
    let least = MIN_OVERLAP.min(file.len().div_ceil(2)).max(1);
    let is_proof = |length: usize| length >= least || has_different_rows(&file[..length]);
    let is_better = |length: usize| length as u64 > agreed && is_proof(length);
    let before = |index: usize| known.first() - 1 + index as u64;
    if is_better(overlap.at_end) {
        return Alignment::Found { dropped: before(text.len() - overlap.at_end) };
    }
    if !is_better(overlap.longest) || matches!(unmoved, Alignment::Shorter { .. }) {
        return unmoved;
    }
    let (dropped, end) = (before(overlap.begin), before(overlap.begin + overlap.longest));
    let row = RowNumber::new(end + 1).unwrap_or(RowNumber::FIRST);
    if overlap.longest == file.len() {
        Alignment::Shorter { dropped, row }
    } else {
        Alignment::Differs { dropped, row }
    }
}

/// Returns the first row that has changed in another way than by a label that has arrived, if the first `dropped` rows
/// are gone.
pub(crate) fn first_difference(file: &[RowHash], known: &KnownRows, dropped: u64) -> Alignment {
    for number in known.first().max(dropped + 1)..=known.last() {
        let (Some(row), Some(before)) = (RowNumber::new(number), known.get(number)) else { continue };
        match usize::try_from(number - dropped - 1).ok().and_then(|index| file.get(index)) {
            Some(now) if before.can_become(*now) => {}
            Some(_) => return Alignment::Differs { dropped, row },
            None => return Alignment::Shorter { dropped, row },
        }
    }
    Alignment::Found { dropped }
}

/// Compares a file whose first row is row 1.
fn compare(file: &[RowHash], known: &KnownRows) -> Alignment {
    for number in known.first()..=known.last() {
        let (Some(row), Some(before)) = (RowNumber::new(number), known.get(number)) else { continue };
        match usize::try_from(number - 1).ok().and_then(|index| file.get(index)) {
            Some(now) if now.row == before.row => {}
            Some(_) => return Alignment::Differs { dropped: 0, row },
            None => return Alignment::Shorter { dropped: 0, row },
        }
    }
    Alignment::Found { dropped: 0 }
}

/// Returns true if enough rows differ from each other, so that they are not equal to others by accident.
fn has_different_rows(rows: &[RowHash]) -> bool {
    let mut seen = BTreeSet::new();
    rows.iter().any(|row| seen.insert(row.row) && seen.len() >= MIN_DIFFERENT_ROWS)
}

/// The occurrences of the beginning of a file in the rows that were read.
#[derive(Debug, PartialEq, Eq)]
struct Overlap {
    /// The length of the longest beginning of the file with which the rows end.
    at_end: usize,
    /// The length of the longest beginning of the file that occurs anywhere.
    longest: usize,
    /// The index of the row at which it occurs first.
    begin: usize,
}

impl Overlap {
    /// Finds both by the algorithm of Knuth, Morris and Pratt, in linear time.
    fn of(file: &[RowHash], text: &[RowHash]) -> Self {
        let pattern = &file[..file.len().min(text.len())];
        let borders = borders(pattern);
        let mut found = Self { at_end: 0, longest: 0, begin: 0 };
        let mut length = 0;
        for (index, row) in text.iter().enumerate() {
            length = extended(pattern, &borders, length, *row);
            if length > found.longest {
                (found.longest, found.begin) = (length, index + 1 - length);
            }
        }
        found.at_end = length;
        found
    }
}

/// Returns, for each beginning of `pattern`, the length of its longest proper beginning that is also its end.
fn borders(pattern: &[RowHash]) -> Vec<usize> {
    let mut borders = Vec::with_capacity(pattern.len());
    let mut length = 0;
    for (index, row) in pattern.iter().enumerate() {
        if index > 0 {
            length = extended(pattern, &borders, length, *row);
        }
        borders.push(length);
    }
    borders
}

/// Returns the length of the longest beginning of `pattern` that ends with `row`, if `length` was it one row before.
fn extended(pattern: &[RowHash], borders: &[usize], mut length: usize, row: RowHash) -> usize {
    loop {
        if pattern.get(length).is_some_and(|next| next.row == row.row) {
            return length + 1;
        }
        if length == 0 {
            return 0;
        }
        length = borders[length - 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<RowHash> {
        text.bytes().map(|letter| RowHash::of_row(u64::from(letter - b' '))).collect()
    }

    fn aligned(known: &str, file: &str) -> Alignment {
        align(&rows(file), &KnownRows::of(1, rows(known)))
    }

    fn row(number: u64) -> RowNumber {
        RowNumber::new(number).expect("from 1")
    }

    #[test]
    fn the_first_rows_may_be_gone() {
        let cases = [
            ("", "abc", 0),
            ("abcdef", "abcdef", 0),
            ("abcdef", "abcdefgh", 0),
            ("abcdef", "cdefgh", 2),
            ("abcdef", "def", 3),
            // The longest overlap counts: no more rows than necessary are gone.
            ("xababab", "abababcd", 1),
            // Rows 2 and 5 belong to windows that are still open.
            ("a cd ", "abcdef", 0),
        ];
        for (known, file, dropped) in cases {
            assert_eq!(aligned(known, file), Alignment::Found { dropped }, "{known} {file}");
        }
    }

    #[test]
    fn a_short_overlap_counts_if_its_rows_differ() {
        let known = "0123456789abcdefghijklmnopqrstuvwxyz";
        let new = "A".repeat(60);
        let first = Alignment::Differs { dropped: 0, row: row(1) };
        assert_eq!(aligned(known, &format!("ghijklmnopqrstuvwxyz{new}")), Alignment::Found { dropped: 16 });
        assert_eq!(aligned(known, &format!("hijklmnopqrstuvwxyz{new}")), first, "only 19 rows");
        let same = "z".repeat(30);
        assert_eq!(aligned(&format!("a{same}"), &format!("{same}{new}")), first, "the rows are all the same");
    }

    #[test]
    fn the_first_row_that_differs_is_found() {
        let differs = |dropped, number| Alignment::Differs { dropped, row: row(number) };
        let cases = [
            ("abcdef", "abcxef", differs(0, 4)),
            ("abcdef", "xbcdef", differs(0, 1)),
            ("abcdefgh", "cdexgh", differs(2, 6)),
            // The last six rows are like the first six, but the first six also agree where they are.
            ("abababab", "abababxb", differs(0, 7)),
            ("abcdef", "fxyzuv", differs(0, 1)),
        ];
        for (known, file, expected) in cases {
            assert_eq!(aligned(known, file), expected, "{known} {file}");
        }
    }

    #[test]
    fn a_file_that_ends_too_early_is_found() {
        assert_eq!(aligned("abcdef", "abc"), Alignment::Shorter { dropped: 0, row: row(4) });
        assert_eq!(aligned("abcdef", "cd"), Alignment::Shorter { dropped: 2, row: row(5) });
        assert_eq!(aligned("abcdef", ""), Alignment::Shorter { dropped: 0, row: row(1) });
    }

    #[test]
    fn a_replay_can_begin_later() {
        let known = || KnownRows::of(3, rows("cdef"));
        assert_eq!(align(&rows("abcdefg"), &known()), Alignment::Found { dropped: 0 });
        assert_eq!(align(&rows("defg"), &known()), Alignment::Found { dropped: 3 });
    }
}
