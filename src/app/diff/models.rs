//! The differences in the models: which models exist, and which of them differ.
//!
//! The bytes of a model file are not compared: it has the time at which the model was made.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::app::diff::data::SameRows;
use crate::app::diff::pair::Pair;
use crate::app::diff::sides::Side;
use crate::app::error::Result;
use windrow_learn::model::{Artifact, Lineage, Outcome, Recalibration};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::ModelFiles;

/// The differences in the models.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ModelsDiff {
    /// The number of models.
    pub(crate) count: Pair<u64>,
    /// The models that only one directory has.
    pub(crate) only: Pair<Vec<ModelId>>,
    /// The number of models that both have.
    pub(crate) in_both: u64,
    /// Those of them that were made from other rows.
    pub(crate) other_rows: Vec<ModelId>,
    /// Those that were made from the same rows, and have another fit: other coefficients, scores or settings.
    pub(crate) other_fit: Vec<ModelId>,
    /// Those with the same fit, and another verdict of `train.accept`.
    pub(crate) other_verdict: Vec<ModelId>,
}

/// The first difference between two models of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    Rows,
    Fit,
    Verdict,
}

impl ModelsDiff {
    /// Returns `true` if anything differs.
    pub(super) fn differs(&self) -> bool {
        let lists = [&self.only.a, &self.only.b, &self.other_rows, &self.other_fit, &self.other_verdict];
        lists.into_iter().any(|list| !list.is_empty())
    }
}

/// Compares the models of two directories. Two models are in memory at a time.
pub(super) fn compare(sides: &Pair<Side>, same_rows: &SameRows) -> Result<ModelsDiff> {
    let files = sides.map(|side| ModelFiles::new(&side.workdir));
    let ids = files.try_map(ModelFiles::ids)?.map(|ids| ids.iter().copied().collect::<BTreeSet<ModelId>>());
    let mut found = ModelsDiff {
        count: ids.map(|ids| ids.len() as u64),
        only: Pair { a: ids.a.difference(&ids.b).copied().collect(), b: ids.b.difference(&ids.a).copied().collect() },
        ..ModelsDiff::default()
    };
    for id in ids.a.intersection(&ids.b).copied() {
        // A model that another process removes is not compared.
        let Pair { a: Some(a), b: Some(b) } = files.try_map(|files| files.read(id))? else { continue };
        found.in_both += 1;
        match difference(&a, &b, same_rows) {
            Some(Difference::Rows) => found.other_rows.push(id),
            Some(Difference::Fit) => found.other_fit.push(id),
            Some(Difference::Verdict) => found.other_verdict.push(id),
            None => {}
        }
    }
    Ok(found)
}

/// Returns the first difference between two models.
fn difference(a: &Artifact, b: &Artifact, same_rows: &SameRows) -> Option<Difference> {
    let rows = |lineage: &Lineage| (lineage.fit_rows, lineage.fit_positives, lineage.holdout_rows);
    if rows(&a.lineage) != rows(&b.lineage) || !has_same_windows(&a.lineage, &b.lineage, same_rows) {
        return Some(Difference::Rows);
    }
    let recalibration = |model: &Artifact| model.lineage.recalibration.as_ref().map(numbers);
    if timeless(&a.outcome) != timeless(&b.outcome) || recalibration(a) != recalibration(b) {
        return Some(Difference::Fit);
    }
    (a.verdict != b.verdict).then_some(Difference::Verdict)
}

/// Returns `true` if two models were made from the same rows of the same windows.
fn has_same_windows(a: &Lineage, b: &Lineage, same_rows: &SameRows) -> bool {
    let pairs = || a.windows.iter().zip(&b.windows);
    let is_same = || pairs().all(|(a, b)| a.window == b.window && same_rows.has(a.window, &a.sha256, &b.sha256));
    a.id == b.id || a.windows.len() == b.windows.len() && is_same()
}

/// Returns the result of a fit without the time that the fit took.
fn timeless(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    if let Outcome::Learned(learned) = &mut outcome {
        learned.set_seconds(0.0);
    }
    outcome
}

/// Returns what a recalibration has, without the digest of the files that the fit was made from.
fn numbers(facts: &Recalibration) -> (ModelId, WindowIndex, [u64; 2], [f64; 3]) {
    let Recalibration { model, window, rows, positives, held_share, intercept, slope, .. } = *facts;
    (model, window, [rows, positives], [held_share, intercept, slope])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use windrow_learn::model::{Acceptance, FORMAT, WindowLineage};

    fn artifact() -> Artifact {
        let window = WindowLineage {
            window: WindowIndex::FIRST,
            rows: 10,
            labelled: 10,
            late_labels: 0,
            sha256: "aa".to_owned(),
            row_numbers: Vec::new(),
            offsets: Vec::new(),
        };
        let lineage = Lineage {
            id: "00ff".to_owned(),
            windows: vec![window],
            recalibration: None,
            fit_rows: 10,
            fit_positives: 4,
            holdout_rows: 0,
        };
        Artifact {
            format: FORMAT,
            id: "window-1".parse().expect("a model id"),
            pipeline: "p".to_owned(),
            created: "now".to_owned(),
            versions: BTreeMap::new(),
            is_for_advice: false,
            lineage,
            verdict: Acceptance::Accepted,
            outcome: Outcome::Refused { reason: "one class".to_owned() },
        }
    }

    /// Gives the batch file of the model's window other bytes.
    fn other_file(model: &mut Artifact) {
        model.lineage.id = "00fe".to_owned();
        model.lineage.windows[0].sha256 = "bb".to_owned();
    }

    #[test]
    fn models_differ_by_rows_fit_or_verdict_and_not_by_time() {
        let first = artifact();
        type Case = (fn(&mut Artifact), Option<Difference>);
        let cases: [Case; 5] = [
            (|one| one.created = "later".to_owned(), None),
            (other_file, Some(Difference::Rows)),
            (|one| one.lineage.fit_rows = 11, Some(Difference::Rows)),
            (|one| one.outcome = Outcome::Refused { reason: "no row".to_owned() }, Some(Difference::Fit)),
            (|one| one.verdict = Acceptance::Rejected { reason: "AUC".to_owned() }, Some(Difference::Verdict)),
        ];
        for (change, expected) in cases {
            let mut second = first.clone();
            change(&mut second);
            assert_eq!(difference(&first, &second, &SameRows::default()), expected, "{second:?}");
        }
        let mut second = first.clone();
        other_file(&mut second);
        let same = SameRows::of(WindowIndex::FIRST, "aa", "bb");
        assert_eq!(difference(&first, &second, &same), None, "files of two formats have other digests");
        assert_eq!(difference(&second, &first, &same), Some(Difference::Rows));
    }
}
