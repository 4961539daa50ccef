//! The rows of one window, parsed once into chunks and shared by every model that learns from it or is scored on it.
//!
//! Rows without a target are counted and not kept: nothing can be learned from them, nor scored on them.

mod builder;
mod parse;

use std::ops::Range;

use serde_json::{Map, Value};

use crate::model::drift::Profile;
use crate::model::summary::Summary;
use crate::model::table::{Subset, Table};
use windrow_config::Feature;

pub use builder::FrameBuilder;
pub use parse::{ChunkBuilder, ParsedRows};

/// One window's labelled rows. Not to be cloned: models share it.
#[derive(Debug)]
pub struct Frame {
    pub(super) features: Vec<Feature>,
    pub(super) table: Table,
    unlabelled: usize,
    labelled: usize,
    fit_len: usize,
    first_held_out: u64,
    fit_positives: usize,
    examples: Vec<Map<String, Value>>,
    training: Summary,
    whole: Summary,
    profile: Profile,
}

impl Frame {
    /// How many rows were given, labelled or not.
    pub fn rows(&self) -> usize {
        self.labelled + self.unlabelled
    }

    /// How many of them have a target.
    pub fn labelled(&self) -> usize {
        self.labelled
    }

    /// How many rows of the window, labelled or not, come before the first held-out one.
    pub(crate) fn first_held_out(&self) -> u64 {
        self.first_held_out
    }

    /// The same window without its rows: what an encoder learns from, for a fit whose rows are read elsewhere. It cannot be
    /// scored on.
    pub(crate) fn outline(&self) -> Self {
        Self {
            features: self.features.clone(),
            table: self.table.outline(),
            unlabelled: self.unlabelled,
            labelled: self.labelled,
            fit_len: self.fit_len,
            first_held_out: self.first_held_out,
            fit_positives: self.fit_positives,
            examples: self.examples.clone(),
            training: Summary::default(),
            whole: self.whole.clone(),
            profile: self.profile.clone(),
        }
    }

    /// How many of the labelled rows are held out from a first fit when this is the newest window: the last ones.
    pub fn held_out(&self) -> usize {
        self.labelled() - self.fit_len
    }

    /// How many of the labelled rows are positive.
    pub fn positives(&self) -> usize {
        // Counted in memory once, so it fits.
        self.profile.positives as usize
    }

    /// A few rows as an API request may hold them: by column, numbers for numeric features, texts for the others, null
    /// for missing cells.
    pub fn examples(&self) -> &[Map<String, Value>] {
        &self.examples
    }

    /// How its labelled rows are distributed, to compare windows without reading a row again.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What an encoder learns from some of the rows; nothing is known of the held-out ones alone.
    pub(super) fn summary(&self, rows: Subset) -> &Summary {
        match rows {
            Subset::Training => &self.training,
            Subset::HeldOut | Subset::Whole => &self.whole,
        }
    }

    /// How many rows, and how many positive ones, are meant.
    pub(super) fn counts(&self, rows: Subset) -> (usize, usize) {
        let (all, positives) = (self.labelled(), self.positives());
        match rows {
            Subset::Training => (self.fit_len, self.fit_positives),
            Subset::HeldOut => (all - self.fit_len, positives - self.fit_positives),
            Subset::Whole => (all, positives),
        }
    }

    pub(super) fn range(&self, rows: Subset) -> Range<usize> {
        match rows {
            Subset::Training => 0..self.fit_len,
            Subset::HeldOut => self.fit_len..self.table.rows,
            Subset::Whole => 0..self.table.rows,
        }
    }
}

#[cfg(test)]
mod tests;
