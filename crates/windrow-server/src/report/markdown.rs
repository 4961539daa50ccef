//! The report as Markdown.

use crate::terms::{comparison, how_to_check, plain, subject, terms};
use windrow_evaluation::plot::{AdvicePicture, Table};
use windrow_evaluation::{Advice, Origin};

pub(super) fn text(
    advice: &Advice,
    foot: &str,
    pictures: &[AdvicePicture<'_>],
    tables: &[Table],
    folder: &str,
) -> String {
    let [title, about] = [advice.subject.title(), advice.subject.windows()].map(|text| escape(&text));
    let origin = advice.subject.origin;
    let subject = escape(&plain(subject(origin)));
    let mut text = format!("# {title}\n\n{about}\n\n{subject} [Terms](#terms) are explained at the end.\n\n");
    for (number, sentence) in advice.recommendation.sentences.iter().enumerate() {
        let sentence = escape(sentence);
        text.push_str(&if number == 0 { format!("**{sentence}**\n") } else { format!("{sentence}\n") });
    }
    // The pictures are files in the folder next to the text.
    for AdvicePicture { name, title, .. } in pictures {
        text.push_str(&format!("\n![{}]({folder}/{name}.svg)\n", escape(title)));
    }
    text.push_str(&format!("\n## Evidence\n\n{}\n", escape(&plain(comparison(origin)))));
    for table in tables {
        text.push_str(&rendered(table));
    }
    if origin != Origin::Pipeline {
        let facts: Vec<String> = advice.subject.facts.iter().map(|sentence| escape(sentence)).collect();
        text.push_str(&format!("\n## The table\n\n{}\n", facts.join("\n")));
        text.push_str(&format!("\n## How to check it\n\n{}\n", escape(how_to_check(origin))));
    }
    text.push_str("\n## Terms\n\n");
    for term in terms(origin) {
        text.push_str(&format!("- **{}**: {}\n", escape(term.name), escape(term.definition)));
    }
    text.push_str(&format!("\n{}\n", foot));
    text
}

fn rendered(table: &Table) -> String {
    let mut text = format!("\n### {}\n\n", escape(&table.heading));
    if !table.note.is_empty() {
        text.push_str(&format!("{}\n\n", escape(&table.note)));
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    text.push_str(&line(&table.header.iter().map(|name| escape(name)).collect::<Vec<_>>()));
    text.push_str(&format!("|{}\n", "---|".repeat(table.header.len())));
    for row in &table.rows {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| escape(cell)).collect();
        if let Some(name) = cells.first_mut().filter(|_| row.is_named) {
            *name = format!("**{name}**");
        }
        text.push_str(&line(&cells));
    }
    text
}

/// Escapes text, so that Markdown shows it unchanged.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markdown_and_html_in_values_are_escaped() {
        assert_eq!(
            escape("a|b <script> *x* [y](z) `q` tip_share\n# h"),
            "a\\|b &lt;script&gt; \\*x\\* \\[y\\](z) \\`q\\` tip\\_share \\# h"
        );
    }
}
