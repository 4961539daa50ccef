//! The contents of a column, collected row by row. The memory is bounded for any contents.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::inspection::numbers::Numbers;
use crate::inspection::times::{ClockGuess, TimeGuess};
use crate::inspection::units::is_known_affix;
use windrow_record::display::excerpt;
use windrow_record::{NumberForm, Separators, WrittenNumber, is_same_unit, parse_number};

/// The texts that mean 'missing' among numbers and times, in lower case.
const MISSING_TEXTS: [&str; 34] = [
    "", "na", "n/a", "n.a.", "n.a", "nan", "null", "none", "nil", "?", "\\n", "-", "--", "---", ".", "..", "...",
    "<na>", "<null>", "(null)", "#n/a", "#na", "#value!", "#div/0!", "#ref!", "#name?", "#num!", "#null!", "k.a.",
    "s.d.", "n.d.", "n/d", "unknown", "missing",
];
/// The maximum number of spellings of 'missing' per column. Further ones are counted without the spaces around them.
const MAX_SPELLINGS: usize = 32;
/// The maximum number of different words among numbers that are counted.
const MAX_WORDS: usize = 64;
/// The maximum number of different values that are counted.
const MAX_VALUES: usize = 10_000;
/// The maximum length of a text in a message, in characters.
const MAX_EXCERPT: usize = 40;
/// The maximum length of a value, in bytes. A column with a longer one is not a category.
const MAX_VALUE_LENGTH: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) rows: u64,
    /// The texts that the user has named as missing.
    null: Vec<String>,
    /// The cells that mean 'missing' if the others are numbers: the number of each text, with its spaces.
    pub(crate) missing: BTreeMap<String, u64>,
    /// The numbers by separators, with [`Separators`] as the index. `None` until a cell has these separators.
    readings: [Option<Box<Numbers>>; Separators::ALL.len()],
    /// The text before and after the digits of the cells that have one.
    affix: Option<(String, String)>,
    /// The number of cells that have this text.
    affixed: u64,
    /// The number of cells that are plain numbers, and of those among them with a point that is certainly decimal.
    plain: u64,
    pointed: u64,
    /// The number of plain numbers of at least 1000.
    ungrouped: u64,
    /// The number of whole numbers with a zero before another digit, as codes have it.
    pub(crate) zero_padded: u64,
    /// The number of cells that are numbers in no reading.
    texts: u64,
    /// These texts with their counts, up to [`MAX_WORDS`] of them.
    words: BTreeMap<String, u64>,
    /// Those of them that have spaces around them in a cell.
    spaced: BTreeSet<String>,
    /// The row and an excerpt of the first of them.
    pub(crate) first_text: Option<(u64, String)>,
    pub(crate) values: Values,
    pub(crate) times: TimeGuess,
    pub(crate) clock: ClockGuess,
    /// The number of times that the text changes from one row to the next.
    changes: u64,
    last: String,
}

/// The different values of a column, counted unless there are too many.
#[derive(Debug)]
pub(crate) struct Values {
    counts: Option<HashMap<String, u64>>,
}

impl Default for Values {
    fn default() -> Self {
        Self { counts: Some(HashMap::new()) }
    }
}

impl Values {
    fn push(&mut self, text: &str) {
        let Some(counts) = &mut self.counts else { return };
        if let Some(count) = counts.get_mut(text) {
            *count += 1;
        } else if counts.len() < MAX_VALUES && text.len() <= MAX_VALUE_LENGTH {
            counts.insert(text.to_owned(), 1);
        } else {
            self.counts = None;
        }
    }

    /// The number of different values. `None` if there are too many.
    pub(crate) fn len(&self) -> Option<usize> {
        self.counts.as_ref().map(HashMap::len)
    }

    /// The values, ordered by descending count and then by name. Empty if there are too many.
    pub(crate) fn by_count(&self) -> Vec<(&str, u64)> {
        let mut values: Vec<_> = self.counts.iter().flatten().map(|(value, count)| (value.as_str(), *count)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values
    }
}

/// One way of reading the cells of a column as numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'c> {
    pub(crate) separators: Separators,
    pub(crate) numbers: &'c Numbers,
}

impl Column {
    /// Creates the column for a scan. `null` lists the texts that the user has named as missing in it.
    pub(crate) fn new(null: Vec<String>) -> Self {
        Self { null, ..Self::default() }
    }

