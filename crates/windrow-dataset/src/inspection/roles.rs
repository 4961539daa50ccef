//! Chooses the role of a column: a number, a category, or left out with a reason.

use crate::inspection::column::Column;
use crate::inspection::numbers::Numbers;
use crate::inspection::options::Options;
use crate::inspection::typing::{MAX_CODES, MIN_COUNT, Typing};
use windrow_record::display::{shell_word, thousands};

/// The maximum number of levels of a category. A text column with more names single things.
const MAX_LEVELS: usize = 1000;
/// The minimum number of different whole numbers that can be seen to be counts, and if their name says so.
const MIN_COUNTS: usize = 6;
const MIN_NAMED_COUNTS: usize = 4;
/// The minimum ratio of the largest frequency to the smallest one if whole numbers are counts.
const MIN_PEAK: f64 = 3.0;
/// Words in the names of columns that count.
const COUNT_WORDS: &str = "count counts visits rooms bedrooms bathrooms children kids items quantity qty age tenure years stops \
    orders visitors guests passengers dependents claims accidents attempts retries logins";
/// The minimum share of their range that whole numbers fill if they may be codes.
const MIN_DENSITY: f64 = 0.25;
/// The last words in the names of identifiers.
const ID_WORDS: &str = "code codes postal nbr id ids uuid guid key no nr num number zip zipcode postcode plz phone ssn isbn account customer user \
    client patient member driver invoice ticket order serial sku index idx row";
/// Words in the names of columns that measure.
const MEASURE_WORDS: &str = "anzahl menge preis betrag alter dauer druck temperatur drehzahl gewicht leistung spannung strom \
    verbrauch umsatz kosten rpm power energy voltage current torque humidity load time year date hour hours minute minutes min mins second seconds sec day days month age count counts \
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
/// one. `typing` must not be [`Typing::Mixed`].
pub(crate) fn role(name: &str, column: &Column, typing: &Typing<'_>, options: &Options) -> (Role, Option<String>) {
    let is_listed = |list: &[String]| list.iter().any(|listed| listed == name);
    let left_out = |reason: String| (Role::LeftOut(reason), None);
    if is_listed(&options.leave_out) {
        return left_out("given in --leave-out".to_owned());
    }
    if is_listed(&options.categorical) {
        return (Role::Category, None);
    }
    let option = shell_word(name);
    if is_listed(&options.numeric) && matches!(typing, Typing::Number(_)) {
        return (Role::Number, None);
    }
    let levels = column.values.len();
    if column.given() == 0 {
        return left_out("it is empty".to_owned());
    }
    if levels == Some(1) && column.given() == column.rows {
        let value = column.values.by_count().first().map_or("", |(value, _)| *value).to_owned();
        return left_out(format!("it is always `{value}`"));
    }
    let Typing::Number(typed) = typing else { return role_of_text(name, column) };
    let numbers = typed.numbers;
    if is_row_number(column, numbers) {
        return left_out("it numbers the rows".to_owned());
    }
    let words = words(name);
    let is_among = |list: &str, word: &String| list.split(' ').any(|known| known == word);
    // Thousands do not make a quantity of an id, but a currency or a unit does.
    let is_whole = numbers.are_whole() && typed.form.as_ref().is_none_or(|form| !form.has_affix());
    if is_whole && levels.is_none_or(|it| it > MAX_CODES) && words.last().is_some_and(|it| is_among(ID_WORDS, it)) {
        return left_out(format!("named like an id (--numeric {option} or --categorical {option} uses it)"));
    }
    if numbers.move_with_rows() || column.has_blocks_of_rows() {
        return left_out(format!(
            "it rises or falls with the rows, so that a model never sees the next value (--numeric {option} uses it)"
        ));
    }
    if !is_whole {
        return (Role::Number, None);
    }
    if let Some(levels) = levels.filter(|levels| *levels <= MAX_CODES) {
        let is_named = levels >= MIN_NAMED_COUNTS && words.iter().any(|word| is_among(COUNT_WORDS, word));
        let (role, as_what, other) = match is_named || are_counts(&column.values.by_count()) {
            true => (Role::Number, "a number", format!("--categorical {option} makes it a category")),
            false => (Role::Category, "a category", format!("--numeric {option} makes it a number")),
        };
        let note = format!("{name}: whole numbers with {levels} different values, used as {as_what} ({other})");
        return (role, Some(note));
    }
    let measures = words.iter().any(|word| is_among(MEASURE_WORDS, word));
    let may_be_codes = |levels: usize, (least, most): (f64, f64)| {
        levels > MAX_LEVELS && least >= 0.0 && !measures && levels as f64 >= MIN_DENSITY * (most - least + 1.0)
    };
    match levels.zip(numbers.range) {
        // Ids are rarely written with thousands.
        Some((levels, range)) if typed.form.is_none() && may_be_codes(levels, range) => (Role::Unclear(levels), None),
        _ => (Role::Number, None),
    }
}

