//! The options of an inspection.

use crate::inspection::error::InspectionError;
use crate::inspection::layout::LayoutOptions;
use windrow_config::unknown_column;
use windrow_record::parse_number;

/// The options of an inspection, as the user gave them.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The target column, with or without its rule.
    pub target: Option<String>,
    /// The time column: `COLUMN`, `COLUMN=FORMAT` or `none`.
    pub time: Option<String>,
    /// Columns to read as numbers.
    pub numeric: Vec<String>,
    /// Columns to read as categories.
    pub categorical: Vec<String>,
    /// Columns to exclude from the features.
    pub leave_out: Vec<String>,
    /// Columns to keep although they seem to give the target away.
    pub keep: Vec<String>,
    /// More texts that mean 'missing': `TEXT`, or `COLUMN=TEXT` for a single column.
    pub null: Vec<String>,
    /// Texts that mean a number: `COLUMN=TEXT=NUMBER`.
    pub replace: Vec<String>,
    /// The windows, as in `week`, `parts=12` or `rows=5000`.
    pub window: Option<String>,
    /// The delay with which labels are known, as in `30d`, or `2` for two windows.
    pub label_delay: Option<String>,
    /// The name of the pipeline.
    pub name: Option<String>,
    /// The command of the learner that the pipeline file names. Empty for a built-in one.
    pub learner: Vec<String>,
    /// The delimiter, and whether the file has a header line.
    pub layout: LayoutOptions,
    /// True if the user can be asked. Otherwise, a question with a usual answer gets that answer.
    pub is_interactive: bool,
}

impl Options {
    /// Adds the answer to a question: the value of an option that a [`Choice`](crate::inspection::Choice) names.
    pub fn answer(&mut self, option: &str, value: String) {
        match option {
            "--target" => self.target = Some(value),
            "--time" => self.time = Some(value),
            "--label-delay" => self.label_delay = Some(value),
            "--numeric" => self.numeric.push(value),
            "--categorical" => self.categorical.push(value),
            "--leave-out" => self.leave_out.push(value),
            "--replace" => self.replace.push(value),
            _ => {}
        }
    }

    /// Returns the texts that mean 'missing' in a column by the options.
    pub(crate) fn null_of<'o>(&'o self, column: &str, names: &[String]) -> impl Iterator<Item = &'o str> {
        self.null.iter().filter_map(move |given| match of_column(given, names) {
            Some((name, text)) => (name == column).then_some(text),
            None => Some(given.as_str()),
        })
    }

    /// Returns the texts that mean 'missing' in every column.
    pub(crate) fn null_everywhere<'o>(&'o self, names: &[String]) -> impl Iterator<Item = &'o str> {
        self.null.iter().map(String::as_str).filter(move |given| of_column(given, names).is_none())
    }

    /// Returns the texts of a column that mean a number, with the number.
    ///
    /// # Errors
    /// An option does not have the form COLUMN=TEXT=NUMBER, or the file has no such column.
    pub(crate) fn replace_of(&self, column: &str, names: &[String]) -> Result<Vec<(&str, &str)>, InspectionError> {
        let mut found = Vec::new();
        for given in &self.replace {
            let Some((name, rest)) = of_column(given, names) else {
                let name = given.split('=').next().unwrap_or_default();
                let problem = unknown_column("the file", name, names);
                return Err(InspectionError::Usage(format!("--replace: {problem}")));
            };
            let parts = rest.rsplit_once('=').map(|(text, number)| (text, number.trim()));
            let parts = parts.filter(|(text, number)| !text.is_empty() && parse_number(number).is_ok());
            let Some(parts) = parts else {
                let form = "--replace takes COLUMN=TEXT=NUMBER, as in 'fee=FREE=0'";
                return Err(InspectionError::Usage(format!("--replace: `{given}` has no number at its end; {form}")));
            };
            if name == column {
                found.push(parts);
            }
        }
        Ok(found)
    }
}

/// Splits `COLUMN=TEXT`. `None` if the text does not begin with the name of a column.
fn of_column<'o>(given: &'o str, names: &[String]) -> Option<(&'o str, &'o str)> {
    let is_column = |(name, text): &(&str, &str)| !text.is_empty() && names.iter().any(|known| known == name);
    // The longest column name that the text begins with.
    given.match_indices('=').map(|(index, _)| (&given[..index], &given[index + 1..])).rfind(is_column)
}
