//! `windrow completions` and `windrow man`: the files for shells and `man`.

use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::print::stdout;

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "windrow", &mut text);
    stdout(&String::from_utf8_lossy(&text))
}

/// Prints the manual: all commands on one page.
pub(crate) fn page() -> Result<(), CliError> {
    let command = Cli::command();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for each in command.get_subcommands().filter(|each| each.get_name() != "help" && !each.is_hide_set()) {
        let name = format!("windrow {}", each.get_name());
        let manual = clap_mangen::Man::new(each.clone().display_name(name.clone()).name(name));
        manual.render_description_section(&mut text)?;
        manual.render_synopsis_section(&mut text)?;
        manual.render_options_section(&mut text)?;
    }
    stdout(&String::from_utf8_lossy(&text))
}
