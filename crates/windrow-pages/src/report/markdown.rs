//! The report as Markdown.

use crate::cell_number::columns_of_numbers;
use crate::report::content::Report;
use crate::report::facts::{checks, facts, question};
use crate::terms::{comparison, plain, subject, terms};
use windrow_evaluation::Origin;
use windrow_evaluation::plot::{AdvicePicture, Table};

pub(super) fn text(
    report: &Report,
    foot: &str,
    pictures: &[AdvicePicture<'_>],
    tables: &[Table],
    folder: &str,
) -> String {
    let advice = &*report.advice;
    let origin = advice.subject.origin;
    let [title, question] = [advice.subject.title(), question(advice)].map(|text| escape(&text));
    let subject = escape(&plain(subject(origin)));
    let mut text = format!("# {title}\n\n{question}\n\n{subject} [Terms](#terms) are explained at the end.\n\n");
    for (number, sentence) in advice.recommendation.sentences.iter().enumerate() {
        let sentence = escape(sentence);
        text.push_str(&if number == 0 { format!("**{sentence}**\n") } else { format!("{sentence}\n") });
    }
    text.push('\n');
    for fact in facts(report) {
        text.push_str(&format!("- **{}**: {}\n", fact.name, escape(&fact.text)));
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
    }
    text.push_str("\n## How to check it\n\n");
    for check in checks(advice) {
        text.push_str(&format!("1. {check}\n"));
    }
    text.push_str("\n## Terms\n\n");
    for term in terms(origin) {
        text.push_str(&format!("- **{}**: {}\n", escape(term.name), escape(term.definition(origin))));
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
    let texts = table.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect());
    let numbers = columns_of_numbers(table.header.len(), texts);
    let rule: String = numbers.into_iter().map(|is_number| if is_number { "--:|" } else { "---|" }).collect();
    text.push_str(&format!("|{rule}\n"));
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
pub(super) fn escape(text: &str) -> String {
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
