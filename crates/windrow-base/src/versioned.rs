//! JSON files whose form has a version. One version of each form is read; another one is refused.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The file is of another version of Windrow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place} has format {found}, and this Windrow reads format {read}: start again with `windrow run --fresh` or another \
     --workdir, or use the Windrow that wrote it"
)]
pub struct OtherFormat {
    /// The file, or the line of a file.
    pub place: String,
    /// The format that it has.
    pub found: u32,
    /// The format that is read.
    pub read: u32,
}

/// Reads a JSON object whose member `format` must be `format`. `place` names it in the error.
///
/// # Errors
/// [`OtherFormat`], or what `damaged` makes of a text that is not JSON of this form.
pub fn parse<T: DeserializeOwned, E: From<OtherFormat>>(
    text: &[u8],
    format: u32,
    place: impl Display,
    damaged: impl Fn(serde_json::Error) -> E,
) -> Result<T, E> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }

    // First, because another format may lack members of this one.
    let Versioned { format: found } = serde_json::from_slice(text).map_err(&damaged)?;
    if found != format {
        return Err(OtherFormat { place: place.to_string(), found, read: format }.into());
    }
    serde_json::from_slice(text).map_err(damaged)
}
