//! The input schema of one model, and the rows that are made from a request's values.

use poem_openapi::Object;
use serde::Serialize;

use crate::schema::fault::{FieldFault, FieldFaults};
use crate::schema::field::{FieldKind, InputField};
use crate::schema::value::{InputValue, excerpt};
use windrow_config::{Dataset, nearest_name};
use windrow_learn::model::{Cell, Inputs};
use windrow_record::{EventTime, parse_number};

#[derive(Debug)]
pub(crate) struct InputSchema {
    fields: Vec<InputField>,
    /// The index of the field of each feature, in the model's order.
    features: Vec<usize>,
    /// Texts that mean 'missing' in formats without null, such as CSV.
    nulls: Vec<String>,
}

/// A row without faults.
#[derive(Debug)]
pub(crate) struct Row<'b> {
    values: Vec<Option<InputValue<'b>>>,
    /// The parsed time. A pipeline has one time column.
    time: Option<EventTime>,
    /// The known texts with the value of a given number, with the index of the field.
    numbered: Vec<(usize, String)>,
}

impl Row<'_> {
    /// Returns the text of a category: as it was given, or the known text with the value of a number.
    fn text(&self, field: usize) -> Option<&str> {
        match self.values.get(field)?.as_ref()? {
            InputValue::Text(text) => Some(text),
            InputValue::Number(_) => {
                self.numbered.iter().find(|(index, _)| *index == field).map(|(_, text)| text.as_str())
            }
            _ => None,
        }
    }
}

/// A text that the model does not know, and that counts as 'other'
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct UnknownText {
    /// The name of the field
    field: String,
    /// The text in the request
    given: String,
    /// The known text that is most similar
    #[serde(skip_serializing_if = "Option::is_none")]
    did_you_mean: Option<String>,
}

impl InputSchema {
    /// Creates the schema of a model's columns. Texts are read as those of the dataset.
    pub(crate) fn new(inputs: &Inputs, dataset: &Dataset) -> Self {
        let mut fields: Vec<InputField> = Vec::new();
        let mut features = Vec::new();
        for feature in &inputs.features {
            let index = fields.iter().position(|field| field.name == feature.column);
            features.push(index.unwrap_or_else(|| {
                let (name, kind) = (feature.column.clone(), FieldKind::of(&feature.input));
                let rules = dataset.cell_rules(&name);
                fields.push(InputField { name, kind, rules });
                fields.len() - 1
            }));
        }
        Self { fields, features, nulls: dataset.null.clone() }
    }

    pub(crate) fn fields(&self) -> &[InputField] {
        &self.fields
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// Creates the fault of a name that no field has.
    pub(crate) fn unknown_field(&self, name: &str) -> FieldFault {
        let (field, reason) = (excerpt(name), "is not a field of this model".to_owned());
        let did_you_mean = nearest_name(name, self.fields.iter().map(|field| field.name.as_str())).map(str::to_owned);
        FieldFault { field, reason, did_you_mean, ..FieldFault::default() }
    }

    /// Returns true if a text means 'missing' in formats without null.
    pub(crate) fn is_null(&self, text: &str) -> bool {
        self.nulls.iter().any(|null| null == text)
    }

    /// Converts a text from a format without types, such as CSV, to the value of a field.
    pub(crate) fn value_of_text<'b>(&self, field: &InputField, text: &'b str) -> InputValue<'b> {
        if self.is_null(text) {
            return InputValue::Null;
        }
        match field.kind {
            // The rules of the column are applied to the row, as those to a text in JSON.
            _ if !field.rules.is_empty() => InputValue::Text(text.into()),
            FieldKind::Number { .. } => parse_number(text).map_or(InputValue::Text(text.into()), InputValue::Number),
            FieldKind::Text { .. } | FieldKind::Time(_) => InputValue::Text(text.into()),
        }
    }

    /// Creates a row from one value per field, in the order of the fields. Returns `None` if a value is faulty or the
    /// list of faults is full.
    pub(crate) fn row<'b>(&self, values: Vec<Option<InputValue<'b>>>, faults: &mut FieldFaults) -> Option<Row<'b>> {
        let (mut time, mut numbered, before) = (None, Vec::new(), faults.len());
        let rewritten = |(field, value): (&InputField, Option<_>)| value.map(|it| field.rewritten(it, &self.nulls));
        let values: Vec<Option<InputValue<'b>>> = self.fields.iter().zip(values).map(rewritten).collect();
        for (index, (field, value)) in self.fields.iter().zip(&values).enumerate() {
            match (field.check(value.as_ref(), &mut time), &field.kind, value) {
                (Some(fault), ..) => faults.push(fault),
                (None, FieldKind::Text { known }, Some(InputValue::Number(number))) => {
                    numbered.push((index, known.text_of(*number)));
                }
                _ => {}
            }
        }
        (faults.len() == before && !faults.is_full()).then_some(Row { values, time, numbered })
    }

    pub(crate) fn cells<'r>(&self, row: &'r Row<'_>) -> Vec<Cell<'r>> {
        let cell = |field: &usize| match (&self.fields[*field].kind, &row.values[*field]) {
            (FieldKind::Number { .. }, Some(InputValue::Number(number))) => Cell::Number(*number),
            (FieldKind::Text { .. }, _) => row.text(*field).map_or(Cell::Missing, Cell::Text),
            (FieldKind::Time(_), Some(InputValue::Text(_))) => row.time.map_or(Cell::Missing, Cell::Time),
            _ => Cell::Missing,
        };
        self.features.iter().map(cell).collect()
    }

    /// Returns the given value of each feature, in the form that answers repeat.
    pub(crate) fn given_by_feature(&self, row: &Row<'_>) -> impl Iterator<Item = Option<String>> {
        self.features.iter().map(|field| row.values[*field].as_ref().map(ToString::to_string))
    }

    /// Returns the texts of a row that the model does not know.
    pub(crate) fn unknown(&self, row: &Row<'_>) -> impl Iterator<Item = UnknownText> {
        self.fields.iter().enumerate().filter_map(move |(index, field)| {
            let FieldKind::Text { known } = &field.kind else { return None };
            let text = row.text(index).filter(|text| !known.contains(text))?;
            let did_you_mean = nearest_name(text, known.iter()).map(str::to_owned);
            Some(UnknownText { field: field.name.clone(), given: excerpt(text), did_you_mean })
        })
    }
}

#[cfg(test)]
mod tests;
