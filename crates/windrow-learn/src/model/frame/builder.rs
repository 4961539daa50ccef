//! Builds a frame from parsed rows.

use std::io;
use std::sync::Arc;

use indexmap::IndexSet;
use roaring::RoaringTreemap;
use serde_json::{Map, Value};

use crate::model::chunk::{ChunkStore, MISSING_CODE};
use crate::model::drift::Profile;
use crate::model::frame::Frame;
use crate::model::frame::parse::{MAX_EXAMPLES, ParsedRows, code_of};
use crate::model::summary::gather;
use crate::model::table::{Table, is_number};
use windrow_config::{Feature, FeatureKind, Schema};

/// Builds a [`Frame`] from rows in the order of the stream.
#[derive(Debug)]
pub struct FrameBuilder {
    schema: Arc<Schema>,
    store: Arc<dyn ChunkStore>,
    table: Table,
    /// The dictionary of each feature that is not a number, in the table's order.
    texts: Vec<IndexSet<String>>,
    labels: Vec<bool>,
    /// The indices in the window of the rows without a target, from 0.
    unlabelled: RoaringTreemap,
    examples: Vec<Map<String, Value>>,
}

impl FrameBuilder {
    /// Creates a builder for rows of this schema. It stores chunks in `store`.
    pub fn new(schema: &Arc<Schema>, store: Arc<dyn ChunkStore>) -> Self {
        let numbers = schema.features.iter().filter(|feature| is_number(feature)).count();
        let table = Table::new(numbers, Vec::new());
        let texts = vec![IndexSet::new(); schema.features.len() - numbers];
        let (labels, unlabelled, examples) = (Vec::new(), RoaringTreemap::new(), Vec::new());
        Self { schema: Arc::clone(schema), store, table, texts, labels, unlabelled, examples }
    }

    /// Appends the next rows of the window.
    ///
    /// # Errors
    /// The rows cannot be stored.
    pub fn append(&mut self, parsed: ParsedRows) -> io::Result<()> {
        let ParsedRows { mut chunk, unlabelled, dictionaries, examples } = parsed;
        let before = self.labels.len() as u64 + self.unlabelled.len();
        self.unlabelled.extend(unlabelled.iter().map(|index| before + *index as u64));
        let wanted = MAX_EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(examples.into_iter().take(wanted));
        if chunk.labels.is_empty() {
            return Ok(());
        }
        let width = self.texts.len();
        for (index, (known, texts)) in self.texts.iter_mut().zip(&dictionaries).enumerate() {
            if texts.is_empty() {
                continue;
            }
            let codes: Vec<u32> = texts.iter().map(|text| code_of(known, text)).collect();
            for code in chunk.codes[index..].iter_mut().step_by(width).filter(|code| **code != MISSING_CODE) {
                *code = codes[*code as usize - 1];
            }
        }
        self.labels.extend(&chunk.labels);
        let rows = chunk.rows();
        self.table.push(rows, self.store.put(chunk)?);
        Ok(())
    }

    /// Builds the frame of all appended rows. The last labelled rows, a share of `holdout`, are held out to score a
    /// first fit.
    ///
    /// # Errors
    /// The rows cannot be read again.
    pub fn finish(self, holdout: f64) -> io::Result<Frame> {
        let Self { schema, store, mut table, texts, labels, unlabelled, examples } = self;
        let coded = schema.features.iter().filter(|feature| !is_number(feature));
        table.dictionaries = coded.zip(texts).map(|(feature, texts)| dictionary(feature, texts)).collect();
        // The result is a share of a count that fits, so the conversion back loses only the fraction.
        let held_out = (holdout * labels.len() as f64).floor() as usize;
        let fit_len = labels.len().saturating_sub(held_out);
        let gathered = gather(&table, fit_len, store.spare_bytes())?;
        let profile = Profile::new(&schema.features, &table.dictionaries, &gathered, &labels);
        Ok(Frame {
            features: schema.features.clone(),
            table,
            // The rows were counted in memory, so the number fits.
            unlabelled: unlabelled.len() as usize,
            labelled: labels.len(),
            fit_len,
            first_held_out: rows_with_labelled(&unlabelled, fit_len as u64),
            fit_positives: labels[..fit_len].iter().filter(|label| **label).count(),
            examples,
            training: gathered.training,
            whole: gathered.whole,
            profile,
        })
    }
}

/// Returns how many first rows of the window contain `labelled` labelled ones. `unlabelled` holds the indices of the
/// other rows.
fn rows_with_labelled(unlabelled: &RoaringTreemap, labelled: u64) -> u64 {
    let (mut low, mut high) = (labelled, labelled + unlabelled.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if middle - unlabelled.range_cardinality(..middle) < labelled { low = middle + 1 } else { high = middle }
    }
    low
}

fn dictionary(feature: &Feature, texts: IndexSet<String>) -> Vec<String> {
    if let FeatureKind::Calendar(..) = feature.kind {
        // The parts of a time are small numbers, so each number has a fixed code.
        return (0..=u8::MAX).map(|number| number.to_string()).collect();
    }
    texts.into_iter().collect()
}