fn role_of_text(name: &str, column: &Column) -> (Role, Option<String>) {
    let levels = column.values.len();
    let (option, left_out) = (shell_word(name), |reason: String| (Role::LeftOut(reason), None));
    if column.has_blocks_of_rows() {
        return left_out(format!(
            "its values come in blocks of rows and never return, so that a model never sees the next one \
             (--categorical {option} uses it)"
        ));
    }
    // If most rows have a value of their own, the values name rows and not categories.
    let names_rows = |levels: usize| levels > MAX_CODES && 2 * levels as u64 > column.given();
    let Some(levels) = levels.filter(|levels| *levels <= MAX_LEVELS && !names_rows(*levels)) else {
        let in_all = levels.map_or_else(|| "more than 10,000".to_owned(), |levels| thousands(levels as u64));
        let first = column.first_text.as_ref().map(|(_, text)| text.clone());
        let first = first.or_else(|| column.values.by_count().first().map(|(text, _)| (*text).to_owned()));
        let example = first.map_or_else(String::new, |text| format!(", as `{text}`"));
        return left_out(format!(
            "an id or a text: {in_all} different values{example} (--categorical {option} uses it)"
        ));
    };
    let counts = column.values.by_count();
    let in_frequent: u64 = counts.iter().map(|(_, count)| *count).filter(|count| *count >= MIN_COUNT).sum();
    if levels > MAX_CODES && 2 * in_frequent < column.given() {
        let rows = (column.given() as f64 / levels as f64).round();
        return left_out(format!(
            "{} different values with about {rows} rows each, too few to learn from (--categorical {option} uses it)",
            thousands(levels as u64)
        ));
    }
    (Role::Category, None)
}

/// Returns true if whole numbers count something: they have few gaps, begin at 0 or 1, and their frequencies rise to one
/// value and fall after it, clearly. The last value may include all larger ones. Codes have no such shape.
fn are_counts(by_count: &[(&str, u64)]) -> bool {
    let number = |(text, count): &(&str, u64)| Some((windrow_record::parse_number(text).ok()? as i64, *count));
    let Some(mut values) = by_count.iter().map(number).collect::<Option<Vec<_>>>() else { return false };
    values.sort_unstable();
    let Some(((first, _), (last, _))) = values.first().zip(values.last()).map(|(a, b)| (*a, *b)) else { return false };
    if values.len() < MIN_COUNTS || !(0..=1).contains(&first) || last >= 2 * values.len() as i64 {
        return false;
    }
    let counts: Vec<f64> = values[..values.len() - 1].iter().map(|(_, count)| *count as f64).collect();
    let (least, most) = counts.iter().fold((f64::MAX, 0.0_f64), |(least, most), it| (least.min(*it), most.max(*it)));
    let top = counts.iter().position(|count| *count == most).unwrap_or_default();
    // Frequencies vary by chance by about their square root.
    let is_step = |low: f64, high: f64| low <= high + 3.0 * (low + high).sqrt();
    let rises = counts[..=top].windows(2).all(|pair| is_step(pair[0], pair[1]));
    let falls = counts[top..].windows(2).all(|pair| is_step(pair[1], pair[0]));
    rises && falls && most >= MIN_PEAK * least
}

/// Returns true if the column numbers the rows: ascending, without repeats, and with few gaps.
fn is_row_number(column: &Column, numbers: &Numbers) -> bool {
    let Some((least, most)) = numbers.range.filter(|_| numbers.are_whole()) else { return false };
    let are_different = column.values.len().is_none_or(|levels| levels as u64 == column.given());
    are_different
        && numbers.rising.out_of_order == 0
        && most - least + 1.0 >= column.given() as f64
        && most - least < 2.0 * column.given() as f64
}

/// Splits a name into words in lower case: `PULocationID` has `pu`, `location` and `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(index + 1);
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
    use crate::inspection::scan::Scan;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("PULocationID"), ["pu", "location", "id"]);
        assert_eq!(words("sched_arr_time"), ["sched", "arr", "time"]);
        assert_eq!(words("orderId"), ["order", "id"]);
        assert_eq!(words("Total Price (EUR)"), ["total", "price", "eur"]);
    }

    /// The role of a column that is read without options.
    fn of(name: &str, text: &dyn Fn(u64) -> String) -> Role {
        let mut column = Column::default();
        for row in 1..=5000_u64 {
            column.push(row, &text(row));
        }
        let scan = Scan::of(vec![(name, column)]);
        let typing = Typing::of(&scan, 0, &Options::default()).expect("no options").or_usual();
        role(name, &scan.columns[0], &typing, &Options::default()).0
    }

    fn left_out(role: Role) -> String {
        match role {
            Role::LeftOut(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_column_plays_the_part_that_its_values_give_it() {
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

    #[test]
    fn what_cannot_generalise_is_left_out() {
        for (name, text) in [
            ("season", &(|row: u64| (2015 + row / 1250).to_string()) as &dyn Fn(u64) -> String),
            ("batch", &|row: u64| (row / 400).to_string()),
            ("countdown", &|row: u64| (9000 - row / 2).to_string()),
            ("meter", &|row: u64| format!("{}.25", row * 3)),
        ] {
            assert!(left_out(of(name, text)).contains("rises or falls with the rows"), "{name}");
        }
        assert!(left_out(of("lot", &|row| format!("lot {}", row / 500))).contains("never return"));
        assert!(left_out(of("postcode", &|row| format!("{:03}xx", row * 7919 % 999))).contains("about 5 rows each"));
        assert_eq!(of("branch", &|row| format!("B{}", row % 90)), Role::Category);
    }

    #[test]
    fn counts_are_numbers_and_codes_are_categories() {
        // The number of trailing zeros in binary: half of the rows have 0, a quarter 1, and so on.
        assert_eq!(of("visits", &|row| row.trailing_zeros().min(9).to_string()), Role::Number);
        assert_eq!(of("bedrooms", &|row| (row % 5).to_string()), Role::Number);
        assert_eq!(of("vendor", &|row| [1, 1, 6, 2, 2, 2, 3, 4, 4, 5][row as usize % 10].to_string()), Role::Category);
        assert_eq!(of("weekday", &|row| (row * 7919 % 7 + 1).to_string()), Role::Category);
        assert_eq!(of("plant", &|row| format!("{:02}", row * 7919 % 40)), Role::Category, "zeros make codes");
    }
}
