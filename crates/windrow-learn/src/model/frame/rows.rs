//! A window's labelled rows one by one, for a file that a learner outside of this program reads.

use std::io;
use std::ops::Range;

use crate::model::chunk::{Chunk, MISSING_CODE};
use crate::model::frame::Frame;
use crate::model::table::{Subset, is_number};
use windrow_config::FeatureKind;

/// A part of a window's labelled rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FramePart {
    /// All labelled rows of the window.
    Whole,
    /// Those that a first fit learns from, if the window is the newest.
    Training,
    /// Those that a first fit is scored on.
    HeldOut,
    /// The example rows: the first ones.
    Examples,
}

/// The cell of a row, as a learner reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FrameCell<'a> {
    /// A cell without a value.
    Missing,
    /// A number, or the log(1 + x) of one.
    Number(f64),
    /// The text of a category.
    Text(&'a str),
    /// A part of a time.
    Code(i32),
}

/// A labelled row of a window.
#[derive(Debug)]
pub struct FrameRow<'a> {
    frame: &'a Frame,
    numbers: &'a [f64],
    codes: &'a [u32],
    /// `true` if the row is positive.
    pub label: bool,
}

impl Frame {
    /// Returns the number of rows of a part.
    pub fn part_len(&self, part: FramePart) -> usize {
        match part {
            FramePart::Whole => self.labelled(),
            FramePart::Training => self.labelled() - self.held_out(),
            FramePart::HeldOut => self.held_out(),
            FramePart::Examples => self.examples().len(),
        }
    }

    /// Calls `take` for each row of a part, in order.
    ///
    /// # Errors
    /// The rows cannot be read again, or were not kept; or `take` fails.
    pub fn for_each_row<E: From<io::Error>>(
        &self,
        part: FramePart,
        mut take: impl FnMut(&FrameRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.table.rows < self.labelled() {
            return Err(io::Error::other("the rows of the window were not kept").into());
        }
        let (numbers, codes) = (self.table.numbers, self.table.dictionaries.len());
        let mut buffer = Chunk::default();
        for (kept, rows) in self.table.pieces(self.part_range(part)) {
            let chunk = kept.read(&mut buffer)?;
            for row in rows {
                take(&FrameRow {
                    frame: self,
                    numbers: &chunk.numbers[row * numbers..(row + 1) * numbers],
                    codes: &chunk.codes[row * codes..(row + 1) * codes],
                    label: chunk.labels[row],
                })?;
            }
        }
        Ok(())
    }

    fn part_range(&self, part: FramePart) -> Range<usize> {
        match part {
            FramePart::Whole => self.range(Subset::Whole),
            FramePart::Training => self.range(Subset::Training),
            FramePart::HeldOut => self.range(Subset::HeldOut),
            FramePart::Examples => 0..self.part_len(part),
        }
    }
}

impl FrameRow<'_> {
    /// Returns the cells of the features, in the order of the schema.
    pub fn cells(&self) -> impl Iterator<Item = FrameCell<'_>> {
        let (mut numbers, mut codes) = (self.numbers.iter(), self.codes.iter().zip(&self.frame.table.dictionaries));
        self.frame.features.iter().map(move |feature| {
            if is_number(feature) {
                let number = numbers.next().copied().filter(|number| !number.is_nan());
                return number.map_or(FrameCell::Missing, FrameCell::Number);
            }
            let Some((code, dictionary)) = codes.next() else { return FrameCell::Missing };
            match &feature.kind {
                _ if *code == MISSING_CODE => FrameCell::Missing,
                // The parts of a time have fixed codes, from 1.
                FeatureKind::Calendar(..) => i32::try_from(*code - 1).map_or(FrameCell::Missing, FrameCell::Code),
                _ => dictionary.get(*code as usize - 1).map_or(FrameCell::Missing, |text| FrameCell::Text(text)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{pipeline, read_holding_out};

    const FEATURES: &str = "null = [\"\", \"NA\"]\ntime = { column = \"t\", format = \"%Y-%m-%d %H:%M\" }\n\
         [target]\ncolumn = \"y\"\nat_least = 15\n\
         [features]\nnumeric = [\"n\"]\nlog = [\"l\"]\ncategorical = [\"c\"]\ncalendar = [\"hour\"]";

    #[test]
    fn rows_are_read_as_they_came() {
        let csv = "y,n,l,c,t\n15,1.5,0,b,2013-01-01 05:15\n,9,9,9,2013-01-01 05:15\n14,NA,1,,2013-01-01 23:15\n\
                   -2,3,,a,\n99,4,2,b,2013-01-06 00:00\n";
        let (_, frames) = read_holding_out(&pipeline(FEATURES), csv.as_bytes(), usize::MAX, 0.5);
        let frame = &frames[0];
        let rows = |part: FramePart| {
            let mut rows = Vec::new();
            let read = frame.for_each_row::<io::Error>(part, |row| {
                rows.push((row.label, format!("{:?}", row.cells().collect::<Vec<_>>())));
                Ok(())
            });
            read.expect("memory can be read");
            assert_eq!(rows.len(), frame.part_len(part));
            rows
        };
        let all = rows(FramePart::Whole);
        let first =
            format!("{:?}", [FrameCell::Number(1.5), FrameCell::Number(0.0), FrameCell::Text("b"), FrameCell::Code(5)]);
        let second = format!(
            "{:?}",
            [FrameCell::Missing, FrameCell::Number(1.0_f64.ln_1p()), FrameCell::Missing, FrameCell::Code(23)]
        );
        assert_eq!(all[..2], [(true, first), (false, second)]);
        let third = [FrameCell::Number(3.0), FrameCell::Missing, FrameCell::Text("a"), FrameCell::Missing];
        assert_eq!(all[2], (false, format!("{third:?}")));
        assert_eq!((rows(FramePart::Training), rows(FramePart::HeldOut)), (all[..2].to_vec(), all[2..].to_vec()));
        assert_eq!(rows(FramePart::Examples), all[..3]);
        let error = frame.outline().for_each_row::<io::Error>(FramePart::Whole, |_| Ok(())).expect_err("no rows");
        assert!(error.to_string().contains("were not kept"), "{error}");
    }
}
