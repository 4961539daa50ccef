//! Lists in pages: a limited number of items after a cursor, and a link to the next page.

use std::fmt::Write as _;
use std::str::FromStr;

use poem_openapi::param::Query;

use crate::error::ApiError;
use crate::schema::excerpt;

/// Items per page if the request sets no limit.
const DEFAULT_LIMIT: u32 = 100;
/// Maximum number of items per page.
const MAX_LIMIT: u32 = 1000;

pub(crate) fn limit(asked: &Query<Option<u32>>) -> Result<usize, ApiError> {
    match asked.0.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit as usize),
        _ => Err(ApiError::invalid("invalid-query", format!("limit must be from 1 to {MAX_LIMIT}"))),
    }
}

pub(crate) fn parameter<T: FromStr>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| {
        let given = excerpt(text);
        ApiError::invalid("invalid-query", format!("`{given}` is not a valid value of the parameter {name}"))
    })
}

/// Returns the first items, and the link to the next page if there are more items. The link has the same path and
/// filters. Its cursor is the last item of this page.
pub(crate) fn page<T>(
    mut items: impl Iterator<Item = T>,
    limit: usize,
    path: &str,
    filters: &[(&str, Option<String>)],
    cursor: impl FnOnce(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let page: Vec<T> = items.by_ref().take(limit).collect();
    let next = items.next().and(page.last()).map(|last| {
        let mut link = format!("{path}?after={}&limit={limit}", cursor(last));
        for (name, value) in filters {
            if let Some(value) = value {
                // Writing to memory cannot fail. The values are names and numbers, which need no escapes.
                let _ = write!(link, "&{name}={value}");
            }
        }
        link
    });
    (page, next)
}
