//! The written form of numbers: currency signs, per cent, units, thousands, decimal commas, brackets for negatives.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::parse_number;

/// The maximum length of the text before or after the digits, in characters.
const MAX_AFFIX: usize = 12;
/// The maximum length of a written number, in bytes. This bounds the cost of a cell.
const MAX_LENGTH: usize = 64;

/// The separators of a written number, the most usual first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Separators {
    /// Decimal point, as in `1234.5`.
    #[default]
    Point,
    /// Thousands with commas, as in `1,234.5`.
    CommaPoint,
    /// Thousands with points and a decimal comma, as in `1.234,5`.
    PointComma,
    /// Thousands with spaces of any kind and a decimal comma, as in `1 234,5`.
    SpaceComma,
    /// Thousands with apostrophes, as in `1'234.5`.
    ApostrophePoint,
    /// Thousands with spaces of any kind, as in `1 234.5`.
    SpacePoint,
    /// Thousands with apostrophes and a decimal comma, as in `1'234,5`.
    ApostropheComma,
}

impl Separators {
    /// All separators. Each has its value as its index.
    pub const ALL: [Self; 7] = [
        Self::Point,
        Self::CommaPoint,
        Self::PointComma,
        Self::SpaceComma,
        Self::ApostrophePoint,
        Self::SpacePoint,
        Self::ApostropheComma,
    ];

    /// The separator of thousands, and the decimal separator.
    fn characters(self) -> (Option<char>, char) {
        match self {
            Self::Point => (None, '.'),
            Self::CommaPoint => (Some(','), '.'),
            Self::PointComma => (Some('.'), ','),
            Self::ApostrophePoint => (Some('\''), '.'),
            Self::ApostropheComma => (Some('\''), ','),
            Self::SpacePoint => (Some(' '), '.'),
            Self::SpaceComma => (Some(' '), ','),
        }
    }

    /// Writes digits and separators without a separator of thousands and with a decimal point. `None` if they are not
    /// a number with these separators. Thousands are in groups of three, or as in India in groups of two before the
    /// last three.
    fn plain(self, body: &str) -> Option<String> {
        let (thousands, decimal) = self.characters();
        let (whole, decimals) = body.split_once(decimal).map_or((body, None), |(whole, rest)| (whole, Some(rest)));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_separator = |letter: char| thousands == Some(usual(letter));
        let groups: Vec<&str> = whole.split(is_separator).collect();
        let (first, others) = groups.split_first()?;
        let is_grouped = match others.split_last() {
            None => true,
            Some((last, middle)) => {
                let is_first = (1..=3).contains(&first.len()) && !first.starts_with('0');
                let sizes: &[usize] = if thousands == Some(',') { &[3, 2] } else { &[3] };
                let is_even = sizes.iter().any(|size| middle.iter().all(|group| group.len() == *size));
                is_first && last.len() == 3 && is_even
            }
        };
        let has_digits = !first.is_empty() || decimals.is_some_and(|decimals| !decimals.is_empty());
        let are_digits = groups.iter().all(|group| is_digits(group)) && decimals.is_none_or(is_digits);
        (is_grouped && has_digits && are_digits).then(|| match decimals {
            Some(decimals) => format!("{}.{decimals}", groups.concat()),
            None => groups.concat(),
        })
    }
}

/// Returns the usual character among those that look alike.
fn usual(letter: char) -> char {
    match letter {
        '\u{2019}' | '\u{2bc}' => '\'',
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        letter => letter,
    }
}

/// A written number, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenNumber<'t> {
    is_negative: bool,
    /// The text before the digits, such as a currency sign.
    pub prefix: &'t str,
    /// The text after the digits, such as a unit.
    pub suffix: &'t str,
    /// True if a space is between the digits and the suffix.
    pub is_suffix_apart: bool,
    body: &'t str,
}

