//! A server in its own process, which follows the models that other processes publish.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_registry::Registry;

/// The interval at which a server looks for new models.
const REGISTRY_POLL: Duration = Duration::from_millis(500);

/// Loads the models that other processes publish, and reports them.
pub(super) async fn watch(registry: Arc<Registry>, progress: Progress, stop: CancellationToken) {
    let mut before = registry.snapshot();
    while !stop.is_cancelled() {
        let reading = Arc::clone(&registry);
        if let Err(error) = blocking(move || reading.refresh()).await {
            tracing::warn!(%error, "cannot read the models");
        }
        let now = registry.snapshot();
        for model in now.models().filter(|model| model.learned().is_some() && before.get(model.id()).is_none()) {
            progress.report(Event::ModelAppeared { id: model.name().to_owned() });
        }
        let gone = before.models().filter(|model| now.get(model.id()).is_none());
        let ids: Vec<String> = gone.map(|model| model.name().to_owned()).collect();
        if !ids.is_empty() {
            progress.report(Event::ModelsRetired { ids });
        }
        before = now;
        stop.run_until_cancelled(tokio::time::sleep(REGISTRY_POLL)).await;
    }
}
