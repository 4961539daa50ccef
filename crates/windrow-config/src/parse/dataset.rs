//! The `[dataset]` table.

use std::path::Path;

use crate::dataset::{Dataset, TimeColumn};
use crate::parse::{Check, resolve};
use crate::raw;
use windrow_record::TimeFormat;

impl Check<'_> {
    pub(super) fn dataset(&mut self, path: &Path, raw: raw::Dataset) -> Dataset {
        let folder = path.parent().unwrap_or(Path::new(""));
        let delimiter = self.byte("dataset.delimiter", raw.delimiter.as_deref(), b"\"\r\n").unwrap_or(b',');
        let quote = self.byte("dataset.quote", raw.quote.as_deref(), &[delimiter, b'\r', b'\n']);
        let decimal = self.byte("dataset.decimal", raw.decimal.as_deref(), b"");
        if decimal.is_some_and(|byte| !matches!(byte, b'.' | b',')) {
            self.fault("dataset.decimal", "must be \".\" or \",\"");
        }
        if let Some(columns) = &raw.columns {
            if columns.is_empty() {
                self.fault("dataset.columns", "names no column; leave the key out for a file with a header line");
            }
            for (index, column) in columns.iter().enumerate() {
                if columns[..index].contains(column) {
                    self.fault(&format!("dataset.columns[{index}]"), format!("`{column}` stands twice"));
                }
            }
        }
        let time = raw.time.and_then(|time| match TimeFormat::new(time.format) {
            Ok(format) => Some(TimeColumn { column: time.column, format, from: time.from }),
            Err(error) => {
                self.fault("dataset.time.format", error.to_string());
                None
            }
        });
        if let Some(TimeColumn { column, from: Some(from), .. }) = &time
            && from.contains(column)
        {
            self.fault(
                "dataset.time.column",
                "names the column that is made of the two in dataset.time.from: choose a new name",
            );
        }
        Dataset {
            path: resolve(folder, raw.path),
            skip: raw.skip.filter(|lines| *lines > 0),
            columns: raw.columns,
            delimiter,
            // What is so without being said is not said: two ways of writing the same are the same run.
            quote: quote.filter(|byte| *byte != b'"'),
            decimal: decimal.filter(|byte| *byte == b','),
            null: raw.null.unwrap_or_else(|| vec![String::new()]),
            time,
        }
    }

    /// One ASCII character, and none of these.
    fn byte(&mut self, key: &str, text: Option<&str>, not: &[u8]) -> Option<u8> {
        match text?.as_bytes() {
            [byte] if byte.is_ascii() && !not.contains(byte) => Some(*byte),
            _ => {
                self.fault(key, "must be one ASCII character, and no quote, delimiter or line break");
                None
            }
        }
    }
}
