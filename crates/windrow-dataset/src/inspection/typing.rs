//! Decides whether the cells of a column are numbers, and what the other cells are.

use crate::inspection::column::{Column, is_plain_missing_text};
use crate::inspection::error::InspectionError;
use crate::inspection::numbers::Numbers;
use crate::inspection::options::Options;
use crate::inspection::question::{Choice, Question};
use crate::inspection::scan::Scan;
use windrow_record::NumberForm;
use windrow_record::display::{percent, shell_word, thousands};

/// The minimum share of numbers in a column that is read as numbers without a question.
const MIN_NUMBERS: f64 = 0.95;
/// The minimum share of numbers in a column that is asked about.
const MIN_MIXED: f64 = 0.8;
/// The share of numbers from which other cells, if they are of many kinds, are mistakes.
const MIN_WITH_MISTAKES: f64 = 0.99;
/// The maximum number of different texts among numbers that can mean 'missing'.
const MAX_WORDS: usize = 10;
/// The maximum number of different texts if they are more than one cell in five, and at most every other.
const MAX_WORDS_OF_MANY: usize = 3;
/// The maximum number of values of a column of whole numbers that is a category.
pub(crate) const MAX_CODES: usize = 12;
/// The number of rows with a value from which a category can learn from it: `features.min_count` by default.
pub(crate) const MIN_COUNT: u64 = 50;
/// One number in this many with a zero before another digit makes codes of all.
const NUMBERS_PER_CODE: u64 = 100;

/// The cells of a column that is read as numbers.
#[derive(Debug, Clone)]
pub(crate) struct Typed<'c> {
    pub(crate) numbers: &'c Numbers,
    /// The written form of the numbers. `None` if they are plain.
    pub(crate) form: Option<NumberForm>,
    /// The texts among the numbers that count as missing, with their counts.
    pub(crate) words: Vec<(&'c str, u64)>,
    /// The number of cells whose rows go to quarantine.
    pub(crate) refused: u64,
    /// The share of numbers among the filled cells.
    share: f64,
}

#[derive(Debug, Clone)]
pub(crate) enum Typing<'c> {
    Number(Typed<'c>),
    /// Most cells are numbers. The user should say what the others are.
    Mixed(Typed<'c>),
    Text,
}

impl<'c> Typing<'c> {
    /// Decides what the cells of a column are.
    ///
    /// # Errors
    /// An option is not valid.
    pub(crate) fn of(scan: &'c Scan, index: usize, options: &Options) -> Result<Self, InspectionError> {
        let (name, column) = (&scan.names[index], &scan.columns[index]);
        let Some(reading) = column.reading(scan.has_decimal_comma) else { return Ok(Self::Text) };
        let (numbers, form) = (reading.numbers, column.form(reading));
        let replaced = options.replace_of(name, &scan.names)?;
        let null: Vec<&str> = options.null_of(name, &scan.names).collect();
        let words = column.words();
        let is_known = |word: &str| null.contains(&word) || replaced.iter().any(|(text, _)| *text == word);
        let (known, others): (Vec<_>, Vec<_>) =
            words.iter().map(|(word, count)| (word.as_str(), *count)).partition(|(word, _)| is_known(word));
        let sum = |words: &[(&str, u64)]| words.iter().map(|(_, count)| count).sum::<u64>();
        // Cells that are not listed: further texts, and numbers with other separators.
        let unlisted = column.given().saturating_sub(numbers.count + sum(&known) + sum(&others));
        let rest = sum(&others) + unlisted;
        let is_forced = options.numeric.contains(name);
        let share = numbers.count as f64 / (numbers.count + rest).max(1) as f64;
        let is_code = column.zero_padded * NUMBERS_PER_CODE >= numbers.count && numbers.are_whole();
        // Many different numbers among a few words, as `FREE`, would be rare levels of a category.
        let levels = column.values.len().unwrap_or(usize::MAX);
        let are_many = levels > MAX_CODES && numbers.count < MIN_COUNT.saturating_mul(levels as u64);
        let has_words = unlisted == 0 && others.len() <= MAX_WORDS_OF_MANY && share >= 0.5 && are_many;
        if numbers.count == 0 || (!is_forced && ((share < MIN_MIXED && !has_words) || is_code)) {
            return Ok(Self::Text);
        }
        let are_few = unlisted == 0 && others.len() <= MAX_WORDS;
        let have_digits = unlisted > 0 || others.iter().any(|(word, _)| word.contains(|it: char| it.is_ascii_digit()));
        let is_clear = rest == 0 || (share >= MIN_NUMBERS && are_few && !have_digits);
        let (words, refused) = if are_few { (others, 0) } else { (Vec::new(), rest) };
        let typed = Typed { numbers, form, words, refused, share };
        Ok(if is_clear || is_forced { Self::Number(typed) } else { Self::Mixed(typed) })
    }

    /// Returns the usual answer for a column that the user is not asked about.
    pub(crate) fn or_usual(self) -> Self {
        match self {
            // Few cells are mistakes, and words that come again and again mean 'missing'.
            Self::Mixed(typed) if typed.share >= MIN_WITH_MISTAKES => {
                let refused = typed.refused + typed.words.iter().map(|(_, count)| count).sum::<u64>();
                Self::Number(Typed { refused, words: Vec::new(), ..typed })
            }
            Self::Mixed(typed) if typed.refused == 0 => Self::Number(typed),
            Self::Mixed(_) => Self::Text,
            other => other,
        }
    }
}

impl Typed<'_> {
    /// Returns the sentence on the cells that are not numbers. `None` if all are numbers.
    pub(crate) fn note(&self, name: &str, column: &Column) -> Option<String> {
        let numbers = percent_of_cells(self.share);
        if self.refused > 0 {
            let (example, option) = (first_text(column), null_option(name, column));
            return Some(match self.refused {
                1 => format!(
                    "{name}: 1 cell is not a number{example}, so its row goes to quarantine; if it means 'missing', use \
                     {option}"
                ),
                cells => format!(
                    "{name}: {numbers} numbers; {} cells are not numbers{example}, so their rows go to quarantine; if \
                     they mean 'missing', use {option}",
                    thousands(cells)
                ),
            });
        }
        let missing = self.missing(column);
        let (first, _) = missing.first()?;
        let mut ways = vec![format!("--categorical {} if not", shell_word(name))];
        if let Some(choice) = number_choice(name, first) {
            ways.push(format!("{} {} if it is {}", choice.option, shell_word(&choice.value), choice.meaning));
        }
        let counts = if missing.len() == 1 { "counts" } else { "count" };
        let filled = column.given() + missing.iter().map(|(_, count)| count).sum::<u64>() - self.words_count();
        let numbers = percent_of_cells(self.numbers.count as f64 / filled.max(1) as f64);
        let words = listed(&missing, filled);
        Some(format!("{name}: {numbers} numbers; {words} {counts} as missing ({})", ways.join(", ")))
    }

    fn words_count(&self) -> u64 {
        self.words.iter().map(|(_, count)| count).sum()
    }

    /// The texts that count as missing, the usual ones of all data included if they are not empty, the most frequent
    /// first.
    fn missing<'a>(&'a self, column: &'a Column) -> Vec<(&'a str, u64)> {
        let is_usual = |word: &str| !is_plain_missing_text(word) && !column.is_null(word);
        let usual = column.missing.iter().filter(|(word, _)| is_usual(word.trim()));
        let usual = usual.map(|(word, count)| (word.trim(), *count));
        let mut missing: Vec<(&str, u64)> = self.words.iter().copied().chain(usual).collect();
        missing.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        missing
    }

    /// Returns the question about a column of numbers and other texts.
    pub(crate) fn question(&self, name: &str, column: &Column) -> Question {
        let (numbers, others) = (percent_of_cells(self.share), percent_of_cells(1.0 - self.share));
        let (what, mut choices) = match self.words.first() {
            Some((first, _)) => {
                let filled = column.given();
                let missing = Choice::new("--numeric", name, "missing: use the column as a number");
                let number = number_choice(name, first).filter(|_| self.words.len() == 1);
                (listed(&self.words, filled), [missing].into_iter().chain(number).collect::<Vec<_>>())
            }
            None => {
                let mistakes = "mistakes: use the column as a number; rows with another text go to quarantine";
                (format!("{others}{}", first_text(column)), vec![Choice::new("--numeric", name, mistakes)])
            }
        };
        choices.push(Choice::new("--categorical", name, "values like the numbers: use the column as a category"));
        choices.push(Choice::new("--leave-out", name, "leave the column out"));
        let text = format!("{name}: {numbers} of the cells are numbers, but not {what}; what are these?");
        Question { text, choices, open: None }
    }
}