impl<'t> WrittenNumber<'t> {
    /// Takes a text apart. `None` if it is certainly not a number.
    pub fn of(text: &'t str) -> Option<Self> {
        let mut rest = text.trim();
        if rest.len() > MAX_LENGTH {
            return None;
        }
        let mut is_negative = false;
        if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            (is_negative, rest) = (true, inner.trim());
        }
        let is_sign = |letter: char| matches!(letter, '-' | '\u{2212}' | '+');
        let begin = rest.find(|letter: char| letter.is_ascii_digit())?;
        let is_body = |letter: char| letter.is_ascii_digit() || matches!(usual(letter), '.' | ',' | '\'' | ' ');
        let after = rest[begin..].find(|letter: char| !is_body(letter)).map_or(rest.len(), |length| begin + length);
        // The body ends with its last digit, or with a point at the end of the text, as in `5.`.
        let last = rest[begin..after].rfind(|letter: char| letter.is_ascii_digit())?;
        let end = begin + last + 1;
        let end = if rest[end..] == *"." { end + 1 } else { end };
        // The digits may begin with a decimal separator, as in `.5`, but not after letters, as in `Rs.500`.
        let before = rest[..begin].strip_suffix(['.', ',']);
        let has_point = before.is_some_and(|before| !before.ends_with(char::is_alphabetic));
        let begin = if has_point { begin - 1 } else { begin };
        let (mut prefix, body, mut suffix) = (rest[..begin].trim(), &rest[begin..end], &rest[end..]);
        let mut signs = 0;
        for sign in [prefix.chars().next(), prefix.chars().next_back(), suffix.chars().next_back()] {
            let Some(sign) = sign.filter(|sign| is_sign(*sign)) else { continue };
            if prefix.starts_with(sign) {
                prefix = prefix[sign.len_utf8()..].trim();
            } else if prefix.ends_with(sign) {
                prefix = prefix[..prefix.len() - sign.len_utf8()].trim();
            } else if suffix.ends_with(sign) {
                suffix = &suffix[..suffix.len() - sign.len_utf8()];
            } else {
                continue;
            }
            signs += 1;
            is_negative |= sign != '+';
        }
        // Brackets may be inside the currency sign: `$(1,234.50)`.
        if let Some((outer, inner)) = prefix.strip_suffix('(').zip(suffix.trim_start().strip_prefix(')')) {
            (is_negative, prefix, suffix, signs) = (true, outer.trim(), inner, signs + 1);
        }
        let is_suffix_apart = suffix.starts_with(|letter| usual(letter) == ' ');
        let suffix = suffix.trim();
        // Digits after a letter are a part of a unit, as in `m2`. Digits after another character are those of a date.
        let has_digit = |text: &str| text.contains(|letter: char| letter.is_ascii_digit());
        let is_affix = |text: &str| {
            text.chars().count() <= MAX_AFFIX
                && !text.chars().any(|letter| letter.is_control() || is_sign(letter))
                && (!has_digit(text) || text.starts_with(char::is_alphabetic))
        };
        let is_written = signs <= 1 && is_affix(prefix) && is_affix(suffix);
        is_written.then_some(Self { is_negative, prefix, suffix, is_suffix_apart, body })
    }

    /// Returns the number as plain text, as in `-1234.5`. `None` if it does not have these separators.
    pub fn plain(&self, separators: Separators) -> Option<String> {
        let digits = separators.plain(self.body)?;
        Some(if self.is_negative { format!("-{digits}") } else { digits })
    }

    /// Returns true if the number is whole and begins with a zero before another digit, as codes do.
    pub fn has_leading_zero(&self) -> bool {
        let bytes = self.body.as_bytes();
        bytes.first() == Some(&b'0') && bytes.len() > 1 && bytes.iter().all(u8::is_ascii_digit)
    }
}

/// Returns true if two texts around digits are the same, or one is the plural of the other, as `year` and `years`.
pub fn is_same_unit(one: &str, other: &str) -> bool {
    let is_word = one.chars().count() > 2 && one.chars().all(char::is_alphabetic);
    one == other || (is_word && one.trim_end_matches('s') == other.trim_end_matches('s'))
}

/// The way in which the numbers of a column are written, given by an example: `$1,234.50`, `12.5%`, `1.234,5 kg`.
///
/// Every number may lack the text before and after the digits. Negative numbers have a minus sign before the number, a
/// minus sign after it, or brackets around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NumberForm {
    example: String,
    prefix: String,
    suffix: String,
    separators: Separators,
}

