//! The `[batch]` and `[quarantine]` tables: the storage of windows, and the limit for refused messages.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::values::{Checked, ensure, share};

/// The format and the location of the batch files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Batch {
    /// The format of the batch files.
    #[schemars(example = &"parquet")]
    pub format: BatchFormat,
    /// The object store for the batch files. By default, they are stored in the work directory. Credentials are read from the
    /// environment.
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
    /// CSV: the records, unchanged.
    #[default]
    Csv,
    /// Parquet: the records, as typed columns.
    Parquet,
}

/// The limit for messages that are not valid rows.
#[derive(Debug, Clone, Copy, PartialEq, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Quarantine {
    /// The maximum share of refused messages, from 0 to 1. If it is exceeded, the run ends with an error that lists the first
    /// reasons.
    #[default = 0.01]
    #[garde(custom(share))]
    #[schemars(range(min = 0, max = 1), example = 0.05)]
    pub max_share: f64,
}
