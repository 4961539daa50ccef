//! A row as two numbers, with the target apart from the other cells.

use std::hash::{DefaultHasher, Hasher};

use windrow_config::Schema;
use windrow_record::RecordParser;
use windrow_windows::RowFormat;

/// The number for a target that is missing.
const NO_TARGET: u32 = 0;
/// The number for the target of a record that cannot be split into cells.
const NO_CELLS: u32 = 1;

/// The hashes of a row. Two different rows have the same hashes with a probability of 2^-64, and two targets of 2^-32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowHash {
    /// The hash of all cells except the target; never 0.
    pub(crate) row: u64,
    target: u32,
}

impl RowHash {
    /// A row without a target.
    #[cfg(test)]
    pub(crate) fn of_row(row: u64) -> Self {
        Self { row, target: NO_TARGET }
    }

    /// Returns true if the row has a target.
    pub(crate) fn has_target(self) -> bool {
        self.target != NO_TARGET
    }

    /// Returns true if a row can have become `now`: it is the same, except that a missing target may have arrived.
    pub(crate) fn can_become(self, now: Self) -> bool {
        self == now || self.row == now.row && !self.has_target() && now.has_target()
    }
}

/// Computes the hashes of records, by the values of their cells in the form in which they are stored.
#[derive(Debug)]
pub(crate) struct RowHasher<'a> {
    schema: &'a Schema,
    format: &'a RowFormat,
    stored: RecordParser,
    parser: RecordParser,
}

impl<'a> RowHasher<'a> {
    pub(crate) fn new(schema: &'a Schema, format: &'a RowFormat) -> Self {
        let parser = || RecordParser::new(schema.delimiter);
        Self { schema, format, stored: parser(), parser: parser() }
    }

    pub(crate) fn hash(&mut self, record: &[u8]) -> RowHash {
        let record = self.format.stored(record, &mut self.stored);
        let (column, _) = self.schema.target();
        let Ok(fields) = self.parser.parse(&record) else { return RowHash { row: hash([&*record]), target: NO_CELLS } };
        let others = fields.iter().enumerate().filter(|(index, _)| *index != column);
        let row = hash(others.map(|(_, cell)| cell.as_bytes()));
        let target = fields.get(column).map_or(NO_CELLS, |cell| target(self.schema, cell));
        RowHash { row, target }
    }

    /// Returns the hashes of a row whose target has arrived.
    pub(crate) fn with_target(&self, row: RowHash, cell: &str) -> RowHash {
        RowHash { target: target(self.schema, cell), ..row }
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.schema.delimiter
    }
}

fn target(schema: &Schema, cell: &str) -> u32 {
    // The upper half of the hash is not needed.
    if schema.is_null(cell) { NO_TARGET } else { (hash([cell.as_bytes()]) as u32).max(NO_CELLS + 1) }
}

/// Returns the hash of cells; never 0.
fn hash<'a>(cells: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for cell in cells {
        hasher.write_usize(cell.len());
        hasher.write(cell);
    }
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use windrow_config::Pipeline;

    #[test]
    fn the_target_is_hashed_apart() {
        let pipeline = Pipeline::parse(
            Path::new("p.toml"),
            "name = \"p\"\ndataset = { path = \"d.csv\" }\ntarget = { column = \"y\", at_least = 1 }\n\
             features = { numeric = [\"x\"] }\nwindow = { rows = 5 }",
        )
        .expect("a good pipeline");
        let schema = Schema::bind(&pipeline, &["x", "y", "z"].map(str::to_owned)).expect("all columns");
        let format = RowFormat::Csv;
        let mut hasher = RowHasher::new(&schema, &format);
        let mut hash = |record: &str| hasher.hash(record.as_bytes());
        let (without, with) = (hash("1,,a"), hash("1,0,a"));
        assert!(!without.has_target() && with.has_target());
        assert_eq!(without.row, with.row);
        assert!(without.can_become(with) && !with.can_become(without) && !with.can_become(hash("1,1,a")));
        assert!(!without.can_become(hash("2,0,a")));
        assert_eq!(with, hash("1,\"0\",a"), "the values count, not their quotes");
        assert_ne!(hash("1,0,ab").row, hash("1,0,a").row);
        assert!(hash("1,0,\"a").has_target(), "a record that is none never gets a label");
    }
}