    pub(crate) fn push(&mut self, row: u64, text: &str) {
        self.rows += 1;
        let trimmed = text.trim();
        if is_missing_text(trimmed) || self.is_null(text) || self.is_null(trimmed) {
            // A text can have any number of spaces around it.
            let text = if self.missing.len() < MAX_SPELLINGS { text } else { trimmed };
            match self.missing.get_mut(text) {
                Some(count) => *count += 1,
                None => {
                    self.missing.insert(text.to_owned(), 1);
                }
            }
            return;
        }
        self.values.push(text);
        if self.last != trimmed || self.changes == 0 {
            self.changes += 1;
            self.last.clear();
            self.last.push_str(trimmed);
        }
        self.push_number(row, text, trimmed);
        self.times.push(row, trimmed);
        self.clock.push(trimmed);
    }

    fn push_number(&mut self, row: u64, text: &str, trimmed: &str) {
        if let Ok(number) = parse_number(trimmed) {
            let digits = trimmed.trim_start_matches(['-', '+']);
            let is_code = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|it| it.is_ascii_digit());
            self.zero_padded += u64::from(is_code);
            self.ungrouped += u64::from(number.abs() >= 1000.0);
            self.plain += 1;
            if trimmed.contains('.') {
                // After the first point that is certainly decimal, further ones are too.
                let written = WrittenNumber::of(trimmed).filter(|_| self.pointed == 0);
                match written.is_some_and(|written| written.plain(Separators::PointComma).is_some()) {
                    true => self.activate(Separators::PointComma),
                    false => self.pointed += 1,
                }
            }
            self.readings[0].get_or_insert_default().push(row, number);
            for (separators, numbers) in Separators::ALL.iter().zip(&mut self.readings).skip(1) {
                let Some(numbers) = numbers else { continue };
                let other = WrittenNumber::of(trimmed).and_then(|written| written.plain(*separators));
                if let Some(other) = other.and_then(|plain| parse_number(&plain).ok()) {
                    numbers.push(row, other);
                }
            }
            return;
        }
        if !self.push_written(row, trimmed) {
            self.texts += 1;
            if let Some(count) = self.words.get_mut(trimmed) {
                *count += 1;
            } else if self.words.len() < MAX_WORDS && trimmed.len() <= MAX_VALUE_LENGTH {
                self.words.insert(trimmed.to_owned(), 1);
            }
            if text != trimmed && self.spaced.len() < MAX_WORDS && trimmed.len() <= MAX_VALUE_LENGTH {
                self.spaced.insert(trimmed.to_owned());
            }
            self.first_text.get_or_insert_with(|| (row, excerpt(text, MAX_EXCERPT).into_owned()));
        }
    }

    /// Adds a number that is not plain. Returns false if the text is not a number.
    fn push_written(&mut self, row: u64, trimmed: &str) -> bool {
        let Some(written) = WrittenNumber::of(trimmed).filter(|written| !written.has_leading_zero()) else {
            return false;
        };
        if !written.prefix.is_empty() || !written.suffix.is_empty() {
            if !is_known_affix(&written) {
                return false;
            }
            let own = self.affix.get_or_insert_with(|| (written.prefix.to_owned(), written.suffix.to_owned()));
            if own.0 != written.prefix || !is_same_unit(&own.1, written.suffix) {
                return false;
            }
        }
        let read = |separators: Separators| parse_number(&written.plain(separators)?).ok();
        let numbers = Separators::ALL.map(read);
        let is_number = numbers.iter().any(Option::is_some);
        // All are activated before the first gets this cell, because each begins with the cells before it.
        for (separators, _) in Separators::ALL.into_iter().zip(&numbers).filter(|(_, number)| number.is_some()) {
            self.activate(separators);
        }
        for (reading, number) in self.readings.iter_mut().zip(numbers) {
            if let Some((reading, number)) = reading.as_mut().zip(number) {
                reading.push(row, number);
            }
        }
        self.affixed += u64::from(is_number && !(written.prefix.is_empty() && written.suffix.is_empty()));
        is_number
    }

    /// Begins to read the cells with these separators. The cells so far were plain numbers.
    fn activate(&mut self, separators: Separators) {
        if self.readings[separators as usize].is_none() {
            let mut numbers = self.readings[0].as_deref().cloned().unwrap_or_default();
            let with_comma =
                matches!(separators, Separators::PointComma | Separators::SpaceComma | Separators::ApostropheComma);
            numbers.count -= if with_comma { self.pointed.min(numbers.count) } else { 0 };
            self.readings[separators as usize] = Some(Box::new(numbers));
        }
    }

    /// Returns true if a word has spaces around it in a cell.
    pub(crate) fn is_spaced(&self, word: &str) -> bool {
        self.spaced.contains(word)
    }

    /// Returns true if the user has named a text as missing.
    pub(crate) fn is_null(&self, text: &str) -> bool {
        self.null.iter().any(|null| null == text)
    }

    /// The number of cells that are not missing.
    pub(crate) fn given(&self) -> u64 {
        self.rows - self.missing.values().sum::<u64>()
    }

    /// The texts that are numbers in no reading, with their counts. Not all are listed if there are many different ones.
    pub(crate) fn words(&self) -> &BTreeMap<String, u64> {
        &self.words
    }

    /// The values and the words that usually mean 'missing', ordered by descending count and then by name. Without the
    /// values if there are too many.
    pub(crate) fn texts_by_count(&self) -> Vec<(&str, u64)> {
        let missing = self.missing.iter().filter(|(text, _)| !text.trim().is_empty());
        let mut texts = self.values.by_count();
        texts.extend(missing.map(|(text, count)| (text.as_str(), *count)));
        texts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        texts
    }

    /// Returns a text of this column that is this number. `None` if its values were not counted.
    pub(crate) fn text_of(&self, number: f64) -> Option<&str> {
        let is_it = |(text, _): &(&str, u64)| parse_number(text) == Ok(number);
        self.values.by_count().into_iter().find(is_it).map(|(text, _)| text)
    }

    pub(crate) fn may_be_time(&self) -> bool {
        !self.times.fitting().is_empty() || self.clock.fitting().is_some()
    }

    /// Returns the reading that makes numbers of the most cells. `prefers_comma` decides between a decimal comma and
    /// thousands, if the cells do not.
    pub(crate) fn reading(&self, prefers_comma: bool) -> Option<Reading<'_>> {
        let readings = Separators::ALL.into_iter().zip(&self.readings);
        let readings: Vec<Reading<'_>> = readings
            .filter_map(|(separators, numbers)| Some(Reading { separators, numbers: numbers.as_deref()? }))
            .collect();
        let most = readings.iter().map(|reading| reading.numbers.count).max()?;
        let mut best = readings.into_iter().filter(|reading| reading.numbers.count == most);
        let is_comma = |reading: &Reading<'_>| matches!(reading.separators, Separators::PointComma);
        // Many numbers of four digits without a separator show that the separator is not that of thousands.
        let wants_comma = prefers_comma || 20 * self.ungrouped >= self.given();
        let first = best.clone().next()?;
        if first.separators == Separators::CommaPoint || (prefers_comma && first.separators == Separators::Point) {
            return best.find(|reading| wants_comma && is_comma(reading)).or(Some(first));
        }
        Some(first)
    }

    /// Returns true if only a decimal comma explains the cells.
    pub(crate) fn has_decimal_comma(&self) -> bool {
        let count = |separators| self.readings[separators as usize].as_ref().map_or(0, |numbers| numbers.count);
        let comma = count(Separators::PointComma);
        comma > count(Separators::Point).max(count(Separators::CommaPoint)).max(self.texts)
    }

    /// Returns the form of the numbers in a reading. `None` if they are plain numbers.
    pub(crate) fn form(&self, reading: Reading<'_>) -> Option<NumberForm> {
        let (prefix, suffix) = self.affix.as_ref().filter(|_| self.affixed > 0).cloned().unwrap_or_default();
        let is_plain = reading.separators == Separators::Point && self.affixed == 0;
        // Numbers with brackets or a trailing minus sign are not plain, although their separators are.
        let is_plain = is_plain && reading.numbers.count <= self.plain;
        (!is_plain).then(|| NumberForm::new(&prefix, &suffix, reading.separators))
    }

    /// Returns true if most of the filled cells are numbers.
    pub(crate) fn is_mostly_number(&self) -> bool {
        self.reading(false).is_some_and(|reading| 5 * reading.numbers.count >= 4 * self.given())
    }

    /// Returns true if each value is in one block of rows, so that a value never returns.
    pub(crate) fn has_blocks_of_rows(&self) -> bool {
        const MIN_BLOCK: u64 = 20;
        let Some(levels) = self.values.len().map(|levels| levels as u64) else { return false };
        // A value that differs from day to day rarely changes too, but returns.
        let tolerated = (self.given() / 1000).min(levels / 10);
        levels >= 2 && levels * MIN_BLOCK <= self.given() && self.changes <= levels + tolerated
    }

    /// Returns the unit in which all cells can be times since 1970: `seconds` or `milliseconds`.
    pub(crate) fn epoch(&self) -> Option<&'static str> {
        let numbers = self.readings[0].as_ref().filter(|numbers| numbers.count == self.given())?;
        numbers.epoch()
    }
}

