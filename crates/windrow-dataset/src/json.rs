//! Reads JSON Lines as CSV records. Each line is an object, and its keys are the columns.
//!
//! - `object`: the keys and values of one line.
//! - `keys`: the first pass over a file, which finds its columns.
//! - `rows`: the rows as records.
//!
//! Nested values (objects and lists) are skipped without recursion. The memory is bounded by the longest line and the
//! number of columns.

mod keys;
mod object;
mod rows;

pub(crate) use self::keys::JsonKeys;
pub(crate) use self::rows::JsonRows;

#[cfg(test)]
mod tests;
