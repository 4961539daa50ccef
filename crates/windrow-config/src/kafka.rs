//! The `[kafka]` table: settings of the Kafka client, by librdkafka's names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};

use crate::error::Faults;

/// Settings that are secrets. They are read from the environment or from a separate file, never from the pipeline file, because
/// its contents are shown and stored.
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

/// Settings of the Kafka client, by librdkafka's names, as in `security.protocol = "SASL_SSL"`. Secrets are read from the
/// environment (`WINDROW_KAFKA_SASL_PASSWORD`) or from the file in `file`, never from this table.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Kafka {
    /// A file with more settings, one `KEY=VALUE` per line. It may contain secrets. The path is relative to the folder of the
    /// pipeline file.
    #[schemars(example = &"kafka.secrets")]
    pub file: Option<PathBuf>,
    /// The settings that are not secrets, by librdkafka's names.
    #[serde(skip)]
    pub settings: BTreeMap<String, String>,
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    written: Table,
}

/// Returns true if a setting of the Kafka client is a secret.
pub fn is_secret(setting: &str) -> bool {
    SECRETS.contains(&setting)
}

impl Kafka {
    pub(crate) fn read_settings(&mut self, faults: &mut Faults<'_>) {
        let written = std::mem::take(&mut self.written);
        self.read_table("", written, faults);
    }

    /// Reads a table. Without quotes around its key, `security.protocol = "SSL"` is a table in a table.
    fn read_table(&mut self, prefix: &str, table: Table, faults: &mut Faults<'_>) {
        for (key, value) in table {
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            let full_key = format!("kafka.{name}");
            let text = match value {
                Value::Table(table) => {
                    self.read_table(&name, table, faults);
                    continue;
                }
                Value::String(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(value) => value.to_string(),
                Value::Array(_) | Value::Datetime(_) => {
                    faults.add(&full_key, "must be a string, a number, true or false");
                    continue;
                }
            };
            if is_secret(&name) {
                let variable = name.to_uppercase().replace('.', "_");
                let problem = format!(
                    "is a secret, and this file is printed and stored: give it as WINDROW_KAFKA_{variable}, or in the \
                     file that kafka.file names"
                );
                faults.add(&full_key, problem);
            } else if name == "bootstrap.servers" || name == "metadata.broker.list" {
                faults.add(&full_key, "is set by --broker");
            } else {
                self.settings.insert(name, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Pipeline;

    fn parsed(kafka: &str) -> Result<Pipeline, String> {
        let text = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
             features = {{ numeric = [\"x\"] }}\nwindow = {{ rows = 5 }}\n[kafka]\n{kafka}"
        );
        Pipeline::parse(Path::new("/a/p.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_taken_by_librdkafkas_names_with_quotes_and_without() {
        let pipeline = parsed(
            "security.protocol = \"SASL_SSL\"\n\"sasl.mechanism\" = \"PLAIN\"\nlinger.ms = 5\nsocket.keepalive.enable = true\n\
             file = \"secrets\"",
        );
        let kafka = pipeline.expect("good settings").kafka;
        let found: Vec<(&str, &str)> = kafka.settings.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        let expected = [
            ("linger.ms", "5"),
            ("sasl.mechanism", "PLAIN"),
            ("security.protocol", "SASL_SSL"),
            ("socket.keepalive.enable", "true"),
        ];
        assert_eq!(found, expected);
        assert_eq!(kafka.file.as_deref(), Some(Path::new("/a/secrets")));
    }

    #[test]
    fn secrets_and_invalid_values_are_reported_with_line_and_key() {
        for (text, expected) in [
            ("sasl.password = \"x\"", "p.toml:7: kafka.sasl.password: is a secret"),
            ("\"ssl.key.password\" = \"x\"", "WINDROW_KAFKA_SSL_KEY_PASSWORD"),
            ("bootstrap.servers = \"a:1\"", "is set by --broker"),
            ("linger.ms = [1]", "p.toml:7: kafka.linger.ms: must be a string"),
            ("file = 3", "kafka.file: invalid type: integer `3`, expected the path of a file"),
        ] {
            let error = parsed(text).expect_err(expected);
            assert!(error.contains(expected) && !error.contains("\"x\""), "{error}");
        }
    }

    #[test]
    fn settings_are_not_part_of_what_a_run_stores() {
        let pipeline = parsed("sasl.username = \"a-user\"").expect("a good setting");
        let stored = serde_json::to_string(&pipeline).expect("JSON");
        assert!(!stored.contains("a-user") && !stored.contains("kafka"), "{stored}");
    }
}
