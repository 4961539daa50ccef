//! The documentation page (Swagger UI).

/// Dark mode. Swagger UI has only light colours, so they are inverted.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { html { background: #14181d; } \
                    #ui { filter: invert(0.9) hue-rotate(180deg); } }</style>";

/// Adapts Swagger UI: the page loads the document from the server, so that a reload shows the newest models. If
/// `is_folded` is true, operations are collapsed, because a browser draws hundreds of them slowly.
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
