//! What stands in an address.

use std::collections::BTreeMap;

/// The parameters of a query; of one that is given twice, the last.
pub(super) fn parse(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(&value.replace('+', " ")))
        })
        .collect()
}

/// Text with `%41` for a byte; what is no such thing stays as it is.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |place: usize| behind.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, digit(0).zip(digit(1))) {
            (b'%', Some((high, low))) => {
                // Two digits are a byte.
                bytes.push((high << 4 | low) as u8);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
