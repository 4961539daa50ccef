//! The SVG elements of a picture.

use std::fmt::Write as _;

use crate::plot::scale::Scale;

/// The style sheet of a picture in a file of its own. The colours are those of Okabe and Ito (2008), which colour-blind
/// readers can distinguish.
pub const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:currentColor}.t{font-size:15px;font-weight:600}.s{font-size:12px}\
    svg{color:#1b1f24;background:#fff}.g{stroke:currentColor;stroke-opacity:.15}.z{stroke:currentColor;stroke-opacity:.5}\
    .a{stroke:#0072b2;fill:#0072b2}.b{stroke:#d55e00;fill:#d55e00}.w{stroke-width:2}.k{stroke-dasharray:5 4}\
    @media(prefers-color-scheme:dark){svg{color:#e6e9ed;background:#15181c}.a{stroke:#56b4e9;fill:#56b4e9}.b{stroke:#e69f00;fill:#e69f00}}.h{fill:none}";

/// A picture, as the contents of an `svg` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    inside: String,
}

impl Picture {
    /// Creates a picture with its title at the top left, and with the title and a description for tooltips and screen readers.
    /// Returns the y coordinate below the title too.
    pub(super) fn new(width: u32, height: u32, title: &str, parts: impl IntoIterator<Item = String>) -> (Self, f64) {
        let description = parts.into_iter().collect::<Vec<_>>().join("; ");
        let inside = format!("<title>{}</title><desc>{}</desc>", escaped(title), escaped(&description));
        let mut picture = Self { width, height, inside };
        let lines = picture.title(title);
        (picture, 30.0 + 19.0 * lines as f64)
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (format_tenth(x1), format_tenth(y1), format_tenth(x2), format_tenth(y2));
        self.add(format_args!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    /// Adds horizontal lines at the ticks of a scale, with their labels. The line at 0 is stronger.
    pub(super) fn grid(&mut self, scale: &Scale, (left, right): (f64, f64), label: impl Fn(f64) -> String) {
        for tick in scale.ticks(4.0) {
            let y = scale.coordinate(tick);
            self.line(if tick == 0.0 { "z" } else { "g" }, (left, y), (right, y));
            self.text("s", "end", (left - 6.0, y + 4.0), &label(tick));
        }
    }

    /// Adds a vertical line at each of some windows, with a label on the side of the middle.
    pub(super) fn marks(&mut self, across: &Scale, middle: f64, (top, bottom): (f64, f64), marks: &[(u32, String)]) {
        for (window, label) in marks {
            let x = across.coordinate(f64::from(*window));
            self.line("z k", (x, top), (x, bottom));
            let (anchor, x) = if x > middle { ("end", x - 4.0) } else { ("start", x + 4.0) };
            self.text("s", anchor, (x, top + 10.0), label);
        }
    }

    pub(super) fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let (x, y, radius) = (format_tenth(x), format_tenth(y), format_tenth(radius));
        self.add(format_args!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="{radius}"/>"#));
    }

    pub(super) fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (x, y, width, height) = (format_tenth(x), format_tenth(y), format_tenth(width), format_tenth(height));
        self.add(format_args!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#));
    }

    pub(super) fn path(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let points: Vec<String> =
            points.into_iter().map(|(x, y)| format!("{} {}", format_tenth(x), format_tenth(y))).collect();
        self.add(format_args!(r#"<path class="{class} h" d="M{}"/>"#, points.join("L")));
    }

    /// Adds a text. `anchor` is `start`, `middle` or `end`.
    pub(super) fn text(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        let (x, y, text) = (format_tenth(x), format_tenth(y), escaped(text));
        let anchor = if anchor == "start" { String::new() } else { format!(r#" text-anchor="{anchor}""#) };
        self.add(format_args!(r#"<text class="{class}" x="{x}" y="{y}"{anchor}>{text}</text>"#));
    }

    /// Adds a title at the top left, wrapped to the width of the picture. Returns the number of lines.
    fn title(&mut self, title: &str) -> usize {
        let room = f64::from(self.width) - 12.0;
        let width = |text: &str| text.chars().map(width_in_title).sum::<f64>();
        let mut lines = vec![String::new()];
        for word in title.split_whitespace() {
            let last = lines.last().map_or(0.0, |line| width(line));
            if last > 0.0 && last + width_in_title(' ') + width(word) > room {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        for (number, line) in lines.iter().enumerate() {
            self.text("t", "start", (8.0, 20.0 + 19.0 * number as f64), line);
        }
        lines.len()
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.inside.write_fmt(element);
        self.inside.push('\n');
    }

    /// Returns the `svg` element for a page that has its own style sheet.
    pub fn inline(&self) -> String {
        let Self { width, height, inside } = self;
        format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\">\n{inside}</svg>")
    }

    /// Returns the picture as a file of its own, with [`STYLE`].
    pub fn standalone(&self) -> String {
        let Self { width, height, inside } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\">\n<style>{STYLE}</style>\n{inside}</svg>\n"
        )
    }
}

/// Returns the approximate width of a title's letter in a wide font (DejaVu Sans Bold). Other fonts leave more room.
fn width_in_title(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | ' ' | '.' | ',' | ':' | ';' => 5.3,
        't' | 'f' | 'r' | '(' | ')' | '-' => 7.2,
        'm' | 'w' | 'M' | 'W' | '%' => 14.5,
        'A'..='Z' => 11.0,
        _ => 10.0,
    }
}

/// Formats a coordinate to a tenth of a unit. Finer digits are not visible and would differ between machines.
fn format_tenth(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Escapes a text for XML.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML 1.0 does not allow most control characters.
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_input_becomes_markup() {
        let (mut picture, _) = Picture::new(100, 50, "</title><script>alert(1)</script>", ["a \u{1} b".to_owned()]);
        picture.text("s", "end", (1.0, 2.25), "\"x\" & 'y' < z");
        let text = picture.standalone();
        assert!(!text.contains("<script") && !text.contains('\u{1}'), "{text}");
        assert!(text.contains("&quot;x&quot; &amp; &#39;y&#39; &lt; z") && text.contains(r#"x="1" y="2.2""#), "{text}");
        assert_eq!(picture.title("one two three four five six seven"), 4);
        let (mut picture, _) = Picture::new(440, 320, "", []);
        assert_eq!(picture.title("More history hurts: all of it keeps 67% (41 to 92)"), 1);
        assert_eq!(picture.title("The data do not show yet that a model is worse after 16 windows"), 2);
    }
}
