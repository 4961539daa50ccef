//! Puts parsed rows together to a frame.

use std::io;
use std::sync::Arc;

use indexmap::IndexSet;
use roaring::RoaringTreemap;
use serde_json::{Map, Value};

use crate::model::chunk::{ChunkStore, MISSING};
use crate::model::drift::Profile;
use crate::model::frame::Frame;
use crate::model::frame::parse::{EXAMPLES, ParsedRows, code_of};
use crate::model::summary::{Summary, gather};
use crate::model::table::{Table, is_number};
use windrow_config::{Feature, FeatureKind, Schema};

/// Builds a [`Frame`] from rows in the order of the stream.
#[derive(Debug)]
pub struct FrameBuilder {
    schema: Arc<Schema>,
    store: Arc<dyn ChunkStore>,
    table: Table,
    /// Of each feature that is no number, in the table's order.
    texts: Vec<IndexSet<String>>,
    labels: Vec<bool>,
    /// The places of rows without a target in the window, from 0.
    unlabelled: RoaringTreemap,
    examples: Vec<Map<String, Value>>,
}

impl FrameBuilder {
    /// A builder for rows of this schema, which are kept in `store`.
    pub fn new(schema: &Arc<Schema>, store: Arc<dyn ChunkStore>) -> Self {
        let numbers = schema.features.iter().filter(|feature| is_number(feature)).count();
        Self {
            schema: Arc::clone(schema),
            store,
            table: Table::new(numbers, Vec::new()),
            texts: vec![IndexSet::new(); schema.features.len() - numbers],
            labels: Vec::new(),
            unlabelled: RoaringTreemap::new(),
            examples: Vec::new(),
        }
    }

    /// Takes the next rows of the window.
    ///
    /// # Errors
    /// They cannot be kept.
    pub fn append(&mut self, parsed: ParsedRows) -> io::Result<()> {
        let ParsedRows { mut chunk, unlabelled, dictionaries, examples } = parsed;
        let before = self.labels.len() as u64 + self.unlabelled.len();
        self.unlabelled.extend(unlabelled.iter().map(|place| before + *place as u64));
        let wanted = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(examples.into_iter().take(wanted));
        if chunk.labels.is_empty() {
            return Ok(());
        }
        let width = self.texts.len();
        for (place, (known, texts)) in self.texts.iter_mut().zip(&dictionaries).enumerate() {
            if texts.is_empty() {
                continue;
            }
            let codes: Vec<u32> = texts.iter().map(|text| code_of(known, text)).collect();
            for code in chunk.codes[place..].iter_mut().step_by(width).filter(|code| **code != MISSING) {
                *code = codes[*code as usize - 1];
            }
        }
        self.labels.extend(&chunk.labels);
        let rows = chunk.rows();
        self.table.push(rows, self.store.keep(chunk)?);
        Ok(())
    }

    /// The frame of the rows so far; of the labelled ones the last, a share of `holdout`, score a first fit.
    ///
    /// # Errors
    /// The rows cannot be read again.
    pub fn finish(self, holdout: f64) -> io::Result<Frame> {
        let Self { schema, store, mut table, texts, labels, unlabelled, examples } = self;
        let coded = schema.features.iter().filter(|feature| !is_number(feature));
        table.dictionaries = coded.zip(texts).map(|(feature, texts)| dictionary(feature, texts)).collect();
        // A product of a share and a count that fits: the conversion back cannot lose more than the fraction.
        let held_out = (holdout * labels.len() as f64).floor() as usize;
        let fit_len = labels.len().saturating_sub(held_out);
        let columns = gather(&table, fit_len, store.spare())?;
        let positives = |labels: &[bool]| labels.iter().filter(|label| **label).count();
        let profile = Profile::new(&schema.features, &table.dictionaries, &columns, labels.len(), positives(&labels));
        let mut frame = Frame {
            features: schema.features.clone(),
            table,
            // Counted in memory once, so it fits.
            unlabelled: unlabelled.len() as usize,
            labelled: labels.len(),
            fit_len,
            first_held_out: rows_with_labelled(&unlabelled, fit_len as u64),
            fit_positives: positives(&labels[..fit_len]),
            examples,
            training: Summary::default(),
            whole: Summary::default(),
            profile,
        };
        (frame.training, frame.whole) = Summary::both(columns);
        Ok(frame)
    }
}

/// Behind how many rows of the window there are so many labelled ones; `unlabelled` are the places of the others.
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
        // The parts of a time are small numbers, so each is its own code.
        return (0..=u8::MAX).map(|number| number.to_string()).collect();
    }
    texts.into_iter().collect()
}
