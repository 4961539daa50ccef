//! The rows of one window, parsed once into chunks. All models that learn from the window or are scored on it share
//! them.
//!
//! Rows without a target are counted but not stored: no model can learn from them or be scored on them.

mod builder;
mod parse;
mod rows;

use std::ops::Range;

use serde_json::{Map, Value};

use crate::model::drift::Profile;
use crate::model::summary::Summary;
use crate::model::table::{Subset, Table};
use windrow_config::Feature;

pub use builder::FrameBuilder;
pub use parse::{ChunkBuilder, ParsedRows};
pub use rows::{FrameCell, FramePart, FrameRow};

/// One window's labelled rows. Models share a frame, so it cannot be cloned.
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
    /// Returns the number of rows of the window, labelled or not.
    pub fn rows(&self) -> usize {
        self.labelled + self.unlabelled
    }

    /// Returns the number of rows that have a target.
    pub fn labelled(&self) -> usize {
        self.labelled
    }

    /// Returns the number of rows, labelled or not, before the first held-out one.
    pub(crate) fn first_held_out(&self) -> u64 {
        self.first_held_out
    }

    /// Returns the same window without its rows. An encoder can learn from it, for a fit by a remote solver. No model
    /// can be scored on it.
    pub(crate) fn outline(&self) -> Self {
        Self {
            features: self.features.clone(),
            table: self.table.outline(),
            examples: self.examples.clone(),
            training: Summary::default(),
            whole: self.whole.clone(),
            profile: self.profile.clone(),
            ..*self
        }
    }

    /// Returns the number of labelled rows that are held out from a first fit if this is the newest window. They are
    /// the last ones.
    pub fn held_out(&self) -> usize {
        self.labelled() - self.fit_len
    }

    /// Returns the number of positive rows.
    pub fn positives(&self) -> usize {
        // The rows were counted in memory, so the number fits.
        self.profile.positives as usize
    }

    /// Returns a few rows in the form of an API request, by column: a number for a numeric feature, a text for any
    /// other feature, null for a missing cell.
    pub fn examples(&self) -> &[Map<String, Value>] {
        &self.examples
    }

    /// Returns the distribution of the labelled rows. With it, windows can be compared without reading a row again.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Returns the statistics that an encoder learns from. For [`Subset::HeldOut`] they are those of the whole window.
    pub(super) fn summary(&self, rows: Subset) -> &Summary {
        match rows {
            Subset::Training => &self.training,
            Subset::HeldOut | Subset::Whole => &self.whole,
        }
    }

    /// Returns the number of rows and of positive rows in a subset.
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
