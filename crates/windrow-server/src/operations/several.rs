//! The predictions of several models for one row.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::body::{Body, OneRow};
use crate::error::ApiError;
use crate::operations::prediction::{Prediction, predict};
use crate::served::ServedModel;
use windrow_base::runtime::{blocking, run_compute};

/// The most models that predict a row on a thread of the async runtime. Predictions of hundreds take too long for it.
const FEW_MODELS: usize = 2;

/// Returns the predictions of some models for a row, in the order of the models. If `explain` is true, each has the
/// contribution of each feature.
///
/// Models of a learner outside of this program are asked at once, as many as the learner has processes. After the first
/// failure, no further model is asked, and requests that were made already are not waited for.
pub(crate) async fn predict_with_each(
    models: Vec<Arc<ServedModel>>,
    row: Body<OneRow>,
    explain: bool,
) -> Result<Vec<Prediction>, ApiError> {
    let waits = models.iter().any(|model| model.fitted().is_some_and(|fitted| fitted.waits()));
    if waits {
        return ask_each(models, row, explain).await;
    }
    let is_few = models.len() <= FEW_MODELS;
    let predict_all = move || {
        let is_wanted = || row.permit.check_wanted();
        models.iter().map(|model| prediction(model, &row, explain, &is_wanted)).collect::<Result<Vec<_>, _>>()
    };
    if is_few { predict_all() } else { run_compute(predict_all).await }
}

/// Asks a learner for the predictions. A thread waits for each request that is under way. If several fail, the first failure in
/// time is returned.
async fn ask_each(
    models: Vec<Arc<ServedModel>>,
    row: Body<OneRow>,
    explain: bool,
) -> Result<Vec<Prediction>, ApiError> {
    // All of them are of the one learner that runs.
    let at_once = models.first().map_or(1, |model| model.workers()).max(1);
    let is_over = CancellationToken::new();
    // The end of this function ends the waits of all requests, also if it is a failure.
    let _end = is_over.clone().drop_guard();
    // The last request that ends gives back the permit.
    let row = Arc::new(row);
    let ask = move |(place, model): (usize, Arc<ServedModel>)| {
        let (row, is_over) = (Arc::clone(&row), is_over.clone());
        blocking(move || {
            let is_wanted =
                || if is_over.is_cancelled() { Err(ApiError::abandoned()) } else { row.permit.check_wanted() };
            prediction(&model, &row, explain, &is_wanted).map(|prediction| (place, prediction))
        })
    };
    let asked = stream::iter(models.into_iter().enumerate()).map(ask).buffer_unordered(at_once);
    let mut found: Vec<(usize, Prediction)> = asked.try_collect().await?;
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, prediction)| prediction).collect())
}

fn prediction(
    model: &Arc<ServedModel>,
    row: &Body<OneRow>,
    explain: bool,
    is_wanted: &dyn Fn() -> Result<(), ApiError>,
) -> Result<Prediction, ApiError> {
    is_wanted()?;
    let fitted = model.fitted().ok_or_else(|| ApiError::not_ready("the model is being published"))?;
    predict(fitted, &row.bytes, explain, is_wanted)
}
