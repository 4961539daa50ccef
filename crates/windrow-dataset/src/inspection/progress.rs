//! Reports how many rows a pass has read.

/// The number of rows between two reports.
const ROWS_BETWEEN: u64 = 16_384;

/// The function that receives the number of rows read so far.
pub type Tell<'a> = &'a dyn Fn(u64);

/// Reports the rows of a pass every [`ROWS_BETWEEN`] rows.
pub(super) fn passed(rows: u64, tell: Tell<'_>) {
    if rows.is_multiple_of(ROWS_BETWEEN) {
        tell(rows);
    }
}
