//! The width of text, so that no text leaves its picture.
//!
//! A picture does not know the font of its reader. The widths are those of DejaVu Sans, which is wider than other usual
//! fonts, so text that has room in it has room in the others.

/// The widths of the printable ASCII characters, from the space on, in hundredths of the font's size.
const REGULAR: [u8; 95] = [
    32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 78, 75, 30, 30, 66, 56, 86, 75, 79, 60, 79, 70, 64, 61, 73, 68, 99, 69,
    61, 69, 39, 34, 39, 84, 50, 50, 61, 64, 55, 64, 62, 35, 64, 64, 28, 28, 58, 28, 98, 64, 61, 64, 64, 41, 52, 39, 64,
    59, 82, 59, 59, 53, 64, 34, 64, 84,
];
/// The widths of the same characters in bold.
const BOLD: [u8; 95] = [
    35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40,
    84, 84, 84, 58, 100, 78, 76, 74, 83, 68, 68, 82, 84, 37, 37, 78, 64, 100, 84, 85, 74, 85, 77, 72, 68, 81, 78, 111,
    77, 73, 73, 46, 37, 46, 84, 50, 50, 68, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72, 50, 60,
    48, 71, 65, 93, 65, 65, 58, 71, 37, 71, 84,
];
/// The width of a letter of another European script, and that of any other character, such as a Chinese one.
const EUROPEAN: u8 = 85;
const WIDE: u8 = 105;
/// The end of the European scripts in Unicode: Latin, Greek and Cyrillic.
const END_OF_EUROPEAN: u32 = 0x530;

/// Returns the width of a text in the font of a CSS class: `t` is bold with 15 pixels, `s` has 12 pixels, and any other
/// class 13.
pub(super) fn width(class: &str, text: &str) -> f64 {
    let (widths, size) = match class {
        "t" => (&BOLD, 15.0),
        "s" => (&REGULAR, 12.0),
        _ => (&REGULAR, 13.0),
    };
    let of = |letter: char| match u32::from(letter) {
        code @ 32..127 => widths[code as usize - 32],
        code if code < END_OF_EUROPEAN => EUROPEAN,
        _ => WIDE,
    };
    text.chars().map(|letter| f64::from(of(letter))).sum::<f64>() * size / 100.0
}

/// Returns the text, or its beginning with `...` if the text is wider than `room`.
pub(super) fn shortened(class: &str, text: &str, room: f64) -> String {
    if width(class, text) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        short.push(letter);
        if width(class, &short) + width(class, "...") > room {
            short.pop();
            break;
        }
    }
    format!("{}...", short.trim_end())
}

/// Returns the text in at most `most` lines that are not wider than `room`. The last line ends in `...` if the text is
/// longer. A word that is wider than a line is shortened.
pub(super) fn wrapped(class: &str, text: &str, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let fits = |line: &&mut String| width(class, line) + width(class, " ") + width(class, word) <= room;
        match lines.last_mut().filter(fits) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    if lines.len() > most {
        let rest = lines.split_off(most.saturating_sub(1)).join(" ");
        lines.push(rest);
    }
    lines.iter().map(|line| shortened(class, line, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        assert_eq!(width("s", ""), 0.0);
        assert!((width("s", "ab") - 12.0 * (0.61 + 0.64)).abs() < 1e-9);
        assert!((width("t", "~") - 15.0 * 0.84).abs() < 1e-9, "the last letter of the table");
        assert!(width("t", "weeks") > width("", "weeks") && width("", "weeks") > width("s", "weeks"));
        assert!(width("s", "\u{4e2d}") > width("s", "m") && width("s", "\u{e9}") > width("s", "e"));
    }

    #[test]
    fn text_is_wrapped_and_cut_to_its_room() {
        assert_eq!(wrapped("t", "one two three four five six seven", 88.0, 9).len(), 4);
        assert!(wrapped("t", "", 88.0, 9).is_empty());
        let long = "x".repeat(400);
        for text in [long.as_str(), "a very long title of many words that does not end before the box does"] {
            let lines = wrapped("t", text, 100.0, 2);
            assert!(lines.len() <= 2 && lines.iter().all(|line| width("t", line) <= 100.0), "{lines:?}");
            assert!(lines.last().is_some_and(|line| line.ends_with("...")), "{lines:?}");
        }
        assert_eq!(shortened("s", "never", 60.0), "never");
        assert!(shortened("s", "never ever", 50.0).ends_with("..."));
    }
}
