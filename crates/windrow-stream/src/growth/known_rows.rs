//! The rows in the files of the windows, as hashes by row number.

use std::fs::File;

use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::growth::error::GrowthError;
use crate::growth::row_hash::{RowHash, RowHasher};
use windrow_record::RowNumber;
use windrow_windows::{BatchError, BatchStore, Manifest, RowRange};

/// The number of windows that are read at once.
const WINDOWS_AT_ONCE: usize = 16;

/// The rows that sealed windows account for.
#[derive(Debug)]
pub(crate) struct KnownRows {
    /// The number of the first row.
    from: u64,
    /// The hashes of the rows from `from` on. The hash is 0 if no window accounts for the row.
    hashes: Vec<RowHash>,
}

impl KnownRows {
    /// Reads all windows. Returns `None` if `stop` is cancelled.
    pub(crate) fn read<'a>(
        store: &BatchStore,
        manifests: &[Manifest],
        from: RowNumber,
        hasher: &(dyn Fn() -> RowHasher<'a> + Sync),
        stop: &CancellationToken,
    ) -> Result<Option<Self>, GrowthError> {
        let (mut last, mut count) = (from.get() - 1, 0_u64);
        for range in manifests.iter().flat_map(Manifest::row_ranges) {
            last = last.max(range.last);
            count = count.saturating_add(range.count().unwrap_or(0));
        }
        let length = length(from.get(), last, count, &store.folder().display().to_string())?;
        let mut hashes = vec![RowHash::default(); length];
        for some in manifests.chunks(WINDOWS_AT_ONCE) {
            if stop.is_cancelled() {
                return Ok(None);
            }
            let read = some.par_iter().map(|manifest| window(store, manifest, &mut hasher()));
            for (number, hash) in read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                let index = number.checked_sub(from.get()).and_then(|index| usize::try_from(index).ok());
                if let Some(place) = index.and_then(|index| hashes.get_mut(index)) {
                    *place = hash;
                }
            }
        }
        Ok(Some(Self { from: from.get(), hashes }))
    }

    /// Returns a row by its number. `None` if no window accounts for it.
    pub(crate) fn get(&self, number: u64) -> Option<RowHash> {
        let index = usize::try_from(number.checked_sub(self.from)?).ok()?;
        self.hashes.get(index).copied().filter(|hash| hash.row != 0)
    }

    /// The number of the first row of the replay.
    pub(crate) fn first(&self) -> u64 {
        self.from
    }

    /// The number of the last row that a window accounts for.
    pub(crate) fn last(&self) -> u64 {
        self.from - 1 + self.hashes.len() as u64
    }

    /// The rows from the first one to the first that no window accounts for.
    pub(crate) fn without_gap(&self) -> &[RowHash] {
        let gap = self.hashes.iter().position(|hash| hash.row == 0);
        &self.hashes[..gap.unwrap_or(self.hashes.len())]
    }

    /// Creates the rows of a topic. The first of them is the first row that it still has.
    pub(crate) fn of_rows(rows: &[(u64, RowHash)], topic: &str) -> Result<Self, GrowthError> {
        let numbers = || rows.iter().map(|(number, _)| *number);
        let (from, last) = (numbers().min().unwrap_or(1), numbers().max().unwrap_or(0));
        let length = length(from, last, rows.len() as u64, topic)?;
        let mut hashes = vec![RowHash::default(); length];
        for (number, hash) in rows {
            if let Some(place) = usize::try_from(number - from).ok().and_then(|index| hashes.get_mut(index)) {
                *place = *hash;
            }
        }
        Ok(Self { from, hashes })
    }

    #[cfg(test)]
    pub(crate) fn of(from: u64, hashes: Vec<RowHash>) -> Self {
        Self { from, hashes }
    }
}

/// Returns the number of rows from `from` to `last`. Of these, `count` are known. Rows of windows that are still open
/// can be missing between others, but not most of them.
fn length(from: u64, last: u64, count: u64, place: &str) -> Result<usize, GrowthError> {
    let (length, most) =
        (last.saturating_add(1).saturating_sub(from), count.saturating_mul(64).saturating_add(1 << 20));
    let scattered = || GrowthError::Scattered { place: place.to_owned(), count, last };
    usize::try_from(length).ok().filter(|_| length <= most).ok_or_else(scattered)
}

/// Reads the rows of a window, with the labels that have arrived since.
fn window(
    store: &BatchStore,
    manifest: &Manifest,
    hasher: &mut RowHasher<'_>,
) -> Result<Vec<(u64, RowHash)>, GrowthError> {
    let damaged = |reason: String| BatchError::Damaged { path: store.batch_location(manifest), reason };
    let labels = store.labels(manifest.window)?;
    let mut records = store.rows(manifest, hasher.delimiter())?;
    let mut numbers = manifest.rows.numbers.iter().flat_map(RowRange::numbers);
    let mut found = Vec::new();
    while let Some(record) = records.next_record().map_err(|error| damaged(error.to_string()))? {
        let Some(number) = numbers.next() else {
            return Err(damaged("it has more rows than its manifest says".to_owned()).into());
        };
        let hash = hasher.hash(record.bytes);
        found.push((number, labels.get(number).map_or(hash, |label| hasher.with_target(hash, label))));
    }
    if numbers.next().is_some() {
        return Err(damaged("it has fewer rows than its manifest says".to_owned()).into());
    }
    if manifest.quarantine.count > 0 {
        let path = store.quarantine_path(manifest.window);
        let file = File::open(&path).map_err(BatchError::read(&path))?;
        store.quarantined(manifest.window, file, |line| {
            found.extend(line.row.map(|row| (row.get(), hasher.hash(&line.raw))));
        })?;
    }
    Ok(found)
}
