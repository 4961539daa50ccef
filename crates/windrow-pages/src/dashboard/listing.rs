//! Tables that can be sorted by any column and filtered by text, by the address of the page: `?models-sort=2`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::dashboard::cell::CellText;
use crate::dashboard::table::{Row, boxed, number_columns};
use windrow_record::display::{counted, thousands};

/// Maximum number of rows per page of a table.
const ROWS_PER_PAGE: usize = 100;
/// A table with at most this many rows needs no filter.
const MIN_FILTERED: usize = 9;

/// A table that can be sorted and filtered.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    /// The identifier of the table on its page. The names of its parameters begin with it.
    pub(super) id: &'static str,
    pub(super) title: &'a str,
    pub(super) header: &'a [&'a str],
    pub(super) rows: Vec<Row>,
}

/// The order, filter and page that a reader has chosen for a table.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// The column to sort by, with true for a descending order.
    sort: Option<(usize, bool)>,
    /// The text to filter by, in lower case.
    filter: String,
    /// The page, from 0.
    page: usize,
}

impl Listing<'_> {
    /// Shows the table as the parameters of the page's address ask for it.
    pub(super) fn show(&self, query: &BTreeMap<String, String>) -> Markup {
        let asked = self.asked(query);
        let texts: Vec<Vec<CellText>> =
            self.rows.iter().map(|row| row.cells.iter().map(CellText::of).collect()).collect();
        let is_shown = |row: &usize| asked.filter.is_empty() || texts[*row].iter().any(|cell| cell.has(&asked.filter));
        let mut order: Vec<usize> = (0..self.rows.len()).filter(is_shown).collect();
        if let Some((column, is_descending)) = asked.sort {
            let cell = |row: usize| texts[row].get(column);
            order.sort_by(|one, other| {
                let Some((one, other)) = cell(*one).zip(cell(*other)) else { return Ordering::Equal };
                // Empty cells are last in both directions.
                let is_plain = one.is_empty() || other.is_empty() || !is_descending;
                if is_plain { one.compare(other) } else { other.compare(one) }
            });
        }
        let found = order.len();
        let pages = found.div_ceil(ROWS_PER_PAGE).max(1);
        let page = asked.page.min(pages - 1);
        let numbers = number_columns(self.header.len(), &self.rows);
        let head: Vec<Markup> =
            self.header.iter().enumerate().map(|(at, name)| self.head(query, &asked, at, name)).collect();
        let sorted: Vec<Option<&str>> = (0..self.header.len()).map(|at| sort_of(&asked, at)).collect();
        let rows = order.iter().skip(page * ROWS_PER_PAGE).take(ROWS_PER_PAGE).map(|row| &self.rows[*row]);
        let link = |page: usize| self.link(query, &[("page", &(page + 1).to_string())]);
        let (first, last) = (page * ROWS_PER_PAGE + 1, ((page + 1) * ROWS_PER_PAGE).min(found));
        html! {
            div id=(self.id) {
                @if self.rows.len() >= MIN_FILTERED { (self.filter(query, &asked, found)) }
                (boxed(self.title, &head, &sorted, &numbers, rows))
                @if pages > 1 {
                    p.pages {
                        @if page > 0 { a href=(link(page - 1)) { "Before" } }
                        span.quiet { "Rows " (first) " to " (last) " of " (thousands(found as u64)) }
                        @if page + 1 < pages { a href=(link(page + 1)) { "Next" } }
                    }
                }
            }
        }
    }

    fn asked(&self, query: &BTreeMap<String, String>) -> Asked {
        let get = |name: &str| query.get(&format!("{}-{name}", self.id)).map(String::as_str);
        let column = get("sort").and_then(|column| column.parse::<usize>().ok()).filter(|at| *at < self.header.len());
        let page = get("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1);
        Asked {
            sort: column.map(|column| (column, get("order") == Some("down"))),
            filter: get("filter").unwrap_or_default().trim().to_lowercase(),
            page: page.saturating_sub(1),
        }
    }

    /// Returns the name of a column, as a link that sorts by it.
    fn head(&self, query: &BTreeMap<String, String>, asked: &Asked, column: usize, name: &str) -> Markup {
        let order = if asked.sort == Some((column, false)) { "down" } else { "up" };
        let column = column.to_string();
        let address = self.link(query, &[("sort", &column), ("order", order), ("page", "1")]);
        html! { a href=(address) { (name) } }
    }

    fn filter(&self, query: &BTreeMap<String, String>, asked: &Asked, found: usize) -> Markup {
        let name = |part: &str| format!("{}-{part}", self.id);
        let own = [name("filter"), name("page")];
        html! {
            form.filter method="get" action={ "#" (self.id) } role="search" aria-label={ "Filter: " (self.title) } {
                @for (name, value) in query.iter().filter(|(name, _)| !own.contains(name)) {
                    input type="hidden" name=(name) value=(value);
                }
                input type="search" name=(own[0]) value=(query.get(&own[0]).map_or("", String::as_str)) aria-label={ "Filter: " (self.title) } placeholder="Rows with this text" autocomplete="off";
                button type="submit" { "Filter" }
                @if !asked.filter.is_empty() {
                    span.quiet { (counted(found as u64, "row", "rows")) " of " (thousands(self.rows.len() as u64)) }
                    a href=(self.link(query, &[("filter", ""), ("page", "1")])) { "Show all" }
                }
            }
        }
    }

    /// Returns the address of this page with other parameters of this table.
    fn link(&self, query: &BTreeMap<String, String>, changed: &[(&str, &str)]) -> String {
        let mut all = query.clone();
        all.extend(changed.iter().map(|(name, value)| (format!("{}-{name}", self.id), (*value).to_owned())));
        let is_default =
            |name: &str, value: &str| value.is_empty() || (name == format!("{}-page", self.id) && value == "1");
        all.retain(|name, value| !is_default(name, value.as_str()));
        format!("?{}#{}", Serializer::new(String::new()).extend_pairs(&all).finish(), self.id)
    }
}

