//! The differences in the models: which models exist, and which of them differ.
//!
//! The bytes of a model file are not compared: it has the time at which the model was made.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::app::diff::pair::Pair;
use crate::app::diff::sides::Side;
use crate::app::error::Result;
use windrow_learn::model::{Artifact, Lineage, Outcome};
use windrow_record::ModelId;
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
pub(super) fn compare(sides: &Pair<Side>, is_same_format: bool) -> Result<ModelsDiff> {
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
        match difference(&a, &b, is_same_format) {
            Some(Difference::Rows) => found.other_rows.push(id),
            Some(Difference::Fit) => found.other_fit.push(id),
            Some(Difference::Verdict) => found.other_verdict.push(id),
            None => {}
        }
    }
    Ok(found)
}

/// Returns the first difference between two models. The digests of batch files are compared only if the files have the
/// same format.
fn difference(a: &Artifact, b: &Artifact, is_same_format: bool) -> Option<Difference> {
    let rows = |lineage: &Lineage| (lineage.fit_rows, lineage.fit_positives, lineage.holdout_rows);
    if rows(&a.lineage) != rows(&b.lineage) || is_same_format && a.lineage.id != b.lineage.id {
        return Some(Difference::Rows);
    }
    if timeless(&a.outcome) != timeless(&b.outcome) || !is_same_recalibration(a, b, is_same_format) {
        return Some(Difference::Fit);
    }
    (a.verdict != b.verdict).then_some(Difference::Verdict)
}

/// Returns the result of a fit without the time that the fit took.
fn timeless(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    if let Outcome::Learned(learned) = &mut outcome {
        learned.solver.seconds = 0.0;
    }
    outcome
}

fn is_same_recalibration(a: &Artifact, b: &Artifact, is_same_format: bool) -> bool {
    match (&a.lineage.recalibration, &b.lineage.recalibration) {
        (Some(a), Some(b)) if !is_same_format => {
            (a.model, a.window, a.intercept, a.slope) == (b.model, b.window, b.intercept, b.slope)
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use windrow_learn::model::{Acceptance, FORMAT};

    fn artifact() -> Artifact {
        let lineage = Lineage {
            id: "00ff".to_owned(),
            windows: Vec::new(),
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

    #[test]
    fn models_differ_by_rows_fit_or_verdict_and_not_by_time() {
        let first = artifact();
        type Case = (fn(&mut Artifact), Option<Difference>);
        let cases: [Case; 5] = [
            (|one| one.created = "later".to_owned(), None),
            (|one| one.lineage.id = "00fe".to_owned(), Some(Difference::Rows)),
            (|one| one.lineage.fit_rows = 11, Some(Difference::Rows)),
            (|one| one.outcome = Outcome::Refused { reason: "no row".to_owned() }, Some(Difference::Fit)),
            (|one| one.verdict = Acceptance::Rejected { reason: "AUC".to_owned() }, Some(Difference::Verdict)),
        ];
        for (change, expected) in cases {
            let mut second = first.clone();
            change(&mut second);
            assert_eq!(difference(&first, &second, true), expected, "{second:?}");
        }
        let mut second = first.clone();
        second.lineage.id = "00fe".to_owned();
        assert_eq!(difference(&first, &second, false), None, "files of two formats have other digests");
    }
}
