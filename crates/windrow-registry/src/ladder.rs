//! The models of one window that only the advice needs (`advice/models/window-00001.json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use windrow_learn::learner::FolderDigest;
use windrow_learn::model::LinearModel;
use windrow_record::{Scheme, WindowIndex};

/// The format version of [`Ladder`]. A reader refuses any other version.
pub(super) const LADDER_FORMAT: u32 = 5;

/// The models of one window that only the advice needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// The format version of the file.
    pub format: u32,
    /// The newest window of the models.
    pub window: WindowIndex,
    /// The SHA-256 of that window's batch file, in hexadecimal.
    pub sha256: String,
    /// The models by history. `None` if the history's windows cannot be learned from, or the solver did not converge.
    pub models: BTreeMap<Scheme, Option<LadderModel>>,
}

/// A model that only the advice needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LadderModel {
    /// A logistic regression, with its encoder.
    Logistic(LinearModel),
    /// A model of a learner outside of this program, in a folder of its own.
    Foreign(LadderFolder),
}

/// The folder of a model of a learner outside of this program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderFolder {
    /// The digest of the folder: sha256, in hexadecimal.
    pub digest: String,
    /// The number of files in it.
    pub files: u64,
    /// The number of bytes of these files.
    pub bytes: u64,
    /// The wall-clock time of the fit, in seconds.
    pub seconds: f64,
}

impl Ladder {
    /// Creates a ladder without models.
    pub fn new(window: WindowIndex, sha256: &str) -> Self {
        Self { format: LADDER_FORMAT, window, sha256: sha256.to_owned(), models: BTreeMap::new() }
    }
}

impl LadderModel {
    /// Returns the logistic regression; `None` for a model of a learner outside of this program.
    pub fn logistic(&self) -> Option<&LinearModel> {
        match self {
            Self::Logistic(model) => Some(model),
            Self::Foreign(_) => None,
        }
    }
}

impl LadderFolder {
    /// Describes a folder that a fit of this time gave.
    pub fn new(FolderDigest { digest, files, bytes }: FolderDigest, seconds: f64) -> Self {
        Self { digest, files, bytes, seconds }
    }
}