/// Returns the direction in which a column is sorted, if it is.
fn sort_of(asked: &Asked, column: usize) -> Option<&'static str> {
    let (sorted, is_descending) = asked.sort?;
    (sorted == column).then_some(if is_descending { "descending" } else { "ascending" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::table::cells;

    fn shown(query: &[(&str, &str)], count: u32) -> String {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let row = |number: u32| Row::from(cells![format!("window-{number}"), number * 7 % 100]);
        let rows = (1..=count).map(row).collect();
        Listing { id: "w", title: "Windows", header: &["name", "rows"], rows }.show(&query).into_string()
    }

    fn names(page: &str) -> Vec<&str> {
        page.split("<th scope=\"row\">").skip(1).filter_map(|rest| rest.split('<').next()).collect()
    }

    #[test]
    fn a_table_is_sorted_by_the_column_that_is_asked_for() {
        assert_eq!(names(&shown(&[], 3)), ["window-1", "window-2", "window-3"]);
        let down = shown(&[("w-sort", "0"), ("w-order", "down")], 12);
        assert_eq!(names(&down)[..3], ["window-12", "window-11", "window-10"]);
        assert!(down.contains("aria-sort=\"descending\""), "{down}");
        assert_eq!(names(&shown(&[("w-sort", "1")], 30))[..3], ["window-29", "window-15", "window-1"]);
        for wrong in [("w-sort", "9"), ("w-sort", "x"), ("w-page", "0"), ("w-page", "99"), ("other-sort", "1")] {
            assert_eq!(names(&shown(&[wrong], 3)), ["window-1", "window-2", "window-3"], "{wrong:?}");
        }
    }

    #[test]
    fn a_table_is_filtered_by_text_and_keeps_the_other_parameters() {
        let found = shown(&[("w-filter", " WINDOW-1"), ("recipe", "a&b")], 12);
        assert_eq!(names(&found), ["window-1", "window-10", "window-11", "window-12"]);
        assert!(found.contains("4 rows of 12") && found.contains("name=\"recipe\" value=\"a&amp;b\""), "{found}");
        assert!(
            found.contains("href=\"?recipe=a%26b&amp;w-filter=+WINDOW-1&amp;w-order=up&amp;w-sort=1#w\""),
            "{found}"
        );
        assert!(!shown(&[], 8).contains("<form"), "a short table needs no filter");
        let evil = shown(&[("w-filter", "\"><script>")], 12);
        assert!(names(&evil).is_empty() && !evil.contains("<script>"), "{evil}");
    }

    #[test]
    fn a_long_table_has_pages() {
        let first = shown(&[], 250);
        assert_eq!(names(&first).len(), 100);
        assert!(first.contains("Rows 1 to 100 of 250") && first.contains("href=\"?w-page=2#w\""), "{first}");
        let last = shown(&[("w-page", "3")], 250);
        assert_eq!((names(&last).len(), names(&last)[0]), (50, "window-201"));
    }
}
