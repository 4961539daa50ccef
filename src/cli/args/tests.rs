//! Every command of the documents and of the repository's scripts is one that the command line accepts.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;

/// The Markdown files at the root and in `docs`, with the files that run commands.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("justfile"), root.join("compose.yaml")];
    for folder in [root.to_owned(), root.join("docs"), root.join("docs/decisions")] {
        let entries = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a readable folder").path());
        found.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    found
}

/// The parts of a text that can be commands: the lines of code blocks, and the spans in backticks.
fn code(text: &str) -> Vec<(String, bool)> {
    let (mut found, mut is_fenced) = (Vec::new(), false);
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") {
            found.push((line.trim().to_owned(), true));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (span.to_owned(), false)));
        }
    }
    found
}

/// The arguments of each `windrow` command in a line of a shell, without redirections and comments.
fn commands(line: &str) -> Vec<Vec<String>> {
    let words = shlex::split(&line.replace("HOST:PORT", "host:9092")).unwrap_or_default();
    let is_end = |word: &String| ["&&", "||", "|", "&", ";"].contains(&word.as_str()) || word.starts_with(['>', '<']);
    let mut found = Vec::new();
    for part in words.split(is_end) {
        let is_setting = |word: &&String| word.contains('=') || ["time", "export"].contains(&word.as_str());
        let command: Vec<String> = part.iter().skip_while(is_setting).cloned().collect();
        if command.len() > 1 && command[0] == "windrow" {
            found.push(command);
        }
    }
    found
}

#[test]
fn every_command_of_the_documents_is_accepted() {
    let mut accepted = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a document");
        for (line, is_whole) in code(&text) {
            for command in commands(&line) {
                let fault = Cli::try_parse_from(&command).err().map(|error| error.kind());
                let is_accepted = match fault {
                    None | Some(ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => true,
                    Some(ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) => false,
                    // A sentence may name a command without its arguments.
                    Some(_) => !is_whole,
                };
                assert!(is_accepted, "{}: {}", path.display(), command.join(" "));
                accepted += 1;
            }
        }
    }
    assert!(accepted > 100, "{accepted} commands");
}
