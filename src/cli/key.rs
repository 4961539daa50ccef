//! `windrow key`: a new API key, and its entry for the file of keys.

use crate::cli::args::KeyArgs;
use crate::cli::error::CliError;
use crate::cli::print::stdout;
use windrow_server::api::{Scope, new_key};

pub(crate) fn execute(args: &KeyArgs) -> Result<(), CliError> {
    let scope = if args.admin { Scope::Admin } else { Scope::Read };
    let (key, entry) = new_key(&args.name, scope);
    let text = format!(
        "the key, which is shown this once:\n  {key}\n\nfor the file that serve.keys names:\n\n[[key]]\nname = {:?}\nscope = \"{}\"\nsha256 = \"{}\"\n",
        entry.name,
        entry.scope.name(),
        entry.sha256
    );
    stdout(&text)
}
