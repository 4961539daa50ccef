//! Which events and spans are logged.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, dynamic_filter_fn};
use tracing_subscriber::layer::Filter;

/// A filter that is asked about each event. tracing-subscriber passes over an [`EnvFilter`] where it always says yes, and
/// then goes by what it said of the event before, so that warnings were lost (tokio-rs/tracing#2519).
pub(super) fn of_each_event<S: Subscriber>(directives: &str) -> impl Filter<S> + Send + Sync + use<S> {
    let asked = dynamic_filter_fn(|_, _| true).with_max_level_hint(LevelFilter::TRACE);
    EnvFilter::new(directives).and(asked)
}
