//! The SVG elements of a picture.

use std::fmt::Write as _;

use crate::plot::legend::{SAMPLE, legend_places, text_place};
use crate::plot::letters::{shortened, wrapped};
use crate::plot::scale::{Scale, TICKS};

/// The maximum number of lines of a title, and of a note below a picture.
const MAX_LINES: usize = 3;
/// The distance between the lines of a title, and of small text.
const TITLE_LINE: f64 = 19.0;
pub(super) const SMALL_LINE: f64 = 16.0;

/// The style sheet of a picture in a file of its own. The colours are those of Okabe and Ito (2008), which colour-blind
/// readers can distinguish.
pub const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:currentColor}.t{font-size:15px;font-weight:600}.s{font-size:12px}\
    svg{color:#1b1f24;background:#fff}.g{stroke:currentColor;stroke-opacity:.15}.z{stroke:currentColor;stroke-opacity:.5}\
    .a{stroke:#0072b2;fill:#0072b2}.b{stroke:#d55e00;fill:#d55e00}.w{stroke-width:2}.k{stroke-dasharray:5 4}\
    .c{stroke:#007a59;fill:#007a59}.d{stroke:#a8457f;fill:#a8457f}.e{stroke:#8a6d00;fill:#8a6d00}.i{stroke:currentColor;fill:currentColor}\
    .r{stroke-dasharray:2 3}.u{stroke-dasharray:11 4}.v{stroke-dasharray:9 3 2 3}.y{stroke-dasharray:9 3 2 3 2 3}\
    @media(prefers-color-scheme:dark){svg{color:#e6e9ed;background:#15181c}.a{stroke:#56b4e9;fill:#56b4e9}.b{stroke:#e69f00;fill:#e69f00}\
    .c{stroke:#2fc79a;fill:#2fc79a}.d{stroke:#e89bc6;fill:#e89bc6}.e{stroke:#f0e442;fill:#f0e442}}.h{fill:none}\
    .f{fill-opacity:.18;stroke:none}.n{fill:currentColor;fill-opacity:.4;stroke:none}.m{fill:currentColor;fill-opacity:.08}.o{fill:transparent}";

/// A picture, as the contents of an `svg` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    inside: String,
    marks: Vec<Mark>,
}

/// A part of a picture that says its values, and leads to the page of what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    rectangle: String,
    text: String,
    address: String,
    /// The texts that the mark of a live picture shows in the place of the newest ones.
    shown: Vec<String>,
}

impl Picture {
    /// Creates a picture with its title at the top left, and with the title and a description for tooltips and screen readers.
    /// Returns the y coordinate below the title too. A title of more than three lines is cut.
    pub(super) fn new(width: u32, height: u32, title: &str, parts: impl IntoIterator<Item = String>) -> (Self, f64) {
        let description = parts.into_iter().collect::<Vec<_>>().join("; ");
        let inside = format!("<title>{}</title><desc>{}</desc>", escaped(title), escaped(&description));
        let mut picture = Self { width, height, inside, marks: Vec::new() };
        let lines = picture.title(title);
        (picture, 30.0 + TITLE_LINE * lines as f64)
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (format_tenth(x1), format_tenth(y1), format_tenth(x2), format_tenth(y2));
        self.add(format_args!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    /// Adds horizontal lines at the ticks of a scale, with their labels. The line at 0 is stronger.
    pub(super) fn grid(&mut self, scale: &Scale, (left, right): (f64, f64), label: impl Fn(f64) -> String) {
        for tick in scale.ticks(TICKS) {
            let y = scale.coordinate(tick);
            self.line(if tick == 0.0 { "z" } else { "g" }, (left, y), (right, y));
            self.text("s", "end", (left - 6.0, y + 4.0), &label(tick));
        }
    }

    /// Adds lines at 0 and at the largest value of a small plot, with their labels.
    pub(super) fn label_ends(&mut self, scale: &Scale, (left, right): (f64, f64), most: f64, label: &str) {
        self.line("z", (left, scale.coordinate(0.0)), (right, scale.coordinate(0.0)));
        self.line("g", (left, scale.coordinate(most)), (right, scale.coordinate(most)));
        self.text("s", "end", (left - 6.0, scale.coordinate(0.0) + 4.0), "0");
        self.text("s", "end", (left - 6.0, scale.coordinate(most) + 4.0), label);
    }

    /// Adds a vertical line at each of some coordinates, with a label on the side of the middle.
    pub(super) fn marks<'m>(
        &mut self,
        middle: f64,
        (top, bottom): (f64, f64),
        marks: impl IntoIterator<Item = (f64, &'m str)>,
    ) {
        for (x, label) in marks {
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

    /// Adds a closed area without an edge.
    pub(super) fn area(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let points: Vec<String> =
            points.into_iter().map(|(x, y)| format!("{} {}", format_tenth(x), format_tenth(y))).collect();
        self.add(format_args!(r#"<path class="{class}" d="M{}Z"/>"#, points.join("L")));
    }

    /// Adds an arrow at the end of a line, which says that the line goes on. Its tip is at the given point.
    pub(super) fn arrow(&mut self, class: &str, (x, y): (f64, f64), is_up: bool) {
        let foot = if is_up { y + 7.0 } else { y - 7.0 };
        self.area(class, [(x, y), (x - 5.0, foot), (x + 5.0, foot)]);
    }

    /// Adds a text. `anchor` is `start`, `middle` or `end`. A text that would leave the picture is cut.
    pub(super) fn text(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        let full = f64::from(self.width);
        let room = match anchor {
            "start" => full - x,
            "end" => x,
            _ => 2.0 * x.min(full - x),
        };
        let (x, y, text) = (format_tenth(x), format_tenth(y), escaped(&shortened(class, text, room - 2.0)));
        let anchor = if anchor == "start" { String::new() } else { format!(r#" text-anchor="{anchor}""#) };
        self.add(format_args!(r#"<text class="{class}" x="{x}" y="{y}"{anchor}>{text}</text>"#));
    }

    /// Adds a note at the bottom, wrapped to the width of the picture. Returns the y coordinate above it.
    pub(super) fn note(&mut self, note: &str) -> f64 {
        let lines = wrapped("s", note, f64::from(self.width) - 16.0, MAX_LINES);
        let first = f64::from(self.height) - 5.0 - SMALL_LINE * lines.len().saturating_sub(1) as f64;
        for (number, line) in lines.iter().enumerate() {
            self.text("s", "start", (8.0, first + SMALL_LINE * number as f64), line);
        }
        first - SMALL_LINE
    }

    /// Adds the samples and names of lines, next to each other if they have room from `left` to the right edge. `y` is
    /// the base of the first line of text. Returns that of the last one.
    pub(super) fn legend(&mut self, entries: &[(&str, &str)], from: (f64, f64)) -> f64 {
        self.legend_with_room(entries, from, 0.0)
    }

    /// Adds a legend whose texts have at least this much room each, so that a text that changes moves no other one.
    pub(super) fn legend_with_room(&mut self, entries: &[(&str, &str)], (left, y): (f64, f64), room: f64) -> f64 {
        let mut last = y;
        for ((class, name), (x, line)) in entries.iter().zip(legend_places(self.width, entries, left, room)) {
            last = y + SMALL_LINE * line as f64;
            self.line(class, (x, last - 4.0), (x + SAMPLE, last - 4.0));
            self.text("s", "start", (text_place(x), last), name);
        }
        last
    }

    /// Begins a part that can be hidden: the line with this number. [`Self::end`] ends it.
    pub(super) fn begin(&mut self, line: usize) {
        self.add(format_args!(r#"<g class="l{line}">"#));
    }

    /// Begins the texts that change with the mark, in a live picture. [`Self::end`] ends them.
    pub(super) fn begin_shown(&mut self) {
        self.add(format_args!(r#"<g class="shown">"#));
    }

    pub(super) fn end(&mut self) {
        self.add(format_args!("</g>"));
    }

    /// Adds a transparent rectangle that says its values, and leads to an address.
    pub(super) fn mark(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        text: String,
        address: impl Into<String>,
    ) {
        let (x, y, width, height) = (format_tenth(x), format_tenth(y), format_tenth(width), format_tenth(height));
        let rectangle = format!(r#"<rect class="o" x="{x}" y="{y}" width="{width}" height="{height}">"#);
        self.marks.push(Mark { rectangle, text, address: address.into(), shown: Vec::new() });
    }

    /// Adds a mark of a live picture, with a text for each of those after [`Self::begin_shown`].
    pub(super) fn live_mark(&mut self, position: (f64, f64), size: (f64, f64), text: String, shown: Vec<String>) {
        self.mark(position, size, text, String::new());
        if let Some(mark) = self.marks.last_mut() {
            mark.shown = shown;
        }
    }

    /// Adds a title at the top left, wrapped to the width of the picture. Returns the number of lines.
    fn title(&mut self, title: &str) -> usize {
        let lines = wrapped("t", title, f64::from(self.width) - 16.0, MAX_LINES);
        for (number, line) in lines.iter().enumerate() {
            self.text("t", "start", (8.0, 20.0 + TITLE_LINE * number as f64), line);
        }
        lines.len().max(1)
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.inside.write_fmt(element);
        self.inside.push('\n');
    }

    /// Returns the `svg` element for a page that has its own style sheet.
    pub fn inline(&self) -> String {
        let Self { width, height, inside, .. } = self;
        format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\">\n{inside}{}</svg>", self.tooltips())
    }

    /// Returns the `svg` element for a page of the server: its marks lead to other pages. The keyboard reaches the first
    /// mark, and a script moves on from it.
    pub fn linked(&self) -> String {
        let Self { width, height, inside, marks } = self;
        let mut text = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"group\">\n{inside}");
        for (number, Mark { rectangle, text: said, address, .. }) in marks.iter().enumerate() {
            let (said, address) = (escaped(said), escaped(address));
            let index = if number == 0 { "" } else { " tabindex=\"-1\"" };
            text.push_str(&format!(
                "<a href=\"{address}\" aria-label=\"{said}\"{index}>{rectangle}<title>{said}</title></rect></a>\n"
            ));
        }
        text + "</svg>"
    }

    /// Returns the `svg` element for a page that draws the picture again and again. A script shows the texts of the mark
    /// under the pointer or with the focus. The keyboard reaches the last mark, which has the newest texts.
    ///
    /// The marks come first, so that they stay the same elements although the number of the others changes.
    pub fn live(&self) -> String {
        let Self { width, height, inside, marks } = self;
        let mut text = format!("<svg class=\"live\" viewBox=\"0 0 {width} {height}\" role=\"group\"><g>");
        for (number, Mark { rectangle, text: said, shown, .. }) in marks.iter().enumerate() {
            let index = if number + 1 == marks.len() { 0 } else { -1 };
            let shown: Vec<String> = shown.iter().map(|text| escaped(text)).collect();
            // Without a title of its own, a mark would have the picture's title as its tooltip.
            text.push_str(&format!(
                "<g class=\"point\" role=\"img\" tabindex=\"{index}\" aria-label=\"{}\" data-shown=\"{}\"><title></title>\
                 {rectangle}</rect></g>",
                escaped(said),
                shown.join("&#10;")
            ));
        }
        format!("{text}</g>\n{inside}</svg>")
    }

    /// Returns the picture as a file of its own, with [`STYLE`].
    pub fn standalone(&self) -> String {
        let Self { width, height, inside, .. } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\">\n<style>{STYLE}</style>\n{inside}{}</svg>\n",
            self.tooltips()
        )
    }

    /// Returns the marks without their links.
    fn tooltips(&self) -> String {
        let mark = |mark: &Mark| format!("{}<title>{}</title></rect>\n", mark.rectangle, escaped(&mark.text));
        self.marks.iter().map(mark).collect()
    }

    /// Returns the texts that are outside the picture, by the widths of their letters.
    #[cfg(test)]
    pub(super) fn texts_outside(&self) -> Vec<String> {
        let attribute = |tag: &str, name: &str| -> Option<String> {
            let rest = tag.split_once(&format!(" {name}=\""))?.1;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let is_outside = |tag: &str, text: &str| {
            let number = |name: &str| attribute(tag, name).and_then(|text| text.parse::<f64>().ok()).unwrap_or(-1.0);
            let class = attribute(tag, "class").unwrap_or_default();
            let (x, y, long) = (number("x"), number("y"), crate::plot::letters::width(&class, text));
            let left = match attribute(tag, "text-anchor").as_deref() {
                Some("end") => x - long,
                Some("middle") => x - long / 2.0,
                _ => x,
            };
            left < 0.0 || left + long > f64::from(self.width) || y < 10.0 || y > f64::from(self.height) - 3.0
        };
        let texts = self.inside.split("<text").skip(1).filter_map(|rest| rest.split_once("</text>")?.0.split_once('>'));
        texts.filter(|found| is_outside(found.0, found.1)).map(|(tag, text)| format!("{tag}>{text}")).collect()
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
        picture.text("s", "end", (95.0, 2.25), "\"x\" & 'y' < z");
        let text = picture.standalone();
        assert!(!text.contains("<script") && !text.contains('\u{1}'), "{text}");
        assert!(
            text.contains("&quot;x&quot; &amp; &#39;y&#39; &lt; z") && text.contains(r#"x="95" y="2.2""#),
            "{text}"
        );
        assert_eq!(picture.title("one two three four five"), 3);
        let (mut picture, _) = Picture::new(440, 320, "", []);
        assert_eq!(picture.title("More history hurts: all of it keeps 67%"), 1);
        assert_eq!(picture.title("The data do not show yet that a model is worse after 16 windows"), 2);
    }

    #[test]
    fn no_text_leaves_the_picture() {
        let long = "a name that is much too long for a picture of this width ".repeat(9);
        let (mut picture, _) = Picture::new(200, 200, &long, []);
        picture.text("s", "end", (90.0, 50.0), &long);
        picture.text("s", "middle", (150.0, 60.0), &long);
        let above = picture.note(&long);
        let last = picture.legend(&[("a w", "one"), ("b w", "two"), ("z w", &long)], (8.0, 80.0));
        assert_eq!((above, last), (147.0, 96.0), "three lines, and two");
        assert_eq!(picture.texts_outside(), Vec::<String>::new());
        picture.inside.push_str("<text class=\"s\" x=\"190\" y=\"20\">outside</text>");
        assert_eq!(picture.texts_outside().len(), 1);
    }

    #[test]
    fn a_mark_is_a_link_in_a_page_and_a_tooltip_elsewhere() {
        let (mut picture, _) = Picture::new(200, 100, "t", []);
        for window in [1, 2] {
            picture.mark((8.0, 8.0), (20.0, 20.0), format!("window {window} <b>"), format!("/windows/{window}"));
        }
        let page = picture.linked();
        assert!(page.contains("<a href=\"/windows/1\" aria-label=\"window 1 &lt;b&gt;\"><rect"), "{page}");
        assert_eq!(page.matches(" tabindex=\"-1\"").count(), 1, "the keyboard reaches the first one");
        for text in [picture.inline(), picture.standalone()] {
            assert!(text.contains("<title>window 2 &lt;b&gt;</title>") && !text.contains("<a "), "{text}");
        }
    }

    #[test]
    fn a_live_mark_has_its_texts_and_no_link() {
        let (mut picture, _) = Picture::new(200, 100, "t", []);
        for seconds in [1, 0] {
            let shown = vec![format!("{seconds} s ago"), "a \"b\"\nc: 2".to_owned()];
            picture.live_mark((8.0, 8.0), (20.0, 20.0), format!("{seconds} s ago: <b>"), shown);
        }
        let page = picture.live();
        assert!(
            page.starts_with("<svg class=\"live\" viewBox=\"0 0 200 100\" role=\"group\"><g><g class=\"point\""),
            "{page}"
        );
        assert!(
            page.contains("aria-label=\"1 s ago: &lt;b&gt;\" data-shown=\"1 s ago&#10;a &quot;b&quot; c: 2\""),
            "{page}"
        );
        let (first, last) = (page.find("tabindex=\"-1\""), page.find("tabindex=\"0\""));
        assert!(first.is_some() && first < last, "the keyboard reaches the newest one: {page}");
        assert!(!page.contains("<a ") && page.matches("<title></title>").count() == 2, "{page}");
    }
}
