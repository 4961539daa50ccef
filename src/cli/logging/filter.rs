//! The filter for events and spans.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, dynamic_filter_fn};
use tracing_subscriber::layer::Filter;

/// A filter that is evaluated for each event. Without it, tracing-subscriber skips an [`EnvFilter`] that always says
/// yes, and reuses its result for the previous event, so that warnings were lost (tokio-rs/tracing#2519).
pub(super) fn of_each_event<S: Subscriber>(directives: &str) -> impl Filter<S> + Send + Sync + use<S> {
    let asked = dynamic_filter_fn(|_, _| true).with_max_level_hint(LevelFilter::TRACE);
    EnvFilter::new(directives).and(asked)
}
