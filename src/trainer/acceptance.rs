//! What is done with models once they are fitted: the rules of acceptance, and the report of each window.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use rayon::prelude::*;

use crate::batch::Manifest;
use crate::config::Accept;
use crate::model::{Comparison, Frame, Learned, Scored, Verdict, WINDOW_FORMAT, WindowReport, compare, score_on};
use crate::record::{ModelId, Scheme, WindowIndex};
use crate::registry::{Model, Snapshot};

/// The rows on which a new model is judged.
const JUDGED_ON: &str = "newest_holdout";

/// Whether a model may be called `latest` or `champion`, by the rules and beside the champion before it.
pub(super) fn verdict(
    rules: &Accept,
    learned: &Learned,
    champion: Option<&Model>,
    newest: &Arc<Frame>,
) -> io::Result<Verdict> {
    let rejected = |reason: String| Ok(Verdict::Rejected { reason });
    if !rules.has_rules() {
        return Ok(Verdict::Accepted);
    }
    let Some(score) = learned.scores.get(JUDGED_ON) else {
        return rejected("its newest window has no held-out rows to judge it by".to_owned());
    };
    if let Some(least) = rules.min_auc {
        match score.auc {
            None => return rejected("its held-out rows are of one class, so that their AUC cannot be told".to_owned()),
            Some(auc) if auc < least => return rejected(format!("its AUC is {auc:.4}, below min_auc {least}")),
            Some(_) => {}
        }
    }
    let (Some(most), Some(champion)) = (rules.max_log_loss_increase, champion) else { return Ok(Verdict::Accepted) };
    let Some(before) = scored(newest, champion, true)?.and_then(|scored| scored.score.holdout) else {
        return Ok(Verdict::Accepted);
    };
    let increase = score.log_loss - before.log_loss;
    if increase > most {
        return rejected(format!(
            "its log-loss is {:.4}, {increase:.4} above that of the champion {} on the same rows; max_log_loss_increase \
             is {most}",
            score.log_loss,
            champion.id()
        ));
    }
    Ok(Verdict::Accepted)
}

/// Scores every model that there is on a window, compares those of the same windows, and finds what changed since the
/// windows before.
pub(super) fn report(manifest: &Manifest, frame: &Arc<Frame>, snapshot: &Snapshot) -> io::Result<WindowReport> {
    let window = manifest.window;
    let models: Vec<_> = snapshot.models().filter(|model| model.id().window <= window).collect();
    // The losses of all rows are needed of the newest models alone.
    let is_compared = |id: ModelId| id.window == window || id.window.next() == window;
    let all = models.par_iter().map(|model| {
        let scored = scored(frame, model, model.id().window == window)?;
        Ok(scored.map(|mut scored| {
            if !is_compared(model.id()) {
                scored.losses = Vec::new();
            }
            scored
        }))
    });
    let all: Vec<Scored> = all.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect();
    let earlier = |index: Option<WindowIndex>| index.filter(|index| *index < window).and_then(|i| snapshot.window(i));
    let since = |index| earlier(index).map(|report| frame.profile().drift_since(&report.profile));
    Ok(WindowReport {
        format: WINDOW_FORMAT,
        window,
        sha256: manifest.sha256.clone(),
        comparisons: comparisons(&all, is_compared),
        scores: all.into_iter().map(|scored| scored.score).collect(),
        drift: since(WindowIndex::new(window.get() - 1)),
        drift_since_first: since(Some(WindowIndex::FIRST)),
        profile: frame.profile().clone(),
    })
}

fn scored(frame: &Arc<Frame>, model: &Model, is_new: bool) -> io::Result<Option<Scored>> {
    let Some(learned) = model.learned() else { return Ok(None) };
    let lineage = &model.artifact().lineage;
    let share = lineage.fit_positives as f64 / lineage.fit_rows as f64;
    score_on(frame, model.id(), learned, share, is_new).map(Some)
}

/// The schemes of each window side by side, cumulative first.
fn comparisons(all: &[Scored], is_compared: impl Fn(ModelId) -> bool) -> Vec<Comparison> {
    let mut by_window: BTreeMap<WindowIndex, BTreeMap<Scheme, &Scored>> = BTreeMap::new();
    for scored in all.iter().filter(|scored| is_compared(scored.score.model)) {
        by_window.entry(scored.score.model.window).or_default().insert(scored.score.model.scheme, scored);
    }
    let mut found = Vec::new();
    for schemes in by_window.values() {
        let schemes: Vec<_> = schemes.values().collect();
        for (place, first) in schemes.iter().enumerate() {
            // Schemes that see the same windows, as all do at first, give the same model.
            let windows = |scored: &Scored| scored.score.model.scheme.windows(scored.score.model.window);
            let others = schemes[place + 1..].iter().filter(|second| windows(second) != windows(first));
            found.extend(others.filter_map(|second| compare(first, second)));
        }
    }
    found
}
