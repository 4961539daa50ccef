//! The documentation page.

/// Swagger UI has light colours alone; turned round they are dark ones.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { html { background: #14181d; } \
                    #ui { filter: invert(0.9) hue-rotate(180deg); } }</style>";

/// Swagger UI, with the document loaded from the server, so that a reload shows the newest models.
pub(crate) fn page(html: &str, typed: &str, name: &str) -> String {
    html.replace(&format!("let spec = {typed};"), "")
        .replace("spec: spec,", "url: 'openapi.json',")
        .replace(
            "<title>Swagger UI</title>",
            &format!(
                "<title>Windrow: {name}</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{DARK}"
            ),
        )
        .trim_start()
        .to_owned()
}
