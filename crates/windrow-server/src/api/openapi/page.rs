//! The documentation page.

/// Swagger UI has light colours alone; turned round they are dark ones.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { html { background: #14181d; } \
                    #ui { filter: invert(0.9) hue-rotate(180deg); } }</style>";

/// Swagger UI, with the document loaded from the server, so that a reload shows the newest models. With many models their
/// operations are shown where they are asked for (`is_folded`): a browser takes long to draw hundreds.
pub(crate) fn page(html: &str, typed: &str, name: &str, is_folded: bool) -> String {
    let expansion = if is_folded { "none" } else { "list" };
    html.replace(&format!("let spec = {typed};"), "")
        .replace("spec: spec,", &format!("url: 'openapi.json', docExpansion: '{expansion}',"))
        .replace("filter: false,", "filter: true,")
        .replace(
            "<title>Swagger UI</title>",
            &format!(
                "<title>Windrow: {name}</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{DARK}"
            ),
        )
        .trim_start()
        .to_owned()
}
