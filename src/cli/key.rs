//! `windrow key`: a new API key, and its entry for the file of keys.

use std::collections::BTreeMap;

use crate::cli::args::KeyArgs;
use crate::cli::error::CliError;
use crate::cli::print::stdout;
use windrow_server::{Scope, new_key};

pub(crate) fn execute(args: &KeyArgs) -> Result<(), CliError> {
    let scope = if args.admin { Scope::Admin } else { Scope::Read };
    let (key, entry) = new_key(&args.name, scope);
    let entry = toml::to_string(&BTreeMap::from([("key", [entry])]));
    let entry = entry.map_err(|error| CliError::Failed(format!("the key cannot be written as TOML: {error}")))?;
    stdout(&format!("the key, shown only once:\n  {key}\n\nadd this to the file that serve.keys names:\n\n{entry}"))
}