impl NumberForm {
    /// Creates the form of numbers with this text before and after their digits.
    pub fn new(prefix: &str, suffix: &str, separators: Separators) -> Self {
        let digits = match separators {
            Separators::Point => "12.5",
            Separators::CommaPoint => "1,234.5",
            Separators::PointComma => "1.234,5",
            Separators::ApostrophePoint => "1'234.5",
            Separators::ApostropheComma => "1'234,5",
            Separators::SpacePoint => "1 234.5",
            Separators::SpaceComma => "1 234,5",
        };
        let space = if suffix.starts_with(char::is_alphabetic) { " " } else { "" };
        let before = if prefix.ends_with(|it: char| it.is_alphabetic() || it == '.') { " " } else { "" };
        let example = format!("{prefix}{before}{digits}{space}{suffix}");
        Self { example, prefix: prefix.to_owned(), suffix: suffix.to_owned(), separators }
    }

    /// Returns a written number as plain text, as in `-1234.5`. `None` if it is not written in this form.
    pub fn plain(&self, text: &str) -> Option<String> {
        let written = WrittenNumber::of(text)?;
        let is_own = |given: &str, own: &str| given.is_empty() || is_same_unit(given, own);
        if !is_own(written.prefix, &self.prefix) || !is_own(written.suffix, &self.suffix) {
            return None;
        }
        written.plain(self.separators)
    }

    /// Rewrites a cell: a number in this form becomes plain text. Any other text stays, which may be a plain number.
    pub fn rewrite<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.plain(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Returns a written or plain number.
    pub fn parse(&self, text: &str) -> Option<f64> {
        parse_number(&self.rewrite(text)).ok()
    }

    /// Returns true if the numbers have a text before or after their digits, such as a currency or a unit.
    pub fn has_affix(&self) -> bool {
        !(self.prefix.is_empty() && self.suffix.is_empty())
    }

    /// The example that gives the form.
    pub fn as_str(&self) -> &str {
        &self.example
    }
}

impl TryFrom<String> for NumberForm {
    type Error = String;

