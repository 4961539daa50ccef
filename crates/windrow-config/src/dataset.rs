//! The `[dataset]` table: the file with the rows, and its format.

use std::collections::BTreeMap;
use std::path::PathBuf;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Checked, OneOrMany, byte, distinct, ensure, list, some_byte};
use windrow_record::{NumberForm, TimeFormat};

/// The dataset: the file that is replayed, and its format.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Dataset {
    /// The file, relative to the folder of the pipeline file: CSV or JSON Lines (plain, gzip, zstd, or a zip archive of one
    /// file), or Parquet. In JSON Lines, each line is an object; its nested values are not read.
    #[schemars(example = &"flights.csv.zst")]
    pub path: PathBuf,
    /// The number of lines to skip before the header line, or before the first row if `columns` names the columns.
    #[schemars(example = 3)]
    pub skip: Option<u64>,
    /// The names of the columns, for a file without a header line. With `skip = 1`, they replace the header line. In JSON
    /// Lines: the keys that are read, in this order. By default, all keys without nested values.
    #[garde(inner(custom(distinct)))]
    #[schemars(example = vec!["id", "price"])]
    pub columns: Option<Vec<String>>,
    /// The character between fields.
    #[serde(default = "comma", with = "byte")]
    #[garde(custom(not_a_quote))]
    #[schemars(with = "char", example = ';')]
    pub delimiter: u8,
    /// The character around fields that contain a delimiter or a line break. By default, `"`.
    #[serde(default, with = "some_byte")]
    #[schemars(with = "Option<char>", example = '\'')]
    pub quote: Option<u8>,
    /// True to ignore the spaces before each field, so that `"` after such spaces begins a quoted field.
    #[schemars(example = true)]
    pub skip_initial_space: Option<bool>,
    /// The decimal separator of numbers, `.` or `,`. By default, `.`. With `,`, points between thousands are removed.
    #[serde(default, with = "some_byte")]
    #[garde(inner(custom(point_or_comma)))]
    #[schemars(with = "Option<char>", example = ',')]
    pub decimal: Option<u8>,
    /// The written form of the numbers of single columns, each as an example. They are read as plain numbers: `"$1,234.50"` as 1234.5,
    /// and `"12.5%"` as 12.5. Negative numbers have a minus sign or brackets.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", example = example_of_numbers())]
    pub numbers: BTreeMap<String, NumberForm>,
    /// Texts of single columns that are read as another text. A text that is replaced by `""` is missing.
    #[serde(default)]
    #[schemars(example = example_of_replace())]
    pub replace: BTreeMap<String, BTreeMap<String, String>>,
    /// Columns of dates that are read as numbers: the days from the date to the time of the row. The value is the format of the
    /// dates.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", example = example_of_days_since())]
    pub days_since: BTreeMap<String, TimeFormat>,
    /// The texts that mean a missing value.
    #[serde(default = "empty_text", deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["", "NA"])]
    pub null: Vec<String>,
    /// The column with the time of each row.
    #[garde(dive)]
    pub time: Option<TimeColumn>,
}

impl Dataset {
    /// Creates a dataset in the usual form: CSV with a header line, commas, and empty texts for missing values.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            skip: None,
            columns: None,
            delimiter: comma(),
            quote: None,
            skip_initial_space: None,
            decimal: None,
            numbers: BTreeMap::new(),
            replace: BTreeMap::new(),
            days_since: BTreeMap::new(),
            null: empty_text(),
            time: None,
        }
    }

    /// Returns the names of all columns of a row. `own` are those of the file. A time that is made of two columns comes last.
    pub fn with_joined_time(&self, own: &[String]) -> Vec<String> {
        let joined = self.time.as_ref().filter(|time| time.from.is_some()).map(|time| time.column.clone());
        own.iter().cloned().chain(joined).collect()
    }

    /// Removes values that repeat a default, so that two equivalent pipeline files describe the same run.
    pub(crate) fn without_defaults(mut self) -> Self {
        self.skip = self.skip.filter(|lines| *lines > 0);
        self.quote = self.quote.filter(|byte| *byte != b'"');
        self.skip_initial_space = self.skip_initial_space.filter(|skips| *skips);
        self.decimal = self.decimal.filter(|byte| *byte == b',');
        self
    }
}

/// The column with the time of each row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct TimeColumn {
    /// The name of the column. With `from`, the name of the new column.
    #[garde(custom(new_name(&self.from)))]
    #[schemars(example = &"sched_dep")]
    pub column: String,
    /// The format of the times: directives of strftime, or `seconds` or `milliseconds` since 1970-01-01 00:00 UTC.
    #[schemars(with = "String", example = &"%Y-%m-%d %H:%M")]
    pub format: TimeFormat,
    /// Two columns of the file whose texts, joined by a space, are the time.
    #[schemars(example = vec!["day", "clock"])]
    pub from: Option<[String; 2]>,
}

fn new_name(from: &Option<[String; 2]>) -> impl FnOnce(&str, &()) -> Checked + '_ {
    move |column, ()| {
        let is_new = from.as_ref().is_none_or(|from| from.iter().all(|name| name != column));
        ensure(is_new, "is one of the two columns in dataset.time.from: choose a new name")
    }
}

fn example_of_numbers() -> serde_json::Value {
    serde_json::json!({ "price": "$1,234.50", "rate": "12.5%" })
}

fn example_of_replace() -> serde_json::Value {
    serde_json::json!({ "size": { "k.A.": "", "<0.01": "0.01" } })
}

fn example_of_days_since() -> serde_json::Value {
    serde_json::json!({ "joined": "%Y-%m-%d" })
}

fn not_a_quote(delimiter: &u8, (): &()) -> Checked {
    ensure(*delimiter != b'"', "must not be a quote")
}

fn point_or_comma(decimal: &u8, (): &()) -> Checked {
    ensure(matches!(decimal, b'.' | b','), "must be \".\" or \",\"")
}

fn comma() -> u8 {
    b','
}

fn empty_text() -> Vec<String> {
    vec![String::new()]
}
