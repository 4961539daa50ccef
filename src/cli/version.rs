//! The version and the build of the program.

/// Returns the version, the revision of the source, and the cargo features, as `--version` prints them.
pub(super) fn version() -> String {
    let features = [
        ("embedded", cfg!(feature = "embedded")),
        ("otel", cfg!(feature = "otel")),
        ("redpanda", cfg!(feature = "redpanda")),
        ("spark", cfg!(feature = "spark")),
        ("tls", cfg!(feature = "tls")),
    ];
    let built: Vec<&str> = features.into_iter().filter(|(_, is_built)| *is_built).map(|(name, _)| name).collect();
    let (version, revision) = (env!("CARGO_PKG_VERSION"), crate::app::REVISION);
    let features = if built.is_empty() { "none".to_owned() } else { built.join(" ") };
    format!("{version}\nrevision: {revision}\nfeatures: {features}")
}
