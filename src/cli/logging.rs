//! The log, written to standard error without disturbing the progress bars. `WINDROW_LOG` sets the filter, as in
//! `WINDROW_LOG=windrow=debug`, and `WINDROW_LOG_FORMAT=json` makes each line an object. Requests are logged if the
//! pipeline file asks for it. With the cargo feature `otel`, spans go to the collector that
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names.

#[cfg(feature = "otel")]
mod export;
mod filter;

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use self::filter::of_each_event;
use crate::cli::environment::environment;
use crate::cli::progress::Display;

/// Warnings of our own crates. Those of libraries are either part of our errors or not useful.
const DEFAULT_FILTER: &str = "off,windrow=warn";
/// The target of the request log. The pipeline file enables it, and the filter can override that.
const ACCESS_LOG_TARGET: &str = "access";

/// Starts the log. The returned function sends the remaining spans at exit.
pub(crate) fn start(display: &Display) -> impl FnOnce() + use<> {
    let filter = environment("WINDROW_LOG").unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    let filter = if filter.contains(ACCESS_LOG_TARGET) { filter } else { format!("{filter},{ACCESS_LOG_TARGET}=info") };
    let past = display.clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || LogWriter(past.clone()));
    // Colours are only useful in a terminal.
    let lines = lines.with_ansi(io::stderr().is_terminal() && environment("NO_COLOR").is_none());
    let is_json = environment("WINDROW_LOG_FORMAT").is_some_and(|format| format == "json");
    let lines = if is_json { lines.json().flatten_event(true).with_span_list(false).boxed() } else { lines.boxed() };
    let lines = lines.with_filter(of_each_event(&filter));
    #[cfg(feature = "otel")]
    {
        let (export, spans) = export::start(display).unzip();
        let _ = Registry::default().with(lines).with(spans).try_init();
        // An unreachable collector is not a failure of the command.
        move || drop(export.map(|provider| provider.shutdown()))
    }
    #[cfg(not(feature = "otel"))]
    {
        // Fails only if a log is already set up.
        let _ = Registry::default().with(lines).try_init();
        || {}
    }
}

struct LogWriter(Display);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspended(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
