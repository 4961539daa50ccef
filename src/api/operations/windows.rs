//! What is known of the windows, and what happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use poem_openapi::param::Path;
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::{Object, OpenApi};
use tokio::sync::broadcast::error::RecvError;

use crate::api::answers::windows::{ScoreTable, WindowList, WindowSummary};
use crate::api::context::Context;
use crate::api::operations::Tag;
use crate::api::problem::Refusal;
use crate::record::WindowIndex;

/// How often a line is sent where nothing happens, so that nobody in between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) struct Windows(pub(crate) Arc<Context>);

/// Something that happened
#[derive(Debug, Object)]
pub(crate) struct Happening {
    /// What: `window_sealed`, `model_published`, `model_refused`, `window_scored`, ...
    event: String,
    /// The event's own facts
    facts: serde_json::Value,
}

#[OpenApi]
impl Windows {
    /// List the windows
    ///
    /// Every window on which all models have been scored: how its rows are distributed, which way of training did better
    /// on them, and what drifted.
    #[oai(path = "/v1/windows", method = "get", operation_id = "list_windows", tag = "Tag::Windows")]
    async fn windows(&self) -> Json<WindowList> {
        Json(WindowList::of(&self.0.served().snapshot))
    }

    /// Show a window
    #[oai(path = "/v1/windows/:window", method = "get", operation_id = "show_window", tag = "Tag::Windows")]
    async fn window(
        &self,
        /// Which one, from 1
        window: Path<String>,
    ) -> Result<Json<WindowSummary>, Refusal> {
        let served = self.0.served();
        let index = window.parse().ok().and_then(WindowIndex::new);
        let found = index.and_then(|index| served.snapshot.window(index));
        found.map(|report| Json(WindowSummary::of(report))).ok_or_else(|| {
            let known = served.snapshot.windows().map(|report| report.window.to_string()).collect();
            Refusal::not_found("unknown-window", format!("window `{}` has not been scored", *window), known)
        })
    }

    /// Show all scores
    ///
    /// The model x window table: every model on every later window, and on the held-out rows of each.
    #[oai(path = "/v1/scores", method = "get", operation_id = "show_scores", tag = "Tag::Windows")]
    async fn scores(&self) -> Json<ScoreTable> {
        Json(ScoreTable::of(&self.0.served().snapshot))
    }

    /// Follow what happens
    ///
    /// Server-sent events, from now on: windows that are sealed, models that are published. A server without the other
    /// stages tells of models and aliases alone.
    #[oai(path = "/v1/events", method = "get", operation_id = "follow_events", tag = "Tag::Windows")]
    async fn events(&self) -> EventStream<BoxStream<'static, Happening>> {
        let listener = self.0.progress.listen();
        let happenings = stream::unfold(listener, |mut listener| async move {
            loop {
                match listener.recv().await {
                    Ok(event) => {
                        let facts = serde_json::to_value(&event).unwrap_or_default();
                        let name = facts["event"].as_str().unwrap_or_default().to_owned();
                        return Some((Happening { event: name, facts }, listener));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        EventStream::new(happenings.take_until(self.0.stop.clone().cancelled_owned()).boxed()).keep_alive(KEEP_ALIVE)
    }
}
