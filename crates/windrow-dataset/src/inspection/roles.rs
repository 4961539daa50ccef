//! Chooses the role of a column: a number, a category, or left out with a reason.

use crate::inspection::column::Column;
use crate::inspection::options::Options;
use windrow_record::display::{shell_word, thousands};

/// The maximum number of levels of a category. A text column with more names single things.
const MAX_LEVELS: usize = 1000;
/// The maximum number of values of a column of whole numbers that is a category.
const MAX_CODES: usize = 12;
/// The minimum share of their range that whole numbers fill if they may be codes.
const MIN_DENSITY: f64 = 0.25;
/// The last words in the names of identifiers.
const ID_WORDS: &str = "id ids uuid guid key no nr num number zip zipcode postcode plz phone ssn isbn account customer user \
    client patient member driver invoice ticket order serial sku index idx row";
/// Words in the names of columns that measure.
const MEASURE_WORDS: &str = "time year date hour hours minute minutes min mins second seconds sec day days month age count counts \
    total sum price amount amt cost fare tip distance dist length width height weight size area sqft volume \
    population income salary balance score rate ratio percent share temp temperature speed pressure lat lon \
    duration delay seats qty quantity value rank km miles kg bytes views clicks sales revenue limit points";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    Number,
    Category,
    /// The column is not used, for this reason.
    LeftOut(String),
    /// The column may be a number or a name. Contains the number of levels.
    Unclear(usize),
}

/// Chooses the role of a column that is neither target nor time. Also returns a note for the user, if the choice needs
/// one.
pub(crate) fn role(name: &str, column: &Column, has_decimal_comma: bool, options: &Options) -> (Role, Option<String>) {
    let is_listed = |list: &[String]| list.iter().any(|listed| listed == name);
    if is_listed(&options.leave_out) {
        return (Role::LeftOut("given in --leave-out".to_owned()), None);
    }
    let is_number = column.is_number(has_decimal_comma);
    if is_listed(&options.categorical) {
        return (Role::Category, None);
    }
    if is_listed(&options.numeric) && is_number {
        return (Role::Number, None);
    }
    let levels = column.values.len();
    let left_out = |reason: String| (Role::LeftOut(reason), None);
    if column.given() == 0 {
        return left_out("it is empty".to_owned());
    }
    if levels == Some(1) && column.given() == column.rows {
        let value = column.values.by_count().first().map_or("", |(value, _)| *value).to_owned();
        return left_out(format!("it is always `{value}`"));
    }
    if !is_number {
        // If most rows have a value of their own, the values name rows and not categories.
        let names_rows = |levels: usize| levels > MAX_CODES && 2 * levels as u64 > column.given();
        if levels.is_some_and(|levels| levels <= MAX_LEVELS && !names_rows(levels)) {
            return (Role::Category, None);
        }
        let in_all = levels.map_or_else(|| "more than 10,000".to_owned(), |levels| thousands(levels as u64));
        let example = column.first_text.as_ref().map_or_else(String::new, |(_, text)| format!(", as `{text}`"));
        return left_out(format!(
            "an id or a text: {in_all} different values{example} (--categorical {} uses it)",
            shell_word(name)
        ));
    }
    if !column.is_whole() {
        return (Role::Number, None);
    }
    if let Some(levels) = levels.filter(|levels| *levels <= MAX_CODES) {
        let note = format!(
            "{name}: whole numbers with {levels} different values, used as a category (--numeric {} makes it a number)",
            shell_word(name)
        );
        return (Role::Category, Some(note));
    }
    if is_row_number(column) {
        return left_out("it numbers the rows".to_owned());
    }
    let words = words(name);
    let is_among = |list: &str, word: &String| list.split(' ').any(|known| known == word);
    if words.last().is_some_and(|word| is_among(ID_WORDS, word)) {
        return left_out(format!("named like an id (--numeric {0} or --categorical {0} uses it)", shell_word(name)));
    }
    let measures = words.iter().any(|word| is_among(MEASURE_WORDS, word));
    let may_be_codes = |levels: usize, (least, most): (f64, f64)| {
        levels > MAX_LEVELS && least >= 0.0 && !measures && levels as f64 >= MIN_DENSITY * (most - least + 1.0)
    };
    match levels.zip(column.range) {
        Some((levels, range)) if may_be_codes(levels, range) => (Role::Unclear(levels), None),
        _ => (Role::Number, None),
    }
}

/// Returns true if the column numbers the rows: ascending, without repeats, and with few gaps.
fn is_row_number(column: &Column) -> bool {
    let Some((least, most)) = column.range else { return false };
    let are_different = column.values.len().is_none_or(|levels| levels as u64 == column.given());
    are_different
        && column.number_order.out_of_order == 0
        && most - least + 1.0 >= column.given() as f64
        && most - least < 2.0 * column.given() as f64
}

/// Splits a name into words in lower case: `PULocationID` has `pu`, `location` and `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(place + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| before.is_lowercase() || after.is_some_and(|after| after.is_lowercase()));
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(letter.to_lowercase()));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("PULocationID"), ["pu", "location", "id"]);
        assert_eq!(words("sched_arr_time"), ["sched", "arr", "time"]);
        assert_eq!(words("orderId"), ["order", "id"]);
        assert_eq!(words("Total Price (EUR)"), ["total", "price", "eur"]);
    }

    #[test]
    fn a_column_plays_the_part_that_its_values_give_it() {
        let of = |name: &str, text: &dyn Fn(u64) -> String| {
            let mut column = Column::default();
            for row in 1..=5000_u64 {
                column.push(row, &text(row));
            }
            role(name, &column, false, &Options::default()).0
        };
        let left_out = |role: Role| match role {
            Role::LeftOut(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(of("temp", &|row| format!("{}.5", row % 70)), Role::Number);
        assert_eq!(of("stars", &|row| (row % 5).to_string()), Role::Category);
        assert_eq!(of("carrier", &|row| format!("C{}", row % 16)), Role::Category);
        assert_eq!(of("flight", &|row| (row * 7919 % 2903).to_string()), Role::Unclear(2903));
        assert_eq!(of("arr_time", &|row| (row * 7919 % 2903).to_string()), Role::Number);
        assert_eq!(of("delay", &|row| (row as i64 * 7919 % 2903 - 40).to_string()), Role::Number);
        assert!(left_out(of("tailnum", &|row| format!("N{row}"))).contains("5,000 different values"));
        assert!(left_out(of("customer_id", &|row| (row * 7919 % 900).to_string())).contains("named like an id"));
        assert!(left_out(of("column_1", &|row| row.to_string())).contains("numbers the rows"));
        assert!(left_out(of("country", &|_| "US".to_owned())).contains("always `US`"));
        assert!(left_out(of("note", &|_| String::new())).contains("empty"));
    }
}
