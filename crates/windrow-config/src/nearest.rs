//! The known name that is most similar to a misspelt one.

/// The similarity, from 0 to 1, above which a name is suggested.
const MIN_SIMILARITY: f64 = 0.8;
/// The maximum length, in bytes, of a text that is compared. Comparing takes time in proportion to both lengths.
const MAX_LENGTH: usize = 128;

/// Returns the name that is most similar to a text by Jaro-Winkler similarity, ignoring case. Returns `None` if no name is
/// similar enough.
pub fn nearest_name<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let text = text.to_lowercase();
    let comparable = names.into_iter().filter(|name| name.len() <= MAX_LENGTH);
    let alike = comparable.map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &text), name));
    alike.filter(|(score, _)| *score > MIN_SIMILARITY).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// Returns the error message for a name that is not a column of `what`. It suggests the nearest column, or lists all columns.
pub fn unknown_column(what: &str, name: &str, columns: &[String]) -> String {
    match nearest_name(name, columns.iter().map(String::as_str)) {
        Some(nearest) => format!("{what} has no column `{name}`; did you mean `{nearest}`?"),
        None => format!("{what} has no column `{name}`; it has {}", columns.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_long_text_is_not_compared() {
        assert_eq!(nearest_name("Carier", ["origin", "carrier"]), Some("carrier"));
        assert_eq!(nearest_name("x", ["origin", "carrier"]), None);
        assert_eq!(nearest_name(&"carrier".repeat(20), ["carrier"]), None);
    }
}
