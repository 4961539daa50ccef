//! The settings of the Kafka client, from where they may stand.

use std::path::Path;

use crate::cli::CliError;
use crate::config::{Kafka, is_secret};

/// What a variable's name begins with that gives a setting: `WINDROW_KAFKA_SASL_PASSWORD` is `sasl.password`.
const PREFIX: &str = "WINDROW_KAFKA_";

/// The pipeline file's settings, then its file of settings, the environment, the command line: the later counts.
///
/// # Errors
/// The file cannot be read, or the command line, which others on this machine can see, gives a secret.
pub(crate) fn properties(kafka: &Kafka, given: Vec<(String, String)>) -> Result<Vec<(String, String)>, CliError> {
    if let Some((name, _)) = given.iter().find(|(name, _)| is_secret(name)) {
        return Err(CliError::Use(format!(
            "-X {name}: others on this machine can see it; give it as {PREFIX}{}, or in the file that kafka.file of the \
             pipeline file names",
            name.to_uppercase().replace('.', "_")
        )));
    }
    let mut properties: Vec<(String, String)> = kafka.settings.clone().into_iter().collect();
    if let Some(file) = &kafka.file {
        properties.extend(read(file)?);
    }
    properties.extend(variables());
    properties.extend(given);
    Ok(properties)
}

/// Variables that are empty are as good as unset.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let setting = name.to_str()?.strip_prefix(PREFIX)?.to_lowercase().replace('_', ".");
        let value = value.into_string().ok().filter(|value| !value.is_empty())?;
        Some((setting, value))
    })
}

fn read(path: &Path) -> Result<Vec<(String, String)>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::Use(format!("cannot read {} (kafka.file of the pipeline file): {error}", path.display()))
    })?;
    let mut properties = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // What stands there may be a secret, and is not repeated.
        let (name, value) = line.split_once('=').ok_or_else(|| {
            CliError::Use(format!("{}, line {}: is not of the form KEY=VALUE", path.display(), number + 1))
        })?;
        properties.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(properties)
}
