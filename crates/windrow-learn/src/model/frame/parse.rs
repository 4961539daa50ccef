//! Parses rows to numbers and codes. Batches can be parsed in parallel, because each has its own dictionaries.

use indexmap::IndexSet;
use serde_json::{Map, Value};

use crate::model::chunk::{Chunk, MISSING};
use crate::model::encoder::calendar_number;
use crate::model::table::is_number;
use windrow_config::{FeatureKind, RowFault, Schema};
use windrow_record::{EventTime, Fields, parse_number};

/// The number of unparsed rows that are kept as examples.
pub(super) const EXAMPLES: usize = 3;

/// Consecutive rows of a window, parsed. The codes are places in the dictionaries of these rows.
#[derive(Debug)]
pub struct ParsedRows {
    pub(super) chunk: Chunk,
    /// The places of the rows without a target among these rows, from 0.
    pub(super) unlabelled: Vec<usize>,
    pub(super) dictionaries: Vec<IndexSet<String>>,
    pub(super) examples: Vec<Map<String, Value>>,
}

/// A parser for consecutive rows of a window, at most one chunk.
#[derive(Debug)]
pub struct ChunkBuilder<'a> {
    schema: &'a Schema,
    chunk: Chunk,
    unlabelled: Vec<usize>,
    texts: Vec<IndexSet<String>>,
    examples: Vec<Map<String, Value>>,
    clock: Clock,
}

/// A parser for the time of a row. Streams are in time order, so the text is often the same as in the row before.
#[derive(Debug, Default)]
struct Clock {
    text: String,
    time: Option<EventTime>,
}

impl Clock {
    fn read(&mut self, schema: &Schema, row: &Fields<'_>) -> Result<Option<EventTime>, RowFault> {
        let text = schema.time.as_ref().and_then(|(index, _)| row.get(*index)).unwrap_or_default();
        if self.time.is_none() || self.text != text {
            self.time = schema.time(row)?;
            text.clone_into(&mut self.text);
        }
        Ok(self.time)
    }
}

impl<'a> ChunkBuilder<'a> {
    /// Creates a parser for rows of this schema.
    pub fn new(schema: &'a Schema) -> Self {
        let codes = schema.features.iter().filter(|feature| !is_number(feature)).count();
        Self {
            schema,
            chunk: Chunk::default(),
            unlabelled: Vec::new(),
            texts: vec![IndexSet::new(); codes],
            examples: Vec::new(),
            clock: Clock::default(),
        }
    }

    /// Parses the next row and appends it.
    ///
    /// # Errors
    /// The row cannot be read. The rows appended so far are unchanged.
    pub fn push(&mut self, row: &Fields<'_>) -> Result<(), RowFault> {
        let (given, expected) = (row.len(), self.schema.columns.len());
        if given != expected {
            return Err(RowFault::FieldCount { given, expected });
        }
        let Some(label) = self.schema.label(row)? else {
            self.unlabelled.push(self.chunk.labels.len() + self.unlabelled.len());
            return Ok(());
        };
        let (numbers, codes) = (self.chunk.numbers.len(), self.chunk.codes.len());
        if let Err(fault) = self.push_cells(row) {
            self.chunk.numbers.truncate(numbers);
            self.chunk.codes.truncate(codes);
            return Err(fault);
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(example(self.schema, row));
        }
        self.chunk.labels.push(label);
        Ok(())
    }

    fn push_cells(&mut self, row: &Fields<'_>) -> Result<(), RowFault> {
        let mut texts = self.texts.iter_mut();
        for feature in &self.schema.features {
            match &feature.kind {
                FeatureKind::Numeric | FeatureKind::Log => {
                    self.chunk.numbers.push(self.schema.number(feature, row)?.unwrap_or(f64::NAN));
                }
                FeatureKind::Categorical => {
                    let text = row.get(feature.index).unwrap_or_default();
                    let dictionary = texts.next().filter(|_| !self.schema.is_null(text));
                    self.chunk.codes.push(dictionary.map_or(MISSING, |dictionary| code_of(dictionary, text)));
                }
                FeatureKind::Calendar(part, _) => {
                    texts.next();
                    let time = self.clock.read(self.schema, row)?;
                    self.chunk.codes.push(time.map_or(MISSING, |time| 1 + u32::from(calendar_number(*part, time))));
                }
            }
        }
        Ok(())
    }

    /// Returns the rows so far.
    pub fn finish(self) -> ParsedRows {
        let Self { chunk, unlabelled, texts: dictionaries, examples, .. } = self;
        ParsedRows { chunk, unlabelled, dictionaries, examples }
    }
}

/// Returns the code of a text: its place in the order of first occurrence, from 1. A new text is added.
pub(super) fn code_of(dictionary: &mut IndexSet<String>, text: &str) -> u32 {
    let place = dictionary.get_index_of(text).unwrap_or_else(|| dictionary.insert_full(text.to_owned()).0);
    // Four billion texts do not fit into memory.
    u32::try_from(place + 1).unwrap_or(MISSING)
}

fn example(schema: &Schema, row: &Fields<'_>) -> Map<String, Value> {
    let mut example = Map::new();
    for feature in &schema.features {
        let text = row.get(feature.index).unwrap_or_default();
        let value = match feature.kind {
            _ if schema.is_null(text) => Value::Null,
            FeatureKind::Numeric | FeatureKind::Log => json_number(text),
            FeatureKind::Categorical | FeatureKind::Calendar(..) => Value::from(text),
        };
        example.insert(feature.column.clone(), value);
    }
    example
}

/// Returns the number as people write it: 1400, not 1400.0.
fn json_number(text: &str) -> Value {
    match text.trim().parse::<i64>() {
        Ok(integer) => Value::from(integer),
        Err(_) => parse_number(text).map_or(Value::Null, Value::from),
    }
}
