//! Parses rows to numbers and codes. Batches can be parsed in parallel, because each has its own dictionaries.

use indexmap::IndexSet;
use serde_json::{Map, Value};

use crate::model::chunk::{Chunk, MISSING_CODE};
use crate::model::encoder::calendar_number;
use crate::model::table::is_number;
use windrow_config::{FeatureKind, LastTime, RowFault, Schema};
use windrow_record::{Fields, parse_number};

/// The number of unparsed rows that are kept as examples.
pub(super) const MAX_EXAMPLES: usize = 3;

/// Consecutive rows of a window, parsed. The codes refer to the dictionaries of these rows.
#[derive(Debug)]
pub struct ParsedRows {
    pub(super) chunk: Chunk,
    /// The indices of the rows without a target among these rows, from 0.
    pub(super) unlabelled: Vec<usize>,
    pub(super) dictionaries: Vec<IndexSet<String>>,
    pub(super) examples: Vec<Map<String, Value>>,
}

/// A parser for consecutive rows of a window, at most one chunk.
#[derive(Debug)]
pub struct ChunkBuilder<'a> {
    schema: &'a Schema,
    parsed: ParsedRows,
    last_time: LastTime,
}

impl<'a> ChunkBuilder<'a> {
    /// Creates a parser for rows of this schema.
    pub fn new(schema: &'a Schema) -> Self {
        let codes = schema.features.iter().filter(|feature| !is_number(feature)).count();
        let dictionaries = vec![IndexSet::new(); codes];
        let parsed = ParsedRows { chunk: Chunk::default(), unlabelled: Vec::new(), dictionaries, examples: Vec::new() };
        Self { schema, parsed, last_time: LastTime::default() }
    }

    /// Parses the next row and appends it.
    ///
    /// # Errors
    /// The row cannot be read. The rows appended so far are unchanged.
    pub fn push(&mut self, row: &Fields<'_>) -> Result<(), RowFault> {
        self.schema.check_count(row)?;
        let Some(label) = self.schema.label(row)? else {
            let ParsedRows { chunk, unlabelled, .. } = &mut self.parsed;
            unlabelled.push(chunk.labels.len() + unlabelled.len());
            return Ok(());
        };
        let (numbers, codes) = (self.parsed.chunk.numbers.len(), self.parsed.chunk.codes.len());
        let pushed = self.push_cells(row);
        let ParsedRows { chunk, examples, .. } = &mut self.parsed;
        if pushed.is_err() {
            chunk.numbers.truncate(numbers);
            chunk.codes.truncate(codes);
            return pushed;
        }
        if examples.len() < MAX_EXAMPLES {
            examples.push(example(self.schema, row));
        }
        chunk.labels.push(label);
        Ok(())
    }

    fn push_cells(&mut self, row: &Fields<'_>) -> Result<(), RowFault> {
        let schema = self.schema;
        let ParsedRows { chunk, dictionaries, .. } = &mut self.parsed;
        let mut texts = dictionaries.iter_mut();
        for feature in &schema.features {
            match &feature.kind {
                FeatureKind::Numeric | FeatureKind::Log => {
                    chunk.numbers.push(schema.number(feature, row)?.unwrap_or(f64::NAN));
                }
                FeatureKind::Categorical => {
                    let text = row.get(feature.index).unwrap_or_default();
                    let dictionary = texts.next().filter(|_| !schema.is_null(text));
                    chunk.codes.push(dictionary.map_or(MISSING_CODE, |dictionary| code_of(dictionary, text)));
                }
                FeatureKind::Calendar(part, _) => {
                    texts.next();
                    let time = self.last_time.read(schema, row)?;
                    chunk.codes.push(time.map_or(MISSING_CODE, |time| 1 + u32::from(calendar_number(*part, time))));
                }
            }
        }
        Ok(())
    }

    /// Returns the rows so far.
    pub fn finish(self) -> ParsedRows {
        self.parsed
    }
}

/// Returns the code of a text: its index in the order of first occurrence, from 1. A new text is added.
pub(super) fn code_of(dictionary: &mut IndexSet<String>, text: &str) -> u32 {
    let index = dictionary.get_index_of(text).unwrap_or_else(|| dictionary.insert_full(text.to_owned()).0);
    // Four billion texts do not fit into memory.
    u32::try_from(index + 1).unwrap_or(MISSING_CODE)
}

fn example(schema: &Schema, row: &Fields<'_>) -> Map<String, Value> {
    let cells = schema.features.iter().map(|feature| {
        let text = row.get(feature.index).unwrap_or_default();
        let value = match feature.kind {
            _ if schema.is_null(text) => Value::Null,
            FeatureKind::Numeric | FeatureKind::Log => json_number(text),
            FeatureKind::Categorical | FeatureKind::Calendar(..) => Value::from(text),
        };
        (feature.column.clone(), value)
    });
    cells.collect()
}

/// Returns the number as people write it: 1400, not 1400.0.
fn json_number(text: &str) -> Value {
    match text.trim().parse::<i64>() {
        Ok(integer) => Value::from(integer),
        Err(_) => parse_number(text).map_or(Value::Null, Value::from),
    }
}
