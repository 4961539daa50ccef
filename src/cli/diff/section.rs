//! A section of the differences: a table of what differs, with sentences below it.

use std::fmt::Display;

use crate::app::Pair;
use crate::cli::print::{table, wrapped};
use windrow_record::display::thousands;

/// The number of windows, models or policies that are listed without `--all`.
const MAX_LISTED: usize = 5;

/// A section of the differences.
#[derive(Debug)]
pub(super) struct Section {
    title: &'static str,
    rows: Vec<[String; 3]>,
    notes: Vec<String>,
    /// `true` if one of the notes is a difference.
    differs: bool,
}

impl Section {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new(), notes: Vec::new(), differs: false }
    }

    /// Adds a row to the table.
    pub(super) fn row(&mut self, what: impl Into<String>, [a, b]: [String; 2]) {
        self.rows.push([what.into(), a, b]);
    }

    /// Adds a row to the table, if the values differ.
    pub(super) fn row_if_other<T: PartialEq>(&mut self, what: &str, values: &Pair<T>, text: impl Fn(&T) -> String) {
        if values.differs() {
            self.row(what, [text(&values.a), text(&values.b)]);
        }
    }

    /// Adds a sentence on a difference below the table.
    pub(super) fn note(&mut self, sentence: String) {
        self.differs = true;
        self.notes.push(sentence);
    }

    /// Adds a sentence that is not a difference.
    pub(super) fn note_of_equal(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    /// Returns `true` if nothing differs.
    pub(super) fn is_same(&self) -> bool {
        self.rows.is_empty() && !self.differs
    }

    /// Returns the section with an empty line below it.
    pub(super) fn text(&self) -> String {
        let Self { title, rows, notes, .. } = self;
        let mut text = if self.is_same() {
            format!("{title}: the same\n")
        } else if rows.is_empty() {
            format!("{title}:\n")
        } else {
            let mut table = table([*title, "A", "B"], 0..0);
            for row in rows {
                table.add_row(row);
            }
            format!("{}\n", table.trim_fmt())
        };
        text.extend(notes.iter().map(|note| wrapped(note)));
        text + "\n"
    }
}

/// Lists things in a sentence: the first ones and the number of the others, or all.
pub(super) fn listed<T: Display>(things: &[T], all: bool) -> String {
    let shown = if all { things.len() } else { MAX_LISTED };
    let names: Vec<String> = things.iter().take(shown).map(ToString::to_string).collect();
    let more = things.len().saturating_sub(shown);
    let more = if more > 0 { format!(" and {} more (--all)", thousands(more as u64)) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_only_what_differs() {
        let mut section = Section::new("data");
        let count = |count: &u64| thousands(*count);
        section.row_if_other("rows", &Pair { a: 5_u64, b: 5 }, count);
        section.note_of_equal("A sentence.".to_owned());
        assert_eq!(section.text(), "data: the same\n  A sentence.\n\n");
        section.note("Two windows differ.".to_owned());
        assert_eq!(section.text(), "data:\n  A sentence.\n  Two windows differ.\n\n");
        section.row_if_other("rows", &Pair { a: 5_u64, b: 6000 }, count);
        let text = section.text();
        let row = text.lines().find(|line| line.starts_with("rows")).expect("a row");
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["rows", "5", "6,000"], "{text}");
    }

    #[test]
    fn a_long_list_is_cut_unless_all_is_asked_for() {
        let numbers: Vec<u32> = (1..=7).collect();
        assert_eq!(listed(&numbers, false), "1, 2, 3, 4, 5 and 2 more (--all)");
        assert_eq!(listed(&numbers, true), "1, 2, 3, 4, 5, 6, 7");
        assert_eq!(listed(&numbers[..2], false), "1, 2");
    }
}
