//! The differences between two work directories: in the pipeline, the data, the models and the advice.
//!
//! It only reads: it takes no lock, writes nothing, and needs neither the pipeline files nor the datasets. Each file of a
//! work directory appears whole, so a directory can be compared while a process fills it. Its content is then that of the
//! moment. If the batch files are in an object store, the copies of the manifests in the work directory are compared.
//!
//! - `pair`: [`Pair`], a value of each directory; `sides`: what is read first of each directory.
//! - `data`: extracts, windows and rows. `models`: the models. `answer`: the advice. The keys of the pipelines are
//!   compared by `keys` of the parent module.
//! - `error`: the reasons why two directories cannot be compared.

mod answer;
mod data;
mod error;
mod models;
mod pair;
mod sides;

use std::path::{Path, PathBuf};

use serde::Serialize;

use self::sides::Side;
use crate::app::error::Result;
use crate::app::keys::{KeyChange, changed_keys};

pub(crate) use self::answer::{Answer, AnswerDiff, PolicyInBoth};
pub(crate) use self::data::DataDiff;
pub(crate) use self::error::DiffError;
pub(crate) use self::models::ModelsDiff;
pub(crate) use self::pair::Pair;

/// The keys that change neither rows nor models nor the advice: the place of the dataset, the pace of the replay, and the
/// server. The content of the dataset is compared by its extracts.
const NEUTRAL_KEYS: [&str; 4] = ["dataset.path", "serve", "stream.pace", "stream.seed"];

/// The differences between two work directories.
#[derive(Debug, Serialize)]
pub(crate) struct Diff {
    /// The directories, as they were given.
    pub(crate) workdirs: Pair<PathBuf>,
    /// `true` if anything below differs, apart from `neutral`.
    pub(crate) differs: bool,
    /// The keys of the pipelines with other values. Those that begin with `replay.` are the rows that are replayed.
    pub(crate) pipeline: Vec<KeyChange>,
    /// The keys with other values that change neither rows nor models nor the advice.
    pub(crate) neutral: Vec<KeyChange>,
    /// The rows and windows.
    pub(crate) data: DataDiff,
    /// The differences between the models.
    pub(crate) models: ModelsDiff,
    /// The differences between the advice of both.
    pub(crate) answer: AnswerDiff,
}

/// Compares two work directories.
///
/// # Errors
/// A path is not the work directory of a run, both are the same one, or a file cannot be read.
pub(crate) fn diff(a: &Path, b: &Path) -> Result<Diff> {
    let sides = sides::open(a, b)?;
    let (neutral, pipeline): (Vec<KeyChange>, Vec<KeyChange>) =
        changed_settings(&sides).into_iter().partition(|change| is_neutral(&change.key));
    let (data, same_rows) = data::compare(&sides)?;
    let models = models::compare(&sides, &same_rows)?;
    let answer = answer::compare(&sides)?;
    let differs = !pipeline.is_empty() || data.differs() || models.differs() || answer.differs();
    Ok(Diff { workdirs: sides.map(|side| side.workdir.clone()), differs, pipeline, neutral, data, models, answer })
}

/// Returns `true` if a key, or a key above it, is one of [`NEUTRAL_KEYS`].
fn is_neutral(key: &str) -> bool {
    let is_below = |rest: &str| rest.is_empty() || rest.starts_with('.');
    NEUTRAL_KEYS.iter().any(|neutral| key.strip_prefix(neutral).is_some_and(is_below))
}

/// Returns the keys of the pipelines that differ, and then those of the rows that are replayed, if both runs chose them.
fn changed_settings(sides: &Pair<Side>) -> Vec<KeyChange> {
    let mut changes = changed_keys(&sides.a.run.pipeline, &sides.b.run.pipeline);
    if let (Some(a), Some(b)) = (&sides.a.run.replay, &sides.b.run.replay) {
        let replay = changed_keys(a, b).into_iter();
        changes.extend(replay.map(|change| KeyChange { key: format!("replay.{}", change.key), ..change }));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_neutral_if_neither_rows_nor_models_nor_the_advice_depend_on_it() {
        for key in ["dataset.path", "serve.listen", "serve.cors", "stream.pace.delay", "stream.seed"] {
            assert!(is_neutral(key), "{key}");
        }
        for key in ["dataset.null", "dataset.path_of", "stream.partitions", "train.l2", "advise.keep", "replay.limit"] {
            assert!(!is_neutral(key), "{key}");
        }
    }
}
