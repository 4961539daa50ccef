//! The documentation page (Swagger UI).

/// Dark mode. Swagger UI has only light colours, so they are inverted.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { html { background: #14181d; } \
                    #ui { filter: invert(0.9) hue-rotate(180deg); } #back { color: #7cc0ff; } }</style>";

/// The link to the pages, which have a navigation of their own.
const BACK: &str = "<body><p style=\"margin:12px 20px;font:15px system-ui,sans-serif\"><a id=\"back\" href=\"/\">\
                    \u{2190} Back to the answer, the models and the stream</a></p>";

/// Adapts Swagger UI: the page loads the document from the server, so that a reload shows the newest models. If
/// `is_folded` is true, operations are collapsed, because a browser draws hundreds of them slowly.
pub(crate) fn page(html: &str, typed: &str, name: &str, is_folded: bool) -> String {
    let expansion = if is_folded { "none" } else { "list" };
    html.replace(&format!("let spec = {typed};"), "")
        .replace("spec: spec,", &format!("url: 'openapi.json', docExpansion: '{expansion}',"))
        .replace("filter: false,", "filter: true,")
        // The bundle of scripts comes before the body, and may have this text too.
        .replace("</head>\n<body>", &format!("</head>\n{BACK}"))
        .replace(
            "<title>Swagger UI</title>",
            &format!(
                "<title>Windrow: {name}</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{DARK}"
            ),
        )
        .trim_start()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_leads_back_to_the_pages() {
        let service = poem_openapi::OpenApiService::new((), "x", "1");
        let text = page(&service.swagger_ui_html(), &service.spec(), "x", false);
        assert_eq!(text.matches("<a id=\"back\" href=\"/\">").count(), 1);
        assert!(
            text.contains("url: 'openapi.json', docExpansion: 'list'") && text.contains("<title>Windrow: x</title>")
        );
    }
}
