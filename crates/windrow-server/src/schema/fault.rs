//! The faults in the fields of a request.

use poem_openapi::Object;

/// Maximum number of faults in a list. Reading stops at the last of them.
pub(crate) const MAX_FAULTS: usize = 100;

/// One fault of a request.
#[derive(Debug, Clone, Default, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct FieldFault {
    /// The number of the row in a batch, from 1
    pub(crate) row: Option<u64>,
    /// The name of the field; empty if the fault concerns the whole row
    pub(crate) field: String,
    /// The description of the fault
    pub(crate) reason: String,
    /// The value in the request
    pub(crate) given: Option<String>,
    /// The kind of value that is expected
    pub(crate) expected: Option<String>,
    /// The known name that is most similar
    pub(crate) did_you_mean: Option<String>,
}

/// The first faults of a request, at most [`MAX_FAULTS`].
#[derive(Debug, Default)]
pub(crate) struct FieldFaults {
    pub(crate) found: Vec<FieldFault>,
    /// The row of a batch that is being read, from 1.
    pub(crate) row: Option<u64>,
}

impl FieldFaults {
    /// Adds a fault of the current row. If the list is full, the fault is dropped.
    pub(crate) fn push(&mut self, fault: FieldFault) {
        if !self.is_full() {
            self.found.push(FieldFault { row: self.row, ..fault });
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_FAULTS
    }
}
