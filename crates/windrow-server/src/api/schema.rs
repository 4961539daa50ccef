//! The input schema of a model: which fields a request must have, and how a request becomes the cells of a row or a list
//! of its faults.

mod fault;
mod field;
mod input;
mod json;
mod table;
mod value;

pub(crate) use fault::{Faults, FieldFault, MOST_FAULTS};
pub(crate) use field::{FieldKind, InputField};
pub(crate) use input::{InputSchema, Row, UnknownText};
pub(crate) use json::RowSeed;
pub(crate) use value::{InputValue, excerpt};

/// No row is larger, in bytes, however it is written.
pub(crate) const LARGEST_ROW: usize = 64 * 1024;
