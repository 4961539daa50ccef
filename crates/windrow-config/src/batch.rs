//! The `[batch]` and `[quarantine]` tables: how windows are stored, and how many rows may be refused.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::values::{Checked, ensure, share};

/// The format and the place of the batch files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Batch {
    /// The format of the batch files.
    #[schemars(example = &"parquet")]
    pub format: BatchFormat,
    /// An object store for the batch files; by default they are in the work directory. Credentials come from the environment.
    #[garde(custom(store))]
    #[schemars(example = &"s3://bucket/prefix", example = &"file:///folder")]
    pub url: Option<String>,
}

fn store(url: &Option<String>, (): &()) -> Checked {
    let Some(url) = url else { return Ok(()) };
    let is_store = match (url.strip_prefix("s3://"), url.strip_prefix("file://")) {
        (Some(rest), _) => !rest.starts_with('/') && !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']),
        (_, Some(folder)) => folder.len() > 1 && folder.starts_with('/'),
        _ => false,
    };
    ensure(is_store, "must be s3://BUCKET/PREFIX or file:///FOLDER; credentials come from the environment")
}

/// The format of batch files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchFormat {
    /// CSV: the records as they came.
    #[default]
    Csv,
    /// Parquet: typed columns.
    Parquet,
}

/// The limit for messages that are not valid rows.
#[derive(Debug, Clone, Copy, PartialEq, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Quarantine {
    /// The share of the messages, from 0 to 1, that may be refused before the run ends with the reasons.
    #[default = 0.01]
    #[garde(custom(share))]
    #[schemars(range(min = 0, max = 1), example = 0.05)]
    pub max_share: f64,
}
