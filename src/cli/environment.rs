//! Access to environment variables.

use std::env::VarError;

#[expect(clippy::disallowed_methods, reason = "cli is where the environment is read")]
pub(crate) fn variable(name: &str) -> Result<String, VarError> {
    std::env::var(name)
}

/// Returns the value of a variable, if it is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    variable(name).ok().filter(|value| !value.is_empty())
}
