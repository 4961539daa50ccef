//! Makes one model: fits or recalibrates it, decides whether it is accepted, and records its lineage. Removes old models.
//!
//! Trainer and advisor make models in the same way. So the same windows give the same model, whichever stage makes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::foreign_fit::Start;
use crate::foreign_model::Made;
use crate::{Learning, TrainError, acceptance, foreign_model, lineage};
use windrow_base::telemetry::Event;
use windrow_learn::frames::Frames;
use windrow_learn::model::{
    Acceptance, Artifact, FORMAT, FitError, FitSettings, Outcome, Remote, RemoteError, fit, recalibrate_model, versions,
};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{KeptModel, Model};

/// The author of changes of aliases that no user makes, in their history.
pub(super) const AUTHOR: &str = "windrow";

/// Returns the champion from before a window. No other stage of the process removes it as long as the second value
/// exists, so a model can be compared with it.
pub(super) fn champion_before(learning: &Learning, window: WindowIndex) -> (Option<Arc<Model>>, Vec<KeptModel<'_>>) {
    let mut champion = None;
    let (_, kept) = learning.registry.keep_found(|snapshot| {
        champion = snapshot.champion_before(window);
        champion.iter().map(|champion| champion.id()).collect()
    });
    (champion, kept)
}

/// Makes one model, or records the reason why none can be learned. Returns `None` if the run was stopped. `champion` is
/// the champion from before the model's newest window. `start` is the state of a model of a learner outside of this program.
pub(super) fn make(
    learning: &Learning,
    id: ModelId,
    frames: &mut Frames,
    champion: Option<&Model>,
    start: Start<'_>,
) -> Result<Option<Artifact>, TrainError> {
    let pipeline = &learning.pipeline;
    let (first, last) = id.scheme.windows(id.window);
    let span = tracing::info_span!("fit", model = %id, lineage = tracing::field::Empty, passes = tracing::field::Empty);
    let _entered = span.enter();
    let made = match learning.learner.as_deref() {
        Some(foreign) => foreign_model::fit(learning, foreign, id, frames, start)?,
        None => fit_here(learning, id, frames)?,
    };
    let (outcome, verdict) = match made {
        Made::Learned(learned) => {
            let newest = frames.frame(id.window)?;
            let verdict = acceptance::verdict(learning, &learned, champion, id.window, &newest)?;
            let Some(verdict) = verdict else { return Ok(None) };
            (Outcome::Learned(learned), verdict)
        }
        Made::Refused(reason) => (Outcome::Refused { reason }, Acceptance::Accepted),
        Made::Stopped => return Ok(None),
    };
    let used = frames.range(first, last)?;
    let lineage = lineage::lineage(frames.manifests(first, last), &used);
    span.record("lineage", lineage.id.as_str());
    if let Outcome::Learned(learned) = &outcome
        && let Some(logistic) = learned.logistic()
    {
        span.record("passes", logistic.solver.passes);
    }
    let is_for_advice = !pipeline.train.schemes.contains(&id.scheme);
    let (pipeline, created, versions) = (pipeline.name.clone(), (learning.clock)(), versions_of(learning));
    Ok(Some(Artifact { format: FORMAT, id, pipeline, created, versions, is_for_advice, lineage, verdict, outcome }))
}

/// Fits a logistic regression, in this process or on a cluster.
fn fit_here(learning: &Learning, id: ModelId, frames: &mut Frames) -> Result<Made, TrainError> {
    let Learning { pipeline, schema, remote, .. } = learning;
    let (first, last) = id.scheme.windows(id.window);
    let used = frames.range(first, last)?;
    let began = Instant::now();
    let learned_from: Vec<WindowIndex> = frames.manifests(first, last).map(|manifest| manifest.window).collect();
    let remote = remote.as_deref().map(|solver| Remote { solver, windows: &learned_from });
    match fit(&used, schema, &FitSettings::from(&**pipeline), remote.as_ref()) {
        Ok(mut learned) => {
            learned.set_seconds(began.elapsed().as_secs_f64());
            Ok(Made::Learned(Box::new(learned)))
        }
        Err(FitError::Unlearnable(why)) => Ok(Made::Refused(why.to_string())),
        Err(FitError::Read(source)) => Err(TrainError::ReadRows { window: id.window, source }),
        Err(FitError::Remote(RemoteError::Stopped)) => Ok(Made::Stopped),
        Err(FitError::Remote(source)) => Err(TrainError::Remote { model: id.to_string(), source }),
    }
}

/// Returns the versions that the numbers of a model depend on.
fn versions_of(learning: &Learning) -> BTreeMap<String, String> {
    learning.learner.as_deref().map_or_else(versions, foreign_model::versions_of)
}

/// Recalibrates a fitted model on a later window. The new model has the verdict of the fitted one: the rules of
/// acceptance are about held-out rows, and a recalibration leaves none. Returns `None` if there is no fitted model, if
/// the window is not later, or if the run was stopped.
pub(super) fn recalibrate(
    learning: &Learning,
    fitted: &Artifact,
    on: WindowIndex,
    frames: &mut Frames,
) -> Result<Option<Artifact>, TrainError> {
    let Some(id) = fitted.id.recalibrated(on) else { return Ok(None) };
    let _entered = tracing::info_span!("recalibrate", model = %id).entered();
    let frame = frames.frame(on)?;
    let found = match learning.learner.as_deref() {
        Some(foreign) => foreign_model::recalibrate(learning, foreign, fitted, on, &frame)?,
        None => recalibrate_model(fitted, on, &frame, &learning.schema)
            .map_err(|source| TrainError::ReadRows { window: on, source })?,
    };
    let Some((learned, recalibration)) = found else { return Ok(None) };
    let windows = frames.manifests(on, on).map(|manifest| lineage::of(manifest, &frame));
    Ok(Some(Artifact {
        format: FORMAT,
        id,
        pipeline: learning.pipeline.name.clone(),
        created: (learning.clock)(),
        versions: versions_of(learning),
        is_for_advice: true,
        lineage: lineage::recalibrated(&fitted.lineage, windows, recalibration),
        verdict: fitted.verdict.clone(),
        outcome: Outcome::Learned(Box::new(learned)),
    }))
}

/// Returns the first window whose models are kept, if the newest window is `newest`. Returns `None` if all are kept.
pub(super) fn first_kept(learning: &Learning, newest: WindowIndex) -> Option<WindowIndex> {
    let keep = learning.pipeline.train.keep?;
    WindowIndex::new((newest.get() + 1).saturating_sub(keep.get()))
}

/// Removes the models that are too old to be kept, if the newest window is `newest`.
pub(super) fn retire(learning: &Learning, newest: WindowIndex) -> Result<(), TrainError> {
    let Some(first) = first_kept(learning, newest) else { return Ok(()) };
    let retired = learning.registry.retire_before(first)?;
    if !retired.is_empty() {
        let ids = retired.iter().map(ToString::to_string).collect();
        learning.progress.report(Event::ModelsRetired { ids });
    }
    Ok(())
}
