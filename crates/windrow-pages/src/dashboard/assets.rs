//! The static files of the pages. They are small, written by hand and embedded in the program.

/// The files: path, media type and text.
pub(super) const FILES: [(&str, &str, &str); 5] = [
    ("/assets/windrow.css", "text/css; charset=utf-8", include_str!("assets/windrow.css")),
    ("/assets/windrow.js", "text/javascript; charset=utf-8", include_str!("assets/windrow.js")),
    ("/assets/try.js", "text/javascript; charset=utf-8", include_str!("assets/try.js")),
    ("/favicon.ico", "image/svg+xml", include_str!("assets/icon.svg")),
    ("/assets/theme.js", "text/javascript; charset=utf-8", include_str!("assets/theme.js")),
];
