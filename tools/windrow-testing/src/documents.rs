//! The documents, their code blocks, and the commands of these blocks, run by bash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Running, program, root};

/// Returns the Markdown files at the root and in `docs`, `benches`, `fixtures` and `crates`, with their texts.
///
/// # Panics
/// A folder or a file cannot be read.
pub fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = Vec::from(["docs", "benches", "fixtures", "crates"].map(|folder| root().join(folder)));
    let mut entries = entries_of(root());
    while let Some(folder) = folders.pop() {
        let (inner, files): (Vec<_>, Vec<_>) = entries_of(&folder).into_iter().partition(|path| path.is_dir());
        folders.extend(inner);
        entries.extend(files);
    }
    for path in entries.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        found.push((path, text));
    }
    assert!(found.len() > 10, "{} documents", found.len());
    found
}

fn entries_of(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a readable folder").path()).collect()
}

/// A code block of a document.
#[derive(Debug)]
pub struct Block {
    /// The number of the first line of the text, from 1.
    pub line: usize,
    /// The language that the fence names. Empty for a block that is indented instead.
    pub language: String,
    /// The lines, without fences and indentation.
    pub text: String,
}

/// Returns the code blocks of a text: between fences, or indented by four spaces after an empty line.
pub fn blocks(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let rest = &lines[at + 1..];
        if let Some(language) = lines[at].trim_start().strip_prefix("```") {
            let length = rest.iter().take_while(|line| !line.trim_start().starts_with("```")).count();
            let text = rest[..length].join("\n");
            found.push(Block { line: at + 2, language: language.trim().to_owned(), text });
            at += length + 2;
        } else if lines[at].starts_with("    ") && (at == 0 || lines[at - 1].is_empty()) {
            let length = 1 + rest.iter().take_while(|line| line.is_empty() || line.starts_with("    ")).count();
            let code: Vec<&str> =
                lines[at..at + length].iter().map(|line| line.strip_prefix("    ").unwrap_or_default()).collect();
            found.push(Block { line: at + 1, language: String::new(), text: code.join("\n").trim_end().to_owned() });
            at += length;
        } else {
            at += 1;
        }
    }
    found
}

/// Returns the code block that begins with these words, after substitutions of texts by other texts. The document is a
/// path below the root of the workspace.
///
/// # Panics
/// The document does not have exactly one such block, or the block does not contain a text that is to be substituted.
pub fn block(document: &str, begins: &str, substitutions: &[(&str, &str)]) -> String {
    let page = fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"));
    let mut found = blocks(&page).into_iter().filter(|block| block.text.starts_with(begins));
    let text = found.next().unwrap_or_else(|| panic!("{document}: no code block begins with `{begins}`")).text;
    assert!(found.next().is_none(), "{document}: several code blocks begin with `{begins}`");
    substitutions.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{document}: `{from}` is not in the block\n{text}");
        text.replace(from, to)
    })
}

/// Returns a command that runs a script by bash in a folder, with the program under test on the path. The script ends at
/// the first command that fails.
///
/// # Panics
/// The test was not started by Cargo.
pub fn shell(folder: &Path, script: &str) -> Command {
    let programs = program().parent().expect("a folder").display().to_string();
    let script = format!("set -eu\nexport PATH=\"{programs}:$PATH\"\n{script}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder).stdin(Stdio::null());
    command.env_remove("WINDROW_LOG").env_remove("WINDROW_REDPANDA_IMAGE");
    command
}

/// Runs a script to its end; returns what it prints on both streams.
///
/// # Panics
/// The script fails, or does not end within [`STEP_TIMEOUT`](crate::STEP_TIMEOUT).
pub fn finish(folder: &Path, script: &str) -> String {
    let mut running = Running::spawn(&mut shell(folder, &format!("exec 2>&1\n{script}")));
    let status = running.end();
    assert!(status.success(), "{script}: {status}\n{}", running.output());
    running.output()
}

/// Starts one command, which may begin with settings of environment variables. The process is that of the command itself,
/// so that signals reach it.
pub fn start(folder: &Path, command: &str) -> Running {
    Running::spawn(&mut shell(folder, &format!("exec env {command}")))
}
