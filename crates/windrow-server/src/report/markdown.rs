//! The report as Markdown.

use crate::terms::{COMPARISON, SUBJECT, TERMS, plain};
use windrow_evaluation::Advice;
use windrow_evaluation::plot::{Answer, Table};

/// The names of the pictures' files, in the folder next to the text.
pub(super) const PICTURES: [&str; 3] = ["how-often", "how-much", "over-time"];

pub(super) fn text(advice: &Advice, foot: &str, answer: Option<&Answer>, tables: &[Table], folder: &str) -> String {
    let [title, about] = [advice.subject.title(), advice.subject.windows()].map(|text| safe(&text));
    let subject = safe(&plain(&SUBJECT));
    let mut text = format!("# {title}\n\n{about}\n\n{subject} [Terms](#terms) are explained at the end.\n\n");
    for (number, sentence) in advice.recommendation.sentences.iter().enumerate() {
        let sentence = safe(sentence);
        text.push_str(&if number == 0 { format!("**{sentence}**\n") } else { format!("{sentence}\n") });
    }
    for (name, title) in PICTURES.iter().zip(answer.iter().flat_map(|answer| answer.titles())) {
        text.push_str(&format!("\n![{}]({folder}/{name}.svg)\n", safe(title)));
    }
    text.push_str(&format!("\n## Evidence\n\n{}\n", safe(&plain(&COMPARISON))));
    for table in tables {
        text.push_str(&rendered(table));
    }
    text.push_str("\n## Terms\n\n");
    for term in TERMS {
        text.push_str(&format!("- **{}**: {}\n", safe(term.name), safe(term.definition)));
    }
    text.push_str(&format!("\n{}\n", foot));
    text
}

fn rendered(table: &Table) -> String {
    let mut text = format!("\n### {}\n\n", safe(&table.heading));
    if !table.note.is_empty() {
        text.push_str(&format!("{}\n\n", safe(&table.note)));
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    text.push_str(&line(&table.header.iter().map(|name| safe(name)).collect::<Vec<_>>()));
    text.push_str(&format!("|{}\n", "---|".repeat(table.header.len())));
    for row in &table.rows {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| safe(cell)).collect();
        if let Some(name) = cells.first_mut().filter(|_| row.is_named) {
            *name = format!("**{name}**");
        }
        text.push_str(&line(&cells));
    }
    text
}

/// Escapes text, so that Markdown shows it unchanged.
fn safe(text: &str) -> String {
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
    use super::safe;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            safe("a|b <script> *x* [y](z) `q` tip_share\n# h"),
            "a\\|b &lt;script&gt; \\*x\\* \\[y\\](z) \\`q\\` tip\\_share \\# h"
        );
    }
}
