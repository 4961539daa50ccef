//! The `[kafka]` table.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::kafka::{Kafka, is_secret};
use crate::parse::Check;

impl Check<'_> {
    pub(super) fn kafka(&mut self, folder: &Path, mut raw: Table) -> Kafka {
        let mut kafka = Kafka::default();
        match raw.remove("file") {
            Some(Value::String(file)) => kafka.file = Some(folder.join(PathBuf::from(file))),
            Some(_) => self.fault("kafka.file", "must be the path of a file, as a text"),
            None => {}
        }
        self.settings("", raw, &mut kafka);
        kafka
    }

    /// `security.protocol = "SSL"` without quotes round the key is a table in a table.
    fn settings(&mut self, prefix: &str, table: Table, kafka: &mut Kafka) {
        for (key, value) in table {
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            let place = format!("kafka.{name}");
            let text = match value {
                Value::Table(table) => {
                    self.settings(&name, table, kafka);
                    continue;
                }
                Value::String(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(value) => value.to_string(),
                Value::Array(_) | Value::Datetime(_) => {
                    self.fault(&place, "must be a text, a number, true or false");
                    continue;
                }
            };
            if is_secret(&name) {
                let variable = name.to_uppercase().replace('.', "_");
                let problem = format!(
                    "is a secret, and this file is shown and stored: give it as WINDROW_KAFKA_{variable}, or in the file that \
                     kafka.file names"
                );
                self.fault(&place, problem);
            } else if name == "bootstrap.servers" || name == "metadata.broker.list" {
                self.fault(&place, "is what --broker gives");
            } else {
                kafka.settings.insert(name, text);
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
        let told: Vec<(&str, &str)> =
            kafka.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            told,
            [
                ("linger.ms", "5"),
                ("sasl.mechanism", "PLAIN"),
                ("security.protocol", "SASL_SSL"),
                ("socket.keepalive.enable", "true")
            ]
        );
        assert_eq!(kafka.file.as_deref(), Some(Path::new("/a/secrets")));
    }

    #[test]
    fn secrets_and_what_cannot_be_are_told_with_line_and_key() {
        for (text, told) in [
            ("sasl.password = \"x\"", "p.toml:7: kafka.sasl.password: is a secret"),
            ("\"ssl.key.password\" = \"x\"", "WINDROW_KAFKA_SSL_KEY_PASSWORD"),
            ("bootstrap.servers = \"a:1\"", "is what --broker gives"),
            ("linger.ms = [1]", "p.toml:7: kafka.linger.ms: must be a text"),
            ("file = 3", "kafka.file: must be the path of a file"),
        ] {
            let error = parsed(text).expect_err(told);
            assert!(error.contains(told) && !error.contains("\"x\""), "{error}");
        }
    }

    #[test]
    fn settings_are_not_part_of_what_a_run_stores() {
        let pipeline = parsed("sasl.username = \"somebody\"").expect("a good setting");
        let stored = serde_json::to_string(&pipeline).expect("JSON");
        assert!(!stored.contains("somebody") && !stored.contains("kafka"), "{stored}");
    }
}
