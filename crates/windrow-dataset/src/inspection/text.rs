//! How counts, shares and names are written in sentences.

/// A count with its thousands set apart, as in `336,776`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share with one decimal, as in `12.5%`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// A name as a shell takes it.
pub fn quoted(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-.+:/=%@,".contains(letter);
    if !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_set_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (336_776, "336,776"), (1_000_000, "1,000,000")] {
            assert_eq!(thousands(count), text);
        }
    }

    #[test]
    fn a_shell_takes_names_as_they_are() {
        assert_eq!(
            (quoted("dep_delay"), quoted("dep delay"), quoted("o'clock")),
            ("dep_delay".to_owned(), "'dep delay'".to_owned(), r"'o'\''clock'".to_owned())
        );
    }
}
