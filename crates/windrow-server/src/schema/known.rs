//! The texts that a model knows for a category, and their values as numbers.

use windrow_record::parse_number;

/// The largest number that a request may give for a text: 2^53 - 1. Readers of JSON round larger whole numbers.
pub(crate) const MAX_EXACT: i64 = (1 << 53) - 1;

/// The texts that a model knows for a category.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KnownTexts {
    /// The texts in ascending order.
    texts: Vec<String>,
    /// The numbers among the texts, each once, in ascending order, with the index of its text. If several texts have the
    /// same value, the shortest counts.
    numbers: Vec<(f64, usize)>,
}

impl KnownTexts {
    pub(crate) fn new(mut texts: Vec<String>) -> Self {
        texts.sort_unstable();
        // Adding zero turns minus zero into zero.
        let number = |(index, text): (usize, &String)| Some((parse_number(text).ok()? + 0.0, index));
        let mut numbers: Vec<(f64, usize)> = texts.iter().enumerate().filter_map(number).collect();
        let length = |index: usize| texts[index].len();
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0).then(length(a.1).cmp(&length(b.1))));
        numbers.dedup_by_key(|(number, _)| *number);
        Self { texts, numbers }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.texts.binary_search_by(|known| known.as_str().cmp(text)).is_ok()
    }

    /// Returns true if a request may give a number: if one of the texts is a number, or if it knows none. Models of
    /// one column then take the same rows, although not all know the same texts.
    pub(crate) fn are_numbers(&self) -> bool {
        !self.numbers.is_empty() || self.texts.is_empty()
    }

    /// Returns the known text with the value of a number. If there is none, returns the number as a text, which counts
    /// as 'other'.
    pub(crate) fn text_of(&self, number: f64) -> String {
        let number = number + 0.0;
        let found = self.numbers.binary_search_by(|(known, _)| known.total_cmp(&number));
        found.map_or_else(|_| number.to_string(), |found| self.texts[self.numbers[found].1].clone())
    }
}

/// Returns true if no other number in JSON is read as this one.
pub(crate) fn is_exact(number: f64) -> bool {
    number.abs() <= MAX_EXACT as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(texts: &[&str]) -> KnownTexts {
        KnownTexts::new(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn a_number_stands_for_the_text_with_its_value() {
        let texts = known(&["2", "10", "1", "-0", "0.50", "007"]);
        assert!(texts.are_numbers() && texts.contains("10") && !texts.contains("1.0"));
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["-0", "0.50", "007", "1", "10", "2"]);
        for (number, text) in [(1.0, "1"), (10.0, "10"), (0.0, "-0"), (-0.0, "-0"), (0.5, "0.50"), (7.0, "007")] {
            assert_eq!(texts.text_of(number), text);
        }
        for (number, text) in [(3.0, "3"), (1.5, "1.5"), (-7.0, "-7"), (1e21, "1000000000000000000000")] {
            assert_eq!(texts.text_of(number), text);
            assert!(!texts.contains(text), "{text}");
        }
        assert_eq!(known(&["01", "1.0", "1"]).text_of(1.0), "1");
        assert_eq!(known(&["1.00", "1.0"]).text_of(1.0), "1.0");
    }

    #[test]
    fn texts_that_only_look_like_numbers_are_not_numbers() {
        for texts in [&["UA"][..], &["nan"], &["inf"], &["1e999"], &["1,5"], &["0x1"], &[""]] {
            assert!(!known(texts).are_numbers(), "{texts:?}");
        }
        // Another window may have further texts, or so few rows that no text is known.
        assert!(known(&["1", "UA"]).are_numbers() && known(&[]).are_numbers());
        assert_eq!((known(&["1", "UA"]).text_of(1.0).as_str(), known(&[]).text_of(2.0).as_str()), ("1", "2"));
        assert!(is_exact(MAX_EXACT as f64) && !is_exact(9_007_199_254_740_992.0) && !is_exact(f64::NAN));
    }
}
