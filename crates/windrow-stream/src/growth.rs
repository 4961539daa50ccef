//! Compares a newer extract of the dataset with the rows that were replayed from earlier ones, so that only what is new
//! is replayed.
//!
//! A newer extract has the rows that were read, without some of the first ones, and then new rows. Labels may have
//! arrived: a row without a target has one now. Any other difference is an error, with the row and the column.
//!
//! It changes nothing. Its memory is at most 48 bytes for each row that was read, and the cells of the new labels.
//!
//! - `row_hash`: a row as two numbers, the target apart. `known_rows`: the rows in the files of the windows.
//!   `topic_rows`: the rows in a topic, for a producer without these files. `file_rows`: the rows of the extract.
//! - `alignment`: the row with which the extract begins. `differences`: the cells that differ. `refused`: labels of
//!   rows in quarantine.
//! - `extract`: [`Extract`], the account of one file in `run.json`. `error`: the reasons why an extract does not fit.

mod alignment;
mod differences;
mod error;
mod extract;
mod file_rows;
mod known_rows;
mod refused;
mod row_hash;
mod topic_rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::alignment::{Alignment, align, first_difference};
use self::differences::{RowFinder, difference, new_cells};
use self::file_rows::FileRows;
use self::known_rows::KnownRows;
use self::refused::refused_labels;
use windrow_config::Schema;
use windrow_record::{RecordParser, RowNumber, WindowIndex};
use windrow_windows::{BatchError, BatchStore, Manifest, RowRange};

pub use self::error::GrowthError;
pub use self::extract::Extract;
pub use self::refused::RefusedLabel;
pub(crate) use self::row_hash::{RowHash, RowHasher};
pub(crate) use self::topic_rows::TopicRows;

/// The rows of the earlier extracts, and the file to compare with them.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The newer extract, as the pipeline file describes it.
    pub dataset: &'a windrow_config::Dataset,
    /// The columns of the dataset.
    pub schema: &'a Arc<Schema>,
    /// The store of the windows.
    pub store: &'a BatchStore,
    /// The manifests of all sealed windows.
    pub manifests: &'a [Manifest],
    /// The first row of the replay.
    pub from: RowNumber,
}

/// The difference between a newer extract and the rows that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// The row number of the extract's first row. The rows before it are not in the file any more.
    pub begins: RowNumber,
    /// The number of rows in the file.
    pub rows: u64,
    /// The labels that have arrived, by the window of their rows. A cell is in the form of the batch files.
    pub labels: BTreeMap<WindowIndex, Vec<(RowNumber, String)>>,
    /// The labels that have arrived for rows in quarantine.
    pub refused: Vec<RefusedLabel>,
}

impl Growth {
    /// The number of the last row in the file.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.begins.get() - 1 + self.rows
    }
}

impl Comparison<'_> {
    /// Compares every row. Returns `None` if `stop` is cancelled.
    ///
    /// # Errors
    /// The extract does not go on after the rows that were read, or a file cannot be read.
    pub fn run(&self, stop: &CancellationToken) -> Result<Option<Growth>, GrowthError> {
        let Self { dataset, schema, store, manifests, from } = self;
        self.check_columns()?;
        let hasher = || RowHasher::new(schema, store.format());
        let Some(known) = KnownRows::read(store, manifests, *from, &hasher, stop)? else { return Ok(None) };
        let Some(file) = file_rows::read(dataset, &mut hasher(), known.last(), stop)? else { return Ok(None) };
        let FileRows { hashes, count: rows } = file;
        let found = match align(&hashes, &known) {
            Alignment::Found { dropped } => first_difference(&hashes, &known, dropped),
            other => other,
        };
        let dropped = match found {
            Alignment::Found { dropped } => dropped,
            Alignment::Differs { dropped, row } => {
                let before = RowFinder { schema, store, manifests }.record(row)?;
                return Err(difference(dataset, schema, store.format(), (row, dropped), &before));
            }
            Alignment::Shorter { dropped, row } => {
                return Err(GrowthError::shorter(dataset, rows, dropped, row, known.last()));
            }
        };
        let has_label = |number: u64| {
            let now = usize::try_from(number.checked_sub(dropped + 1)?).ok().and_then(|index| hashes.get(index))?;
            let is_new = known.get(number)? != *now;
            RowNumber::new(number).filter(|_| is_new)
        };
        let labelled = manifests.iter().map(|manifest| {
            let numbers = manifest.rows.numbers.iter().flat_map(RowRange::numbers);
            (manifest.window, numbers.filter_map(has_label).collect::<Vec<RowNumber>>())
        });
        let labelled = labelled.filter(|(_, rows)| !rows.is_empty()).collect();
        let refused = manifests.iter().flat_map(|manifest| {
            let numbers = manifest.quarantine.numbers.iter().flat_map(RowRange::numbers);
            numbers.filter_map(has_label).map(move |row| (row, manifest.window))
        });
        let refused = refused.collect();
        let begins = RowNumber::new(dropped + 1).unwrap_or(RowNumber::FIRST);
        let labels = new_cells(dataset, schema, store.format(), dropped, labelled)?;
        let refused = refused_labels(dataset, schema, store.format(), dropped, refused)?;
        Ok(Some(Growth { begins, rows, labels, refused }))
    }

    /// Checks that the file has the columns of the batch files.
    fn check_columns(&self) -> Result<(), GrowthError> {
        let Some(manifest) = self.manifests.first() else { return Ok(()) };
        let (path, delimiter) = (self.store.batch_location(manifest), self.schema.delimiter);
        let mut records = self.store.format().read(self.store.batch_file(manifest)?, &path, delimiter)?;
        let damaged = |reason: String| BatchError::Damaged { path: path.clone(), reason };
        let header = records.next_record().map_err(|error| damaged(error.to_string()))?;
        let header = header.map(|record| record.bytes.to_vec()).unwrap_or_default();
        let mut parser = RecordParser::new(delimiter);
        let fields = parser.parse(&header).map_err(|error| damaged(error.to_string()))?;
        if fields.iter().eq(self.schema.columns.iter().map(String::as_str)) {
            return Ok(());
        }
        let (before, now) = (fields.iter().collect::<Vec<_>>().join(", "), self.schema.columns.join(", "));
        Err(GrowthError::Columns { dataset: self.dataset.path.clone(), before, now })
    }
}
