//! The names of models that are nearest to a name that no model has.

use std::cmp::Reverse;

use windrow_config::nearest_names;
use windrow_record::ModelId;

/// Maximum number of names that an error suggests.
pub const MAX_NEAREST: usize = 3;

/// Returns the known names that are nearest to another one, the nearest first.
///
/// If the other name has the form of a model's id, these are the models of the same scheme, or else of other schemes, with
/// the nearest windows. Otherwise these are the names that are spelt most similarly. If no name is similar, they are the
/// last known ones.
pub fn nearest_known(given: &str, known: &[String]) -> Vec<String> {
    if let Ok(given) = given.parse::<ModelId>() {
        let mut ids: Vec<ModelId> = known.iter().filter_map(|name| name.parse().ok()).collect();
        let distance = |id: &ModelId| id.window.get().abs_diff(given.window.get());
        ids.sort_by_key(|id| (id.scheme != given.scheme, distance(id), Reverse(id.window), id.scheme));
        return ids.iter().take(MAX_NEAREST).map(ToString::to_string).collect();
    }
    let similar = nearest_names(given, known.iter().map(String::as_str), MAX_NEAREST);
    if similar.is_empty() {
        return known.iter().rev().take(MAX_NEAREST).cloned().collect();
    }
    similar.into_iter().map(str::to_owned).collect()
}

/// Returns a question that suggests names, as in `did you mean a, b or c?`. Returns `None` without names.
pub fn did_you_mean(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [only] => Some(format!("did you mean {only}?")),
        [first @ .., last] => Some(format!("did you mean {} or {last}?", first.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<String> {
        let models = (1..=53).flat_map(|window| [format!("cumulative-{window}"), format!("window-{window}")]);
        models.chain(["latest", "champion", "production"].map(str::to_owned)).collect()
    }

    #[test]
    fn at_most_three_names_are_suggested_the_nearest_first() {
        let long = "x".repeat(1 << 20);
        for (given, nearest) in [
            ("cumulative-99", ["cumulative-53", "cumulative-52", "cumulative-51"]),
            ("sliding4-2", ["cumulative-2", "window-2", "cumulative-3"]),
            ("prodution", ["production", "", ""]),
            ("lastest", ["latest", "", ""]),
            ("widnow-7", ["window-7", "window-47", "window-37"]),
            ("nobody", ["production", "champion", "latest"]),
            (long.as_str(), ["production", "champion", "latest"]),
        ] {
            let nearest: Vec<&str> = nearest.into_iter().filter(|name| !name.is_empty()).collect();
            assert_eq!(nearest_known(given, &known()), nearest, "{given:.40}");
        }
        assert!(nearest_known("latest", &[]).is_empty() && nearest_known("window-1", &[]).is_empty());
    }

    #[test]
    fn names_are_suggested_in_a_question() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let asked = [0, 1, 2, 3].map(|count| did_you_mean(&names[..count]).unwrap_or_default());
        assert_eq!(asked, ["", "did you mean a?", "did you mean a or b?", "did you mean a, b or c?"]);
    }
}