/// Lists words with their shares of `filled` cells.
fn listed(words: &[(&str, u64)], filled: u64) -> String {
    const MAX_LISTED: usize = 3;
    let share = |count: u64| percent_of_cells(count as f64 / filled.max(1) as f64);
    let first = words.iter().take(MAX_LISTED).map(|(word, count)| format!("`{word}` ({})", share(*count)));
    let first = first.collect::<Vec<_>>().join(", ");
    if words.len() > MAX_LISTED { format!("{first} and {} more", words.len() - MAX_LISTED) } else { first }
}

fn percent_of_cells(share: f64) -> String {
    // A share that is not all is not printed as 100%.
    let is_near_an_end = share > 0.0 && share < 1.0 && !(0.01..=0.99).contains(&share);
    if is_near_an_end { percent(share.clamp(0.001, 0.999), 1) } else { percent(share, 0) }
}

fn first_text(column: &Column) -> String {
    column.first_text.as_ref().map_or_else(String::new, |(row, text)| format!(" (in row {row}, `{text}`)"))
}

fn null_option(name: &str, column: &Column) -> String {
    let text = column.first_text.as_ref().map_or("TEXT", |(_, text)| text.as_str());
    format!("--null {}", shell_word(&format!("{name}={text}")))
}

/// The number that a word may mean: the one that it contains, or zero for a word such as FREE.
fn number_choice(name: &str, word: &str) -> Option<Choice> {
    const ZERO_WORDS: [&str; 9] = ["-", "$-", "free", "zero", "no", "gratis", "kostenlos", "included", "waived"];
    let inner = word.trim_start_matches(['<', '>', '~', '=', '\u{2264}', '\u{2265}', ' ']);
    let number = match windrow_record::parse_number(inner) {
        Ok(_) if inner.len() < word.len() => inner,
        _ if ZERO_WORDS.contains(&word.to_lowercase().as_str()) => "0",
        _ => return None,
    };
    Some(Choice::new("--replace", format!("{name}={word}={number}"), format!("the number {number}")))
}
