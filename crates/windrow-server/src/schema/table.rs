//! Reads the rows of a CSV table.

use crate::schema::fault::{FieldFault, FieldFaults};
use crate::schema::input::{InputSchema, Row};
use windrow_record::Fields;

impl InputSchema {
    /// Returns the column index of each field. The table may have further columns. Returns `None` if a field has no
    /// column, or two.
    pub(crate) fn columns(&self, header: &Fields<'_>, faults: &mut FieldFaults) -> Option<Vec<usize>> {
        let mut columns = Vec::with_capacity(self.fields().len());
        for field in self.fields() {
            let mut indices = header.iter().enumerate().filter(|(_, name)| *name == field.name).map(|(index, _)| index);
            match (indices.next(), indices.next()) {
                (Some(index), None) => columns.push(index),
                (Some(_), Some(_)) => faults.push(field.fault("is given twice in the header line", None)),
                (None, _) => {
                    let did_you_mean = windrow_config::nearest_name(&field.name, header.iter()).map(str::to_owned);
                    faults.push(FieldFault { did_you_mean, ..field.fault("is missing in the header line", None) });
                }
            }
        }
        faults.is_empty().then_some(columns)
    }

    /// Reads one record. `columns` are the column indexes of the fields. Returns `None` if the record is faulty.
    pub(crate) fn read<'b>(&self, record: &Fields<'b>, columns: &[usize], faults: &mut FieldFaults) -> Option<Row<'b>> {
        let values = self.fields().iter().zip(columns).map(|(field, column)| {
            let text = record.get(*column).unwrap_or_default();
            Some(self.value_of_text(field, text))
        });
        self.row(values.collect(), faults)
    }
}
