//! The input schema of a model: the fields that a request must have. It converts a request to the cells of a row, or to
//! a list of its faults.

mod fault;
mod field;
mod input;
mod json;
mod known;
mod table;
mod value;

pub(crate) use fault::{FieldFault, FieldFaults, MAX_FAULTS};
pub(crate) use field::{FieldKind, InputField};
pub(crate) use input::{InputSchema, Row, UnknownText};
pub(crate) use json::RowSeed;
#[cfg(test)]
pub(crate) use known::KnownTexts;
pub(crate) use known::{MAX_EXACT, is_exact};
pub(crate) use value::{InputValue, excerpt};

/// Maximum size of a body with one row, and of a CSV record, in bytes.
pub(crate) const MAX_ROW_BYTES: usize = 64 * 1024;
