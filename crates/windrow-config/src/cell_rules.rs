//! The rules by which the cells of a column are read: replaced texts, and the written form of numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::dataset::Dataset;
use windrow_record::{NumberForm, Separators};

/// The rules of the `[dataset]` table for the cells of one column. The reader of a dataset applies them to its rows, and
/// the API to texts in requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellRules {
    replace: BTreeMap<String, String>,
    numbers: Option<NumberForm>,
    /// The texts that mean a missing value. They stay as they are.
    null: Vec<String>,
}

impl CellRules {
    /// Returns a cell in the usual form: a replaced text, or a plain number. Any other text stays.
    pub fn rewrite<'t>(&'t self, text: &'t str) -> Cow<'t, str> {
        let text = self.replace.get(text).or_else(|| self.replace.get(text.trim())).map_or(text, String::as_str);
        if self.null.iter().any(|null| null == text) {
            return Cow::Borrowed(text);
        }
        self.numbers.as_ref().and_then(|form| form.plain(text)).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Returns true if all cells stay as they are.
    pub fn is_empty(&self) -> bool {
        self.replace.is_empty() && self.numbers.is_none()
    }

    /// The written form of the numbers. `None` if they are plain.
    pub fn form(&self) -> Option<&NumberForm> {
        self.numbers.as_ref()
    }
}

impl Dataset {
    /// Returns the rules for the cells of a column.
    pub fn cell_rules(&self, column: &str) -> CellRules {
        // An empty text means 'missing' here, also if the rest of the file has another text for it.
        let missing = self.null.iter().find(|text| text.is_empty()).or(self.null.first());
        let replaced = |(text, other): (&String, &String)| {
            let other = if other.is_empty() { missing.unwrap_or(other) } else { other };
            (text.clone(), other.clone())
        };
        let comma = || NumberForm::new("", "", Separators::PointComma);
        let numbers = self.numbers.get(column).cloned().or_else(|| (self.decimal == Some(b',')).then(comma));
        CellRules {
            replace: self.replace.get(column).into_iter().flatten().map(replaced).collect(),
            numbers: numbers.filter(|_| !self.days_since.contains_key(column)),
            null: self.null.clone(),
        }
    }
}