/// Returns true if a text plainly means 'missing' in every column, categories included.
pub(crate) fn is_plain_missing_text(trimmed: &str) -> bool {
    const PLAIN: [&str; 7] = ["", "na", "n/a", "nan", "null", "\\n", "<na>"];
    PLAIN.iter().any(|known| known.eq_ignore_ascii_case(trimmed))
}

/// Returns true if a text is one of those that usually mean 'missing' among numbers and times.
fn is_missing_text(trimmed: &str) -> bool {
    trimmed.len() <= 8 && MISSING_TEXTS.iter().any(|known| known.eq_ignore_ascii_case(trimmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(texts: &[&str]) -> Column {
        let mut column = Column::default();
        (1..).zip(texts).for_each(|(row, text)| column.push(row, text));
        column
    }

    /// The form of the numbers, their count, and their range.
    fn read(texts: &[&str], prefers_comma: bool) -> (String, u64, Option<(f64, f64)>) {
        let column = column(texts);
        let reading = column.reading(prefers_comma).expect("numbers");
        let form = column.form(reading).map_or(String::new(), |form| form.as_str().to_owned());
        (form, reading.numbers.count, reading.numbers.range)
    }

    #[test]
    fn missing_cells_numbers_and_texts_are_distinguished() {
        let mixed = column(&["1", " 2.5", "NA", "", "?", "x", "k.A.", "#DIV/0!"]);
        assert_eq!((mixed.given(), mixed.words().len()), (3, 1));
        assert_eq!(mixed.missing.keys().collect::<Vec<_>>(), ["", "#DIV/0!", "?", "NA", "k.A."]);
        assert_eq!(mixed.first_text, Some((6, "x".to_owned())));
        assert!(!mixed.is_mostly_number() && column(&["1", "NA"]).is_mostly_number());
        let mut named = Column::new(vec!["absent".to_owned()]);
        ["1", " absent", "2"].into_iter().for_each(|text| named.push(1, text));
        assert_eq!(named.given(), 2);
    }

    #[test]
    fn the_separators_that_make_numbers_of_the_most_cells_are_chosen() {
        let plain = String::new;
        for (texts, prefers_comma, expected) in [
            (&["1.5", "2"][..], false, (plain(), 2, Some((1.5, 2.0)))),
            (&["1,5", "2", "1.234,5"], false, ("1.234,5".to_owned(), 3, Some((1.5, 1234.5)))),
            (&["1,234", "998", "12,345"], false, ("1,234.5".to_owned(), 3, Some((998.0, 12_345.0)))),
            (&["1,234", "998", "12,345"], true, ("1.234,5".to_owned(), 3, Some((1.234, 998.0)))),
            (&["1,234", "88888", "12,345"], false, ("1.234,5".to_owned(), 3, Some((1.234, 88_888.0)))),
            (&["1.234", "998"], false, (plain(), 2, Some((1.234, 998.0)))),
            (&["1.234", "998"], true, ("1.234,5".to_owned(), 2, Some((998.0, 1234.0)))),
            (&["1.234", "1.5"], true, (plain(), 2, Some((1.234, 1.5)))),
            (&["$1,234.50", "($2.00)", "$3.25"], false, ("$1,234.5".to_owned(), 3, Some((-2.0, 1234.5)))),
            (&["12.5%", "7%"], false, ("12.5%".to_owned(), 2, Some((7.0, 12.5)))),
            (&["12 kg", "1.5 kg"], false, ("12.5 kg".to_owned(), 2, Some((1.5, 12.0)))),
            (&["12'345.5", "1"], false, ("1'234.5".to_owned(), 2, Some((1.0, 12_345.5)))),
            (&["12 345.5", "1"], false, ("1 234.5".to_owned(), 2, Some((1.0, 12_345.5)))),
            (&["5-", "(6)"], false, ("12.5".to_owned(), 2, Some((-6.0, -5.0)))),
        ] {
            assert_eq!(read(texts, prefers_comma), expected, "{texts:?}");
        }
    }

    #[test]
    fn codes_are_no_numbers() {
        let codes = column(&["012xx", "E11.9", "10.1.2", "01.02.2020", "12 QX"]);
        assert!(codes.reading(false).is_none_or(|reading| reading.numbers.count == 0));
        assert_eq!(column(&["02134", "12345", "00501"]).zero_padded, 2);
    }

    #[test]
    fn values_in_blocks_of_rows_are_found() {
        let blocks = |name: &dyn Fn(u64) -> String| {
            let mut column = Column::default();
            (0..1000).for_each(|row| column.push(row, &name(row)));
            column.has_blocks_of_rows()
        };
        assert!(blocks(&|row| format!("season {}", row / 250)));
        assert!(!blocks(&|row| format!("season {}", row % 4)));
        assert!(!blocks(&|row| row.to_string()));
        assert!(!blocks(&|_| "same".to_owned()));
    }

    #[test]
    fn counted_values_and_words_are_bounded() {
        let mut column = Column::default();
        for row in 0..20_000_u64 {
            column.push(row, &format!("id-{row}"));
        }
        assert_eq!(column.values.len(), None);
        assert!(column.values.by_count().is_empty());
        assert_eq!(column.words().len(), MAX_WORDS);
    }
}