    /// Reads the form from an example.
    ///
    /// # Errors
    /// The example is not a number, or its only separator can be the decimal separator as well as that of thousands.
    fn try_from(example: String) -> Result<Self, String> {
        let fault =
            || format!("`{example}` is not a number as it is written in the file, as in `$1,234.50` or `12.5%`");
        let written = WrittenNumber::of(&example).ok_or_else(fault)?;
        let read = |it: Separators| Some((it, parse_number(&written.plain(it)?).ok()?));
        let readings: Vec<(Separators, f64)> = Separators::ALL.into_iter().filter_map(read).collect();
        let (separators, value) = readings.first().copied().ok_or_else(fault)?;
        if readings.iter().any(|(_, other)| *other != value) {
            return Err(format!(
                "`{example}` can be read in two ways: give an example with a decimal separator and thousands, as in \
                 `1,234.50`"
            ));
        }
        let (prefix, suffix) = (written.prefix.to_owned(), written.suffix.to_owned());
        Ok(Self { prefix, suffix, separators, example })
    }
}

impl From<NumberForm> for String {
    fn from(form: NumberForm) -> Self {
        form.example
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(example: &str) -> NumberForm {
        NumberForm::try_from(example.to_owned()).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn numbers_as_people_write_them_become_plain() {
        let cases = [
            ("$1,234.50", "$12,345.5", Some("12345.5")),
            ("$1,234.50", "($1,234.50)", Some("-1234.50")),
            ("$1,234.50", "-$5", Some("-5")),
            ("$1,234.50", "$-5.25", Some("-5.25")),
            ("$1,234.50", "5.25-", Some("-5.25")),
            ("$1,234.50", "12,34,567.5", Some("1234567.5")),
            ("$1,234.50", "$1,23.5", None),
            ("$1,234.50", "\u{20ac}5", None),
            ("$1,234.50", "FREE", None),
            ("12.5%", "7%", Some("7")),
            ("12.5%", "-0.5 %", Some("-0.5")),
            ("12.5%", ".5%", Some(".5")),
            ("12 kg", "13 kg", Some("13")),
            ("12 kg", "13kg", Some("13")),
            ("12 kg", "13 lb", None),
            ("$1,234.50", "$(1,234.50)", Some("-1234.50")),
            ("Rs. 1,234.50", "Rs.500", Some("500")),
            ("Rs. 1,234.50", "Rs. 1,299", Some("1299")),
            ("85 m2", "1.5 m2", Some("1.5")),
            ("12 mg/dL", "13.5 mg/dL", Some("13.5")),
            ("12 years", "1 year", Some("1")),
            ("1.234,5", "1,5", Some("1.5")),
            ("1.234,5", "-0,25", Some("-0.25")),
            ("1.234,5", "1.234.567", Some("1234567")),
            ("1.234,5", " 7,0 ", Some("7.0")),
            ("1.234,5", ",5", Some(".5")),
            ("1.234,5", "12", Some("12")),
            ("1.234,5", "1.23,4", None),
            ("1.234,5", "01.02.2020", None),
            ("1.234,5", "1,2,3", None),
            ("1.234,5", "", None),
            ("1.234,5", ",", None),
            ("1.234,5", "A,5", None),
            ("1'234.5", "12\u{2019}345.5", Some("12345.5")),
            ("1 234,5", "12\u{202f}345,5", Some("12345.5")),
            ("1 234,5", "12\u{a0}345", Some("12345")),
            ("1,5 EUR", "2,5 EUR", Some("2.5")),
            ("1,5 EUR", "\u{2212}2,5 EUR", Some("-2.5")),
        ];
        for (example, text, expected) in cases {
            assert_eq!(form(example).plain(text).as_deref(), expected, "{text} as {example}");
        }
    }

    #[test]
    fn an_example_that_can_be_read_in_two_ways_is_refused() {
        for example in ["1,234", "1.234", "$1,234"] {
            let fault = NumberForm::try_from(example.to_owned()).expect_err(example);
            assert!(fault.contains("two ways"), "{fault}");
        }
        for example in ["", "kg", "1,23.4,5", "--5", "12/31"] {
            assert!(NumberForm::try_from(example.to_owned()).is_err(), "{example}");
        }
    }

    #[test]
    fn the_example_of_a_form_gives_the_form() {
        for separators in Separators::ALL {
            for (prefix, suffix) in
                [("", ""), ("$", ""), ("CHF", ""), ("Rs.", ""), ("Fr.", ""), ("", "%"), ("", "kg"), ("", "m2")]
            {
                let made = NumberForm::new(prefix, suffix, separators);
                assert_eq!(form(made.as_str()), made);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_written_number_gets_its_value_back(number in -1e9..1e9_f64, separators in 0..Separators::ALL.len()) {
            let separators = Separators::ALL[separators];
            let plain = format!("{:.2}", number.abs());
            let (whole, decimals) = plain.split_once('.').expect("two decimals");
            let (thousands, decimal) = separators.characters();
            let mut written = String::new();
            for (index, digit) in whole.chars().enumerate() {
                if index > 0 && (whole.len() - index).is_multiple_of(3) {
                    written.extend(thousands);
                }
                written.push(digit);
            }
            let sign = if number < 0.0 { "-" } else { "" };
            let written = format!("{sign}\u{20ac}{written}{decimal}{decimals}");
            let read = NumberForm::new("\u{20ac}", "", separators).parse(&written);
            proptest::prop_assert_eq!(read, format!("{sign}{plain}").parse().ok(), "{}", written);
        }

        #[test]
        fn no_text_makes_a_form_panic(text in "\\PC{0,70}", example in "\\PC{0,20}") {
            let _ = NumberForm::new("$", "%", Separators::CommaPoint).plain(&text);
            if let Ok(form) = NumberForm::try_from(example.clone()) {
                proptest::prop_assert!(form.plain(&example).is_some(), "{}", example);
            }
        }
    }
}
