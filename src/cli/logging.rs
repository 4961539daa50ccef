//! The log: to standard error, past the progress bars; `WINDROW_LOG` says how much, as in `WINDROW_LOG=windrow=debug`.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::progress::Display;

/// Warnings of our own. The libraries' are told through our errors, or are noise.
const DEFAULT_FILTER: &str = "off,windrow=warn";

#[expect(clippy::disallowed_methods, reason = "cli is where the environment is read")]
pub(crate) fn start(display: &Display) {
    let filter = std::env::var("WINDROW_LOG").unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(PastBars(display.clone()));
    // Fails only when a log is set up already, and then there is one.
    let _ = subscriber.try_init();
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
