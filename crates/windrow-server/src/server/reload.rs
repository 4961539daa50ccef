//! Reloads API keys and certificates when their files change.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;
use crate::server::tls::Certificate;
use windrow_base::runtime::blocking;

/// Interval at which the files are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The modification time and the length of a file. `None` if the file does not exist.
type Stamp = Option<(SystemTime, u64)>;

/// Reloads changed files until `stop` is cancelled. If a file cannot be used, logs the error and keeps the previous
/// content.
pub(crate) async fn follow(keys: Arc<ArcSwap<Keys>>, certificate: Option<Arc<Certificate>>, stop: CancellationToken) {
    let stamps_of_keys = || stamps(keys.load().file());
    let stamps_of_certificate = || stamps(certificate.iter().flat_map(|certificate| certificate.files()));
    let (mut of_keys, mut of_certificate) = (stamps_of_keys(), stamps_of_certificate());
    while stop.run_until_cancelled(tokio::time::sleep(CHECK_INTERVAL)).await.is_some() {
        let now = stamps_of_keys();
        if now != of_keys {
            let before = keys.load_full();
            match blocking(move || before.reloaded()).await {
                Ok(reloaded) => {
                    keys.store(Arc::new(reloaded));
                    tracing::info!("the API keys were read again");
                }
                Err(error) => tracing::error!(%error, "cannot read the API keys again; the previous ones are kept"),
            }
            of_keys = now;
        }
        let now = stamps_of_certificate();
        if let Some(certificate) = certificate.clone().filter(|_| now != of_certificate) {
            match blocking(move || certificate.reload()).await {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "cannot read the certificate again; the previous one is kept"),
            }
            of_certificate = now;
        }
    }
}

fn stamps<'p>(files: impl IntoIterator<Item = &'p Path>) -> Vec<Stamp> {
    let stamp = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.into_iter().map(stamp).collect()
}
