//! The clock of the program. Stages get it as a function and do not read a clock themselves.

/// Returns the current time in UTC as RFC 3339, to the second.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read and handed down")]
pub(super) fn timestamp() -> String {
    let now = std::time::SystemTime::now();
    jiff::Timestamp::try_from(now).map(|now| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
