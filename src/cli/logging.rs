//! The log: to standard error, past the progress bars; `WINDROW_LOG` says how much, as in `WINDROW_LOG=windrow=debug`, and
//! `WINDROW_LOG_FORMAT=json` makes each line an object. Requests are told where the pipeline file asks for it.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::progress::Display;

/// Warnings of our own, and the access log. The libraries' are told through our errors, or are noise.
const DEFAULT_FILTER: &str = "off,windrow=warn,windrow::access=info";

#[expect(clippy::disallowed_methods, reason = "cli is where the environment is read")]
pub(crate) fn start(display: &Display) {
    let filter = std::env::var("WINDROW_LOG").unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
    let is_json = std::env::var("WINDROW_LOG_FORMAT").is_ok_and(|format| format == "json");
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(PastBars(display.clone()));
    // Fails only when a log is set up already, and then there is one.
    let _ = if is_json { subscriber.json().flatten_event(true).try_init() } else { subscriber.try_init() };
}

#[derive(Debug, Clone)]
struct PastBars(Display);

impl Write for PastBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspended(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for PastBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
