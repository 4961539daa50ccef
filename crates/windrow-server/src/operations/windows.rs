//! The operations that describe windows, and the stream of events.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use poem::Result;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::{Object, OpenApi};
use tokio::sync::broadcast::error::RecvError;

use crate::error::ApiError;
use crate::operations::mirror::Mirror;
use crate::operations::page::{limit, page, parameter};
use crate::operations::tag::Tag;
use crate::operations::window::{WindowScore, WindowSummary};
use crate::schema::excerpt;
use crate::state::ApiState;
use windrow_learn::model::{ModelScore, WindowReport};
use windrow_pages::nearest::MAX_NEAREST;
use windrow_record::{ModelId, WindowIndex};

/// Interval of keep-alive lines. Without them, a proxy could close a silent connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Interval at which unchanged progress is sent again.
const REPEAT_INTERVAL: Duration = Duration::from_secs(5);

pub(crate) struct Windows(pub(crate) Arc<ApiState>);

/// A page of the windows that have been scored
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct WindowList {
    /// The windows, oldest first
    windows: Vec<WindowSummary>,
    /// The link to the next page; left out on the last page
    next: Option<String>,
}

/// A page of the scores by window and model
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ScoreTable {
    /// The scores, ordered by window and then by model
    scores: Vec<WindowScore>,
    /// The link to the next page; left out on the last page
    next: Option<String>,
}

/// An event of the stream
#[derive(Debug, Object)]
pub(crate) struct Happening {
    /// The kind of event: `progress`, `window_sealed`, `model_published`, `model_refused`, `window_scored`, ...
    event: String,
    /// The data of the event; the fields depend on its kind
    facts: serde_json::Value,
}

#[OpenApi]
impl Windows {
    /// List the windows
    ///
    /// Lists the windows on which all models have been scored, with their drift. The list has pages; `next` is the link
    /// to the next page.
    #[oai(path = "/v1/windows", method = "get", operation_id = "list_windows", tag = "Tag::Windows")]
    async fn windows(
        &self,
        /// The window after which the page starts
        after: Query<Option<u32>>,
        /// The maximum number of windows on the page: 1 to 1000, by default 100
        #[oai(name = "limit")]
        asked: Query<Option<u32>>,
    ) -> Result<Json<WindowList>, ApiError> {
        let limit = limit(&asked)?;
        let served = self.0.served();
        let wanted = served.snapshot.windows().filter(|report| after.is_none_or(|after| report.window.get() > after));
        let (windows, next) = page(wanted, limit, "/v1/windows", &[], |report| report.window.to_string());
        Ok(Json(WindowList { windows: windows.into_iter().map(|report| WindowSummary::of(&**report)).collect(), next }))
    }

    /// Show a window
    #[oai(path = "/v1/windows/:window", method = "get", operation_id = "show_window", tag = "Tag::Windows")]
    async fn window(
        &self,
        /// The number of the window, from 1
        window: Path<String>,
    ) -> Result<Json<WindowSummary>, ApiError> {
        let served = self.0.served();
        let index = window.parse().ok().and_then(WindowIndex::new);
        let found = index.and_then(|index| served.snapshot.window(index));
        found.map(|report| Json(WindowSummary::of(&**report))).ok_or_else(|| {
            let newest = served.snapshot.windows().rev().take(MAX_NEAREST).map(|report| report.window.to_string());
            let detail = format!("window `{}` has not been scored", excerpt(&window));
            ApiError::not_found("unknown-window", detail, newest.collect())
        })
    }

    /// Show all scores
    ///
    /// Lists the scores of every model on the later windows, and of its first fit on the rows that this fit left out.
    /// The list has pages; `next` is the link to the next page.
    #[oai(path = "/v1/scores", method = "get", operation_id = "show_scores", tag = "Tag::Windows")]
    async fn scores(
        &self,
        /// The window and the model after which the page starts, as in `3.cumulative-2`
        after: Query<Option<String>>,
        /// The maximum number of pairs of window and model on the page: 1 to 1000, by default 100
        #[oai(name = "limit")]
        asked: Query<Option<u32>>,
        /// Limits the list to scores on this window
        window: Query<Option<u32>>,
        /// Limits the list to scores of this model
        model: Query<Option<String>>,
    ) -> Result<Json<ScoreTable>, ApiError> {
        let limit = limit(&asked)?;
        let after = after.0.map(|text| {
            let (window, model) = text.split_once('.').unwrap_or_default();
            Ok::<_, ApiError>((parameter::<u32>("after", window)?, parameter::<ModelId>("after", model)?))
        });
        let after = after.transpose()?;
        let model_id = model.0.as_ref().map(|text| parameter::<ModelId>("model", text)).transpose()?;
        let served = self.0.served();
        let reports = served.snapshot.windows().filter(|report| {
            let index = report.window.get();
            window.is_none_or(|window| index == window) && after.is_none_or(|(after, _)| index >= after)
        });
        let wanted = reports.flat_map(|report| {
            let mut scores: Vec<_> = report.scores.iter().collect();
            scores.sort_by_key(|score| score.model);
            scores.into_iter().map(move |score| (report, score))
        });
        let wanted = wanted.filter(|(report, score)| {
            model_id.is_none_or(|model| score.model == model)
                && after.is_none_or(|after| (report.window.get(), score.model) > after)
        });
        let filters = [("window", window.map(|it| it.to_string())), ("model", model_id.map(|it| it.to_string()))];
        let cursor = |(report, score): &(&Arc<WindowReport>, &ModelScore)| format!("{}.{}", report.window, score.model);
        let (page, next) = page(wanted, limit, "/v1/scores", &filters, cursor);
        let scores = page.into_iter().flat_map(|(report, score)| WindowScore::of(report, score)).collect();
        Ok(Json(ScoreTable { scores, next }))
    }

    /// Follow the events
    ///
    /// Streams server-sent events. The first one, `progress`, reports how far the rows have come. It is sent again
    /// after every change by any process, and after five seconds without a change. The other events, such as sealed
    /// windows and published models, are those since the request. A server that runs without the other stages reports
    /// only models and aliases.
    #[oai(path = "/v1/events", method = "get", operation_id = "follow_events", tag = "Tag::Windows")]
    async fn events(&self) -> Result<EventStream<BoxStream<'static, Happening>>, ApiError> {
        let detail = "a quarter of all connections are event streams already; try again later";
        let permit = Arc::clone(&self.0.streams).try_acquire_owned().map_err(|_| ApiError::overloaded(detail))?;
        let listener = self.0.progress.listen();
        let happenings = stream::unfold((listener, permit), |(mut listener, permit)| async move {
            loop {
                match listener.recv().await {
                    Ok(event) => {
                        let facts = serde_json::to_value(&event).unwrap_or_default();
                        let name = facts["event"].as_str().unwrap_or_default().to_owned();
                        return Some((Happening { event: name, facts }, (listener, permit)));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        let mut changes = self.0.monitor.changes();
        changes.mark_changed();
        let flows = stream::unfold(changes, |mut changes| async move {
            // Unchanged progress is sent again, so that a silent stream means that the server is gone.
            if let Ok(changed) = tokio::time::timeout(REPEAT_INTERVAL, changes.changed()).await {
                changed.ok()?;
            }
            let facts = serde_json::to_value(&changes.borrow_and_update().flow).unwrap_or_default();
            Some((Happening { event: "progress".to_owned(), facts }, changes))
        });
        let events = stream::select(flows, happenings).take_until(self.0.stop.clone().cancelled_owned()).boxed();
        Ok(EventStream::new(events).keep_alive(KEEP_ALIVE_INTERVAL))
    }
}
