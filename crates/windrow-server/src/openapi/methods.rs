//! The methods that each path accepts, from the API document.

use serde_json::Value;

use poem::http::Method;

/// The paths of the document, split at slashes, with the methods of each.
#[derive(Debug, Default)]
pub(crate) struct Methods(Vec<(Vec<String>, Vec<String>)>);

impl Methods {
    pub(crate) fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let operation = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().into_iter().flat_map(|methods| methods.keys());
            (path_segments(path).map(str::to_owned).collect(), methods.map(|method| method.to_uppercase()).collect())
        };
        Self(paths.map(operation).collect())
    }

    /// Returns the methods of a path for the `Allow` header. If the document does not have the path, returns GET,
    /// unless GET was rejected.
    pub(crate) fn of_path(&self, path: &str, refused: &Method) -> String {
        let parts: Vec<&str> = path_segments(path).collect();
        let fits = |(template, _): &&(Vec<String>, Vec<String>)| {
            template.len() == parts.len()
                && template.iter().zip(&parts).all(|(known, part)| known.starts_with('{') || known == part)
        };
        let mut found: Vec<&str> =
            self.0.iter().filter(fits).flat_map(|(_, methods)| methods.iter().map(String::as_str)).collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() && *refused != Method::GET {
            found.push("GET");
        }
        found.join(", ")
    }
}

fn path_segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}
