//! The settings of the Kafka client, from all their sources.

use std::path::Path;

use crate::cli::error::CliError;
use windrow_config::{Kafka, is_secret};
use windrow_kafka::setting_fault;

/// The prefix of environment variables with settings: `WINDROW_KAFKA_SASL_PASSWORD` is `sasl.password`.
const VARIABLE_PREFIX: &str = "WINDROW_KAFKA_";

/// The source of a setting, its name in librdkafka, and its value.
type Setting = (String, String, String);

/// Combines the settings of the pipeline file, of its settings file, of the environment and of the command line. Later
/// sources override earlier ones.
///
/// # Errors
/// Fails if the file cannot be read, if the client library does not know a setting, or if the command line gives a
/// secret. Other users of the machine can see the command line.
pub(crate) fn properties(kafka: &Kafka, given: Vec<(String, String)>) -> Result<Vec<(String, String)>, CliError> {
    if let Some((name, _)) = given.iter().find(|(name, _)| is_secret(name)) {
        return Err(CliError::Usage(format!(
            "-X {name}: other users of this machine can see the command line; give it as {VARIABLE_PREFIX}{}, or in the file \
             that kafka.file of the pipeline file names",
            name.to_uppercase().replace('.', "_")
        )));
    }
    let written = kafka.settings.clone().into_iter();
    let mut settings: Vec<Setting> =
        written.map(|(name, value)| (format!("kafka.{name} of the pipeline file"), name, value)).collect();
    if let Some(file) = &kafka.file {
        settings.extend(read(file)?);
    }
    settings.extend(variables());
    settings.extend(given.into_iter().map(|(name, value)| (format!("-X {name}"), name, value)));
    let fault = settings.iter().find_map(|(origin, name, value)| Some((origin, setting_fault(name, value)?)));
    if let Some((origin, reason)) = fault {
        return Err(CliError::Usage(format!("{origin}: {reason}")));
    }
    Ok(settings.into_iter().map(|(_, name, value)| (name, value)).collect())
}

/// Empty variables count as unset.
fn variables() -> impl Iterator<Item = Setting> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let setting = name.strip_prefix(VARIABLE_PREFIX)?.to_lowercase().replace('_', ".");
        let value = value.into_string().ok().filter(|value| !value.is_empty())?;
        Some((name, setting, value))
    })
}

fn read(path: &Path) -> Result<Vec<Setting>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::Usage(format!("cannot read {} (kafka.file of the pipeline file): {error}", path.display()))
    })?;
    let mut properties = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line may hold a secret, so the message does not repeat it.
        let origin = format!("{}, line {}", path.display(), number + 1);
        let no_pair = || CliError::Usage(format!("{origin}: expected the form KEY=VALUE"));
        let (name, value) = line.split_once('=').ok_or_else(no_pair)?;
        properties.push((origin, name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(properties)
}
