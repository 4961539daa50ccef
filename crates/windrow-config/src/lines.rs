//! The line of each key in the pipeline file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The dotted keys of a file, with their positions.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    path: String,
    line: usize,
    /// The range from the first byte of the key to the last byte of its value.
    bytes: Range<usize>,
}

impl Lines {
    pub(super) fn read(text: &str, table: &DeTable<'_>) -> Self {
        let mut keys = Vec::new();
        collect(text, "", table, &mut keys);
        Self { keys }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.keys.iter().any(|key| key.path == path)
    }

    /// Returns the line of a key. If the file does not have it, returns the line of the nearest table around it.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(key) = self.keys.iter().find(|key| key.path == path) {
                return Some(key.line);
            }
            path = path.rsplit_once(['.', '['])?.0;
        }
    }

    /// Returns the innermost key that contains the first byte of a part of the file. If no key contains it, as at the header of a
    /// table, returns the first key that begins in the part.
    pub(super) fn key_of(&self, part: &Range<usize>) -> Option<&str> {
        let holding = self.keys.iter().filter(|key| key.bytes.contains(&part.start));
        let within = self.keys.iter().filter(|key| part.contains(&key.bytes.start));
        let key = holding.min_by_key(|key| key.bytes.len()).or_else(|| within.min_by_key(|key| key.bytes.start));
        key.map(|key| key.path.as_str())
    }
}

/// Returns the line of a byte, from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count()
}

fn collect(text: &str, prefix: &str, table: &DeTable<'_>, keys: &mut Vec<Key>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        let bytes = key.span().start..value.span().end.max(key.span().end);
        keys.push(Key { path: path.clone(), line: line_of(text, key.span().start), bytes });
        match value.get_ref() {
            DeValue::Table(table) => collect(text, &path, table, keys),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let line = line_of(text, item.span().start);
                    keys.push(Key { path: format!("{path}[{index}]"), line, bytes: item.span() });
                }
            }
            _ => {}
        }
    }
}
