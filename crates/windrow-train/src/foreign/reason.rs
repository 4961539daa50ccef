//! The reason of a learner why nothing can be learned, as a line of plain text for the model's record and the API.

use std::ops::RangeInclusive;

/// The most characters of a reason.
const MAX_CHARACTERS: usize = 300;
/// Characters that have no width, or change the direction of the text.
const INVISIBLE: [RangeInclusive<char>; 9] = [
    '\u{AD}'..='\u{AD}',
    '\u{61C}'..='\u{61C}',
    '\u{180E}'..='\u{180E}',
    '\u{200B}'..='\u{200F}',
    '\u{202A}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFF9}'..='\u{FFFB}',
    '\u{E0000}'..='\u{E007F}',
];

/// Returns a learner's text as one line of at most 300 characters. Control characters are spaces, and only the last
/// part of an absolute path without spaces is kept: folders of the server are of no use to a client.
pub(crate) fn plain_reason(text: &str) -> String {
    let is_shown = |letter: &char| !INVISIBLE.iter().any(|range| range.contains(letter));
    let text: String = text.chars().filter(is_shown).collect();
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words: Vec<String> = words.map(without_folders).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.is_empty() {
        return "the learner gives no reason".to_owned();
    }
    if line.chars().count() <= MAX_CHARACTERS {
        return line;
    }
    line.chars().take(MAX_CHARACTERS - 1).chain(['…']).collect()
}

/// Returns a word with only the last part of each absolute path in it. A word like `and/or` stays. A path in quotes or
/// brackets ends with them, and any other one with the word: a folder may have any other character in its name.
fn without_folders(word: &str) -> String {
    let (mut shown, mut rest) = (String::new(), word);
    while let Some(at) = path_start(rest) {
        let (before, path) = rest.split_at(at);
        let end = before.chars().next_back().and_then(|opening| path_end(path, opening)).unwrap_or(path.len());
        let (path, after) = path.split_at(end);
        shown.push_str(before);
        shown.push_str(path.rsplit('/').find(|part| part.contains(char::is_alphanumeric)).unwrap_or_default());
        rest = after;
    }
    shown + rest
}

/// Returns the place of the first `/` that begins an absolute path.
fn path_start(text: &str) -> Option<usize> {
    let mut before = ' ';
    text.char_indices().find_map(|(at, letter)| {
        let is_start = letter == '/' && !before.is_alphanumeric();
        before = letter;
        is_start.then_some(at)
    })
}

/// Returns the place at which a quote or bracket is closed. That in `it's` closes none.
fn path_end(path: &str, opening: char) -> Option<usize> {
    let closing = match opening {
        '\'' | '"' | '`' => opening,
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        _ => return None,
    };
    let mut places = path.match_indices(closing).map(|(at, _)| at);
    places.find(|at| !path[at + closing.len_utf8()..].starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_stays_as_it_is() {
        for text in [
            "there is one class only: 'late' is true in all 240 rows",
            "and/or, 3/4 of the rows, ½ and naïve",
            "the column log(fare) has no value (0 of 240)",
        ] {
            assert_eq!(plain_reason(text), text);
        }
    }

    #[test]
    fn a_reason_is_one_line_without_control_characters_and_folders() {
        for (text, expected) in [
            ("one\r\nclass\t\u{1b}[31m only\u{2028}here\u{85}", "one class [31m only here"),
            ("a\u{202E}b\u{200B}c\u{FEFF}", "abc"),
            ("a\u{61C}b\u{180E}c\u{FFF9}d\u{E0041}", "abcd"),
            ("no rows in /srv/w/learner/window-1.parquet", "no rows in window-1.parquet"),
            ("File \"/home/me/model.py\", line 3", "File \"model.py\", line 3"),
            ("path=/a/b/ (/c/d)", "path=b (d)"),
            ("file:///a/b ~/c/d ../e/f", "file:b ~d ..f"),
            ("open('/srv/a/x')!=open('/b/y')", "open('x')!=open('y')"),
            ("['/a/b','/c/d'] f(/a/b)[/c/d]", "['b','d'] f(b)[d]"),
            ("'/srv/it's/secret/x' /srv/o'clock/(a)/x,/b/y", "'x' y"),
            ("/ is empty", "is empty"),
            ("", "the learner gives no reason"),
            (" \n\u{7}", "the learner gives no reason"),
        ] {
            assert_eq!(plain_reason(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_reason_is_cut() {
        let longest = "é".repeat(MAX_CHARACTERS);
        assert_eq!(plain_reason(&longest), longest);
        let cut = plain_reason(&format!("{longest}é"));
        assert_eq!((cut.chars().count(), cut.chars().last()), (MAX_CHARACTERS, Some('…')));
    }
}
