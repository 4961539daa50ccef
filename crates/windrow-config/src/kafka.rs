//! The `[kafka]` table: settings of the Kafka client, by librdkafka's names.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings that are secrets: they stand in the environment or in a file of their own, and never in a pipeline file, whose
/// content is shown and stored.
const SECRETS: [&str; 8] = [
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// How the Kafka client is set.
#[derive(Debug, Clone, Default)]
pub struct Kafka {
    /// By librdkafka's names; no secrets.
    pub settings: BTreeMap<String, String>,
    /// A file with more of them, `KEY=VALUE` a line, where secrets may stand.
    pub file: Option<PathBuf>,
}

/// Whether a setting of the Kafka client is a secret.
#[must_use]
pub fn is_secret(setting: &str) -> bool {
    SECRETS.contains(&setting)
}
