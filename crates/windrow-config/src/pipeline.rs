//! The pipeline file as a whole.

use std::path::PathBuf;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::advise::Advise;
use crate::batch::{Batch, Quarantine};
use crate::dataset::Dataset;
use crate::error::{ConfigError, Faults};
use crate::features::FeatureColumns;
use crate::kafka::Kafka;
use crate::lines::Lines;
use crate::serve::Serve;
use crate::stream::Stream;
use crate::target::{Target, TargetKeys};
use crate::train::Train;
use crate::values::{Checked, ensure};
use crate::window::{WindowKeys, WindowPolicy};

/// A pipeline file of Windrow: a dataset, what is predicted from what, and how the stream of rows is cut, learned from, and served.
// Each key is declared once, with its type, default, check and documentation: serde reads it, garde checks its value, and
// schemars makes the JSON Schema of which the reference page is made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Pipeline {
    /// The pipeline's name: lower-case letters, digits and hyphens. It names the topic, the work directory and the API.
    #[garde(custom(plain_name))]
    #[schemars(regex(pattern = "^[a-z0-9-]+$"), example = &"flights")]
    pub name: String,
    /// The dataset, and how it is written.
    #[garde(dive)]
    pub dataset: Dataset,
    /// What is predicted.
    #[schemars(with = "TargetKeys")]
    pub target: Target,
    /// What it is predicted from.
    pub features: FeatureColumns,
    /// The topic, and the pace of the rows.
    #[serde(default)]
    #[garde(dive)]
    pub stream: Stream,
    /// The rule by which the stream is cut into windows.
    #[schemars(with = "WindowKeys")]
    pub window: WindowPolicy,
    /// The format and the place of the batch files.
    #[serde(default)]
    #[garde(dive)]
    pub batch: Batch,
    /// The limit for messages that are not valid rows.
    #[serde(default)]
    #[garde(dive)]
    pub quarantine: Quarantine,
    /// The models that are made, and the solver.
    #[serde(default)]
    #[garde(dive)]
    pub train: Train,
    /// The question to the advice.
    #[serde(default)]
    #[garde(dive)]
    pub advise: Advise,
    /// The address of the API and the pages, and their limits.
    #[serde(default)]
    #[garde(dive)]
    pub serve: Serve,
    /// Settings of the Kafka client.
    // Not part of a run's identity: the client may be set otherwise on another machine.
    #[serde(default, skip_serializing)]
    pub kafka: Kafka,
    /// The pipeline file, for errors that are found later.
    #[serde(skip)]
    pub file: PathBuf,
    #[serde(skip)]
    pub(crate) lines: Lines,
}

fn plain_name(name: &str, (): &()) -> Checked {
    let is_name = !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    ensure(is_name, format!("`{name}` is not a name: use lower-case letters, digits and hyphens"))
}

impl Pipeline {
    /// The error that something found later is wrong with keys of this file.
    pub(crate) fn invalid(&self, problems: impl IntoIterator<Item = (String, String)>) -> ConfigError {
        let mut faults = Faults::of(&self.lines);
        problems.into_iter().for_each(|(key, problem)| faults.add(&key, problem));
        ConfigError::Invalid { path: self.file.clone(), faults: faults.list }
    }
}
