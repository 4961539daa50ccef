//! The known names that are most similar to a misspelt one.

/// The similarity, from 0 to 1, above which a name is suggested.
const MIN_SIMILARITY: f64 = 0.8;
/// The maximum length, in bytes, of a text that is compared. Comparing takes time in proportion to both lengths.
const MAX_LENGTH: usize = 128;

/// Returns the name that is most similar to a text by Jaro-Winkler similarity, ignoring case. Returns `None` if no name is
/// similar enough.
pub fn nearest_name<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    nearest_names(text, names, 1).first().copied()
}

/// Returns the names that are similar to a text, at most `most` of them, the most similar first. Of equally similar names,
/// the later ones come first.
pub fn nearest_names<'n>(text: &str, names: impl IntoIterator<Item = &'n str>, most: usize) -> Vec<&'n str> {
    if text.len() > MAX_LENGTH {
        return Vec::new();
    }
    let text = text.to_lowercase();
    let comparable = names.into_iter().filter(|name| name.len() <= MAX_LENGTH);
    let compared = comparable.map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &text), name));
    let mut similar: Vec<(f64, &str)> = compared.filter(|(score, _)| *score > MIN_SIMILARITY).collect();
    similar.reverse();
    similar.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    similar.into_iter().take(most).map(|(_, name)| name).collect()
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

    #[test]
    fn several_names_are_sorted_by_similarity() {
        let names = ["window-1", "window-2", "cumulative-2", "window-3"];
        assert_eq!(nearest_names("widnow-2", names, 3), ["window-2", "window-3", "window-1"]);
        assert_eq!(nearest_names("widnow-2", names, 1), ["window-2"]);
        assert!(nearest_names("carrier", names, 3).is_empty() && nearest_names("window", [], 3).is_empty());
    }
}
