//! Makes one model: fits or recalibrates it, decides whether it is accepted, and records its lineage. Removes old models.
//!
//! Trainer and advisor make models in the same way. So the same windows give the same model, whichever stage makes it.

use std::time::Instant;

use crate::{Learning, TrainError, acceptance, lineage};
use windrow_base::telemetry::Event;
use windrow_learn::frames::Frames;
use windrow_learn::model::{
    Acceptance, Artifact, FORMAT, FitError, FitSettings, Outcome, Remote, RemoteError, fit, recalibrate_model, versions,
};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::Model;

/// The author of changes of aliases that no user makes, in their history.
pub(super) const AUTHOR: &str = "windrow";

/// Makes one model, or records the reason why none can be learned. Returns `None` if the run was stopped. `champion` is
/// the champion from before the model's newest window.
pub(super) fn make(
    learning: &Learning,
    id: ModelId,
    frames: &mut Frames,
    champion: Option<&Model>,
) -> Result<Option<Artifact>, TrainError> {
    let Learning { pipeline, schema, remote, .. } = learning;
    let (first, last) = id.scheme.windows(id.window);
    let span = tracing::info_span!("fit", model = %id, lineage = tracing::field::Empty, passes = tracing::field::Empty);
    let _entered = span.enter();
    let used = frames.range(first, last)?;
    let began = Instant::now();
    let unreadable = |source| TrainError::ReadRows { window: id.window, source };
    let learned_from: Vec<WindowIndex> = frames.manifests(first, last).map(|manifest| manifest.window).collect();
    let remote = remote.as_deref().map(|solver| Remote { solver, windows: &learned_from });
    let (outcome, verdict) = match fit(&used, schema, &FitSettings::from(&**pipeline), remote.as_ref()) {
        Ok(mut learned) => {
            learned.set_seconds(began.elapsed().as_secs_f64());
            let newest = frames.frame(id.window)?;
            let rules = &pipeline.train.accept;
            let verdict = acceptance::verdict(rules, &learned, champion, &newest).map_err(unreadable)?;
            (Outcome::Learned(Box::new(learned)), verdict)
        }
        Err(FitError::Unlearnable(why)) => (Outcome::Refused { reason: why.to_string() }, Acceptance::Accepted),
        Err(FitError::Read(source)) => return Err(unreadable(source)),
        Err(FitError::Remote(RemoteError::Stopped)) => return Ok(None),
        Err(FitError::Remote(source)) => return Err(TrainError::Remote { model: id.to_string(), source }),
    };
    let lineage = lineage::lineage(frames.manifests(first, last), &used);
    span.record("lineage", lineage.id.as_str());
    if let Outcome::Learned(learned) = &outcome
        && let Some(logistic) = learned.logistic()
    {
        span.record("passes", logistic.solver.passes);
    }
    let is_for_advice = !pipeline.train.schemes.contains(&id.scheme);
    let (pipeline, created, versions) = (pipeline.name.clone(), (learning.clock)(), versions());
    Ok(Some(Artifact { format: FORMAT, id, pipeline, created, versions, is_for_advice, lineage, verdict, outcome }))
}

/// Recalibrates a fitted model on a later window. The new model has the verdict of the fitted one: the rules of
/// acceptance are about held-out rows, and a recalibration leaves none. Returns `None` if there is no fitted model, or if
/// the window is not later.
pub(super) fn recalibrate(
    learning: &Learning,
    fitted: &Artifact,
    on: WindowIndex,
    frames: &mut Frames,
) -> Result<Option<Artifact>, TrainError> {
    let Some(id) = fitted.id.recalibrated(on) else { return Ok(None) };
    let _entered = tracing::info_span!("recalibrate", model = %id).entered();
    let frame = frames.frame(on)?;
    let found = recalibrate_model(fitted, on, &frame, &learning.schema)
        .map_err(|source| TrainError::ReadRows { window: on, source })?;
    let Some((learned, recalibration)) = found else { return Ok(None) };
    let windows = frames.manifests(on, on).map(|manifest| lineage::of(manifest, &frame));
    Ok(Some(Artifact {
        format: FORMAT,
        id,
        pipeline: learning.pipeline.name.clone(),
        created: (learning.clock)(),
        versions: versions(),
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
