//! Decides whether the cells of a column are numbers, and what the other cells are.

use crate::inspection::column::Column;
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
/// One number in this many with a zero before another digit makes codes of all.
const NUMBERS_PER_CODE: u64 = 100;

/// The cells of a column that is read as numbers.
#[derive(Debug, Clone)]
pub(crate) struct Typed<'c> {
    pub(crate) numbers: &'c Numbers,
    /// How the numbers are written. `None` if they are plain.
    pub(crate) form: Option<NumberForm>,
    /// The texts that count as missing, with their counts.
    pub(crate) missing: Vec<(&'c str, u64)>,
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
        let unlisted = column.given() - numbers.count.min(column.given()) - sum(&known) - sum(&others);
        let rest = sum(&others) + unlisted;
        let is_forced = options.numeric.contains(name);
        let share = numbers.count as f64 / (numbers.count + rest).max(1) as f64;
        let is_code = column.zero_padded * NUMBERS_PER_CODE >= numbers.count && numbers.are_whole();
        if numbers.count == 0 || (!is_forced && (share < MIN_MIXED || is_code)) {
            return Ok(Self::Text);
        }
        let are_few = unlisted == 0 && others.len() <= MAX_WORDS;
        let (mut missing, mut refused) = (Vec::new(), rest);
        if are_few {
            (missing, refused) = (others, 0);
            missing.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        }
        let have_digits = unlisted > 0 || missing.iter().any(|(word, _)| word.contains(|it: char| it.is_ascii_digit()));
        let is_clear = rest == 0 || (share >= MIN_NUMBERS && are_few && !have_digits);
        let typed = Typed { numbers, form, missing, refused, share };
        Ok(if is_clear || is_forced { Self::Number(typed) } else { Self::Mixed(typed) })
    }

    /// Returns the usual answer for a column that the user is not asked about.
    pub(crate) fn or_usual(self) -> Self {
        match self {
            Self::Mixed(typed) if typed.refused == 0 || typed.share >= MIN_WITH_MISTAKES => Self::Number(typed),
            Self::Mixed(_) => Self::Text,
            other => other,
        }
    }
}

impl Typed<'_> {
    /// Returns the sentence on the cells that are no numbers. `None` if all are numbers.
    pub(crate) fn note(&self, name: &str, column: &Column) -> Option<String> {
        let numbers = percent_of_cells(self.share);
        if self.refused > 0 {
            let (cells, example) = (thousands(self.refused), first_text(column));
            return Some(format!(
                "{name}: {numbers} numbers; {cells} cells are no numbers{example}, and their rows go to quarantine; if \
                 they mean 'missing', use {}",
                null_option(name, column)
            ));
        }
        let (first, _) = self.missing.first()?;
        let mut ways = vec![format!("--categorical {} if not", shell_word(name))];
        if let Some(choice) = number_choice(name, first) {
            ways.push(format!("{} {} if it is {}", choice.option, shell_word(&choice.value), choice.meaning));
        }
        let counts = if self.missing.len() == 1 { "counts" } else { "count" };
        let words = self.words(column);
        Some(format!("{name}: {numbers} numbers; {words} {counts} as missing ({})", ways.join(", ")))
    }

    /// Lists the words that are no numbers, with their shares.
    fn words(&self, column: &Column) -> String {
        const MAX_LISTED: usize = 3;
        let share = |count: u64| percent_of_cells(count as f64 / column.given().max(1) as f64);
        let listed = self.missing.iter().take(MAX_LISTED).map(|(word, count)| format!("`{word}` ({})", share(*count)));
        let mut listed = listed.collect::<Vec<_>>().join(", ");
        if self.missing.len() > MAX_LISTED {
            listed.push_str(&format!(" and {} more", self.missing.len() - MAX_LISTED));
        }
        listed
    }

    /// Returns the question about a column of numbers and other texts.
    pub(crate) fn question(&self, name: &str, column: &Column) -> Question {
        let (numbers, others) = (percent_of_cells(self.share), percent_of_cells(1.0 - self.share));
        let (what, mut choices) = match self.missing.first() {
            Some((first, _)) => {
                let missing = Choice::new("--numeric", name, "missing: use the column as a number");
                let number = number_choice(name, first).filter(|_| self.missing.len() == 1);
                (self.words(column), [missing].into_iter().chain(number).collect::<Vec<_>>())
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

fn percent_of_cells(share: f64) -> String {
    percent(share, if share > 0.0 && (share < 0.01 || share > 0.99) && share < 1.0 { 1 } else { 0 })
}

fn first_text(column: &Column) -> String {
    column.first_text.as_ref().map_or_else(String::new, |(row, text)| format!(" (the first is in row {row}, `{text}`)"))
}

fn null_option(name: &str, column: &Column) -> String {
    let text = column.first_text.as_ref().map_or("TEXT", |(_, text)| text.as_str());
    format!("--null {}", shell_word(&format!("{name}={text}")))
}

/// The number that a word may mean: the one that it contains, or zero for a word such as FREE.
fn number_choice(name: &str, word: &str) -> Option<Choice> {
    const ZERO_WORDS: [&str; 7] = ["free", "zero", "no", "gratis", "kostenlos", "included", "waived"];
    let inner = word.trim_start_matches(['<', '>', '~', '=', '\u{2264}', '\u{2265}', ' ']);
    let number = match windrow_record::parse_number(inner) {
        Ok(_) if inner.len() < word.len() => inner,
        _ if ZERO_WORDS.contains(&word.to_lowercase().as_str()) => "0",
        _ => return None,
    };
    Some(Choice::new("--replace", format!("{name}={word}={number}"), format!("the number {number}")))
}
