//! JSON files whose format has a version. Windrow reads one version of each format and rejects the others.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The file has the format of another version of Windrow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{location} has format {found}, but this version of Windrow reads format {read}: start again with `windrow run \
     --fresh` or another --workdir, or use the version that wrote it"
)]
pub struct OtherFormat {
    /// The file, or the line of a file.
    pub location: String,
    /// The format version in the file.
    pub found: u32,
    /// The format version that this Windrow reads.
    pub read: u32,
}

/// Parses a JSON object whose member `format` must equal `format`. `location` names the object in the error.
///
/// # Errors
/// Returns [`OtherFormat`] if the version differs. Returns the result of `damaged` if the text is not JSON of this
/// form.
pub fn parse<T: DeserializeOwned, E: From<OtherFormat>>(
    text: &[u8],
    format: u32,
    location: impl Display,
    damaged: impl Fn(serde_json::Error) -> E,
) -> Result<T, E> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }

    // The version is checked first, because another format may lack members of this one.
    let Versioned { format: found } = serde_json::from_slice(text).map_err(&damaged)?;
    if found != format {
        return Err(OtherFormat { location: location.to_string(), found, read: format }.into());
    }
    serde_json::from_slice(text).map_err(damaged)
}
