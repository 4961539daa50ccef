//! What stands in an address.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// The parameters of a query; of one that is given twice, the last.
pub(super) fn parse(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Text with `%41` for a byte; what is no such thing stays as it is.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_strangers_are_read() {
        let query = parse("a=1&b=x%20y+z&a=2&&c&%3D=%E2%82%AC&d=%zz%4");
        let told: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(told, [("=", "€"), ("a", "2"), ("b", "x y z"), ("c", ""), ("d", "%zz%4")]);
        assert_eq!(decoded("%FF%+1"), "\u{fffd}%+1");
    }
}
