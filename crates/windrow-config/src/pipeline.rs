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
use crate::label_delay::{MAX_LABEL_DELAY, WindowDelay};
use crate::lines::Lines;
use crate::serve::Serve;
use crate::stream::Stream;
use crate::target::{Target, TargetKeys};
use crate::train::Train;
use crate::values::{Checked, ensure};
use crate::window::{WindowKeys, WindowPolicy};

/// A pipeline file of Windrow: a dataset, the target and the features, the stream and its windows, and the settings for training
/// and serving.
// Each key is declared once, with its type, default, check and documentation. serde reads it, garde checks its value, and
// schemars makes the JSON Schema from which the reference page is made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Pipeline {
    /// The pipeline's name: lower-case letters, digits and hyphens. It names the topic, the work directory and the API.
    #[garde(custom(plain_name))]
    #[schemars(regex(pattern = "^[a-z0-9-]+$"), example = &"flights")]
    pub name: String,
    /// The dataset, and its format.
    #[garde(dive)]
    pub dataset: Dataset,
    /// The column that is predicted, and the rule that makes a row positive.
    #[schemars(with = "TargetKeys")]
    pub target: Target,
    /// The columns that a model learns from.
    pub features: FeatureColumns,
    /// The topic, and the rate at which rows are sent to it.
    #[serde(default)]
    #[garde(dive)]
    pub stream: Stream,
    /// The rule by which the stream is cut into windows.
    #[schemars(with = "WindowKeys")]
    pub window: WindowPolicy,
    /// The format and the location of the batch files.
    #[serde(default)]
    #[garde(dive)]
    pub batch: Batch,
    /// The limit for messages that are not valid rows.
    #[serde(default)]
    #[garde(dive)]
    pub quarantine: Quarantine,
    /// The models that are trained after each window, and the solver.
    #[serde(default)]
    #[garde(dive)]
    pub train: Train,
    /// The settings of `windrow advise`.
    #[serde(default)]
    #[garde(dive)]
    pub advise: Advise,
    /// The address and the limits of the server.
    #[serde(default)]
    #[garde(dive)]
    pub serve: Serve,
    /// Settings of the Kafka client.
    // Not part of a run's identity: the client may have other settings on another machine.
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
    /// Returns the label delay in windows.
    pub fn label_delay(&self) -> WindowDelay {
        // A delay that the windows do not allow is a fault of the file, so that there is no pipeline with it.
        let delay = self.advise.label_delay.in_windows(self.window);
        delay.unwrap_or(WindowDelay { windows: MAX_LABEL_DELAY, duration: None })
    }

    /// Returns the error for problems with keys of this file that are found later.
    pub(crate) fn invalid(&self, problems: impl IntoIterator<Item = (String, String)>) -> ConfigError {
        let mut faults = Faults::of(&self.lines);
        problems.into_iter().for_each(|(key, problem)| faults.add(&key, problem));
        ConfigError::Invalid { path: self.file.clone(), faults: faults.list }
    }
}
