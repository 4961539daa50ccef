//! The last lines that a learner printed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of lines that are kept.
const MAX_LINES: usize = 20;
/// The number of characters that are kept of a line.
const MAX_CHARACTERS: usize = 500;
/// The number of bytes of a line that are read. A character has at most four.
pub(crate) const MAX_LINE_BYTES: usize = 4 * MAX_CHARACTERS;

/// The last lines of a learner's log, from both of its streams.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<VecDeque<String>>,
    is_closed: AtomicBool,
}

impl Log {
    /// Adds a line, and removes the oldest if there are too many. Empty lines are left out, and all lines of a log that
    /// was closed.
    pub(crate) fn push(&self, line: &[u8]) {
        if self.is_closed() {
            return;
        }
        let line = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE_BYTES)]);
        let line = plain(line.trim_end(), MAX_CHARACTERS);
        if line.is_empty() {
            return;
        }
        tracing::debug!(%line, "the learner printed a line");
        let mut lines = self.lock();
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Returns the lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// Ends the readers of a process that was killed. Its output can still be open, in a child of the learner that has
    /// left the process group.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns at most `limit` characters of a text, with a space for each control character. A learner's text must not move
/// the cursor of a terminal.
pub(crate) fn plain(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let log = Log::default();
        for number in 0..=MAX_LINES {
            log.push(number.to_string().as_bytes());
        }
        let lines = log.lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[MAX_LINES - 1].as_str()), (MAX_LINES, "1", "20"));
        log.close();
        log.push(b"after the end");
        assert_eq!(log.lines(), lines);
    }

    #[test]
    fn lines_are_short_and_without_control_characters() {
        let log = Log::default();
        log.push("\u{1F600}".repeat(MAX_CHARACTERS + 100).as_bytes());
        log.push(b"\x1b[31mred\x07\r");
        log.push(b"  \r");
        log.push(b"not \xff UTF-8");
        let lines = log.lines();
        assert_eq!(lines[0], "\u{1F600}".repeat(MAX_CHARACTERS));
        assert_eq!(lines[1..], [" [31mred ", "not \u{FFFD} UTF-8"]);
    }
}
