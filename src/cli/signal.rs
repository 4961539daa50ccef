//! Ctrl-C and SIGTERM: the first signal ends the command cleanly, the second ends it at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::progress::Display;

/// The exit code that a shell reports for a program ended by Ctrl-C.
const INTERRUPTED_EXIT_CODE: i32 = 130;

/// Watches for signals in the background. Must be called inside the runtime.
pub(crate) fn watch(stop: CancellationToken, display: Display) {
    tokio::spawn(async move {
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            tracing::warn!("signals cannot be caught: Ctrl-C will end the program at once");
            return;
        };
        let mut is_second = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if is_second {
                std::process::exit(INTERRUPTED_EXIT_CODE);
            }
            is_second = true;
            display.line("stopping; press Ctrl-C again to end at once");
            stop.cancel();
        }
    });
}
