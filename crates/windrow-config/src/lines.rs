//! On which line of the pipeline file each key stands.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The keys of a file, dotted, with their places.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    path: String,
    line: usize,
    /// From the key's first byte to its value's last.
    bytes: Range<usize>,
}

impl Lines {
    pub(super) fn read(text: &str, table: &DeTable<'_>) -> Self {
        let mut keys = Vec::new();
        collect(text, "", table, &mut keys);
        Self { keys }
    }

    /// Whether a key is written.
    pub(super) fn has(&self, path: &str) -> bool {
        self.keys.iter().any(|key| key.path == path)
    }

    /// The line of a key; of the nearest table around it when the key itself is not written.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(key) = self.keys.iter().find(|key| key.path == path) {
                return Some(key.line);
            }
            path = path.rsplit_once(['.', '['])?.0;
        }
    }

    /// The innermost key that holds the first byte of a part of the file. For a table that begins with its header, which is before
    /// the bytes of its key, the first key that begins in the part.
    pub(super) fn key_of(&self, part: &Range<usize>) -> Option<&str> {
        let holding = self.keys.iter().filter(|key| key.bytes.contains(&part.start));
        let within = self.keys.iter().filter(|key| part.contains(&key.bytes.start));
        let key = holding.min_by_key(|key| key.bytes.len()).or_else(|| within.min_by_key(|key| key.bytes.start));
        key.map(|key| key.path.as_str())
    }
}

/// The line on which a byte stands, from 1.
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
