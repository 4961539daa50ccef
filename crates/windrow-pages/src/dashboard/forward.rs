//! The losses of models on the windows after those that they learned from.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, PreEscaped};

use windrow_evaluation::plot::spark;
use windrow_record::ModelId;
use windrow_record::display::counted;
use windrow_registry::Snapshot;

/// The log-loss of some models on each later window, in the order of the windows.
#[derive(Debug, Default)]
pub(super) struct ForwardLosses {
    by_model: BTreeMap<ModelId, Vec<f64>>,
    /// The lowest and the highest loss, which all spark lines share.
    range: Option<(f64, f64)>,
}

impl ForwardLosses {
    /// Collects the losses of these models. Each report of a window is read once.
    pub(super) fn of(snapshot: &Snapshot, models: &BTreeSet<ModelId>) -> Self {
        let mut found = Self::default();
        for report in snapshot.windows() {
            for score in report.scores.iter().filter(|score| models.contains(&score.model)) {
                let Some(loss) = score.window.as_ref().map(|score| score.log_loss) else { continue };
                found.by_model.entry(score.model).or_default().push(loss);
                let (low, high) = found.range.unwrap_or((loss, loss));
                found.range = Some((low.min(loss), high.max(loss)));
            }
        }
        found
    }

    /// Shows the losses of a model as a spark line, on the scale of all models.
    pub(super) fn spark(&self, model: ModelId) -> Markup {
        let losses = self.by_model.get(&model).map(Vec::as_slice).unwrap_or_default();
        let described = match (losses.first(), losses.last()) {
            (Some(first), Some(last)) => {
                let windows = counted(losses.len() as u64, "later window", "later windows");
                format!("log-loss of {model} on {windows}: {first:.4} to {last:.4}")
            }
            _ => String::new(),
        };
        PreEscaped(spark(losses, self.range.unwrap_or_default(), &described))
    }
}
