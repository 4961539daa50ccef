//! The report as Markdown.

use crate::evaluation::{Advice, PolicyFinding};
use crate::plot::{Answer, Course, Shares};
use crate::report::Report;

/// Rows of the last picture's table: about so many windows are told.
const WINDOWS_TOLD: usize = 12;

pub(super) fn text(report: &Report, answer: Option<&Answer>, folder: &str) -> String {
    let advice = &*report.advice;
    let subject = &advice.subject;
    let span = subject.span.as_ref().map_or_else(String::new, |span| format!(", {span}"));
    let mut text = format!("# {}\n\n", safe(&format!("{}: {}", subject.pipeline, subject.question)));
    text.push_str(&format!("{} {}{}\n\n", subject.windows, safe(&subject.unit), safe(&span)));
    for (number, sentence) in advice.sentences.iter().enumerate() {
        let sentence = safe(sentence);
        text.push_str(&if number == 0 { format!("**{sentence}**\n") } else { format!("{sentence}\n") });
    }
    if let Some(answer) = answer {
        for (name, title) in [
            ("how-often", &answer.how_often.title),
            ("how-much", &answer.how_much.title),
            ("over-time", &answer.over_time.title),
        ] {
            text.push_str(&format!("\n![{}]({folder}/{name}.svg)\n", safe(title)));
        }
        text.push_str("\n## What the pictures rest on\n");
        shares("How often", &answer.how_often, &mut text);
        shares("How much history", &answer.how_much, &mut text);
        course(&answer.over_time, &mut text);
    }
    policies(advice, &mut text);
    let dataset = report.dataset.as_deref().unwrap_or("unknown");
    text.push_str(&format!(
        "\nwindrow {}; sha256 of the advice {}, of the dataset {dataset}\n",
        env!("CARGO_PKG_VERSION"),
        report.digest()
    ));
    text
}

fn shares(title: &str, shares: &Shares, text: &mut String) {
    text.push_str(&format!(
        "\n### {title}: {}\n\n| {} | keeps | 95% |\n|---|---|---|\n",
        safe(&shares.title),
        safe(&shares.across)
    ));
    for point in &shares.points {
        let interval =
            point.interval.map_or_else(String::new, |(low, high)| format!("{} to {}", whole(low), whole(high)));
        let name = if point.is_named { format!("**{}**", safe(&point.label)) } else { safe(&point.label) };
        text.push_str(&format!("| {name} | {}% | {interval} |\n", whole(point.share)));
    }
}

fn course(course: &Course, text: &mut String) {
    text.push_str(&format!("\n### Over time: {}\n\n| window |", safe(&course.title)));
    for line in &course.lines {
        text.push_str(&format!(" {} |", safe(&line.name)));
    }
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(course.lines.len())));
    let step = course.windows.len().div_ceil(WINDOWS_TOLD).max(1);
    for (place, window) in course.windows.iter().enumerate() {
        if place % step != step - 1 && place + 1 != course.windows.len() {
            continue;
        }
        text.push_str(&format!("| {window} |"));
        for line in &course.lines {
            text.push_str(&format!(" {:.0} |", line.sums.get(place).copied().unwrap_or_default() + 0.0));
        }
        text.push('\n');
    }
}

/// Every policy, the one of the lowest log-loss first.
fn policies(advice: &Advice, text: &mut String) {
    let Some(judged) = &advice.judged else { return };
    let yearly = advice.subject.days.is_some();
    text.push_str(&format!(
        "\n## All policies\n\nOn windows {} to {}, {} rows. 100% is the gain in log-loss over the share of positives so far ({:.4} to {:.4}).\n\n",
        judged.first, judged.last, judged.rows, judged.share_log_loss, judged.best_log_loss
    ));
    let fits = if yearly { "fits a year" } else { "fits in 100 windows" };
    text.push_str(&format!(
        "| history, refit | keeps | 95% | log-loss | {fits} | verdict |\n|---|---|---|---|---|---|\n"
    ));
    for found in advice.policies.iter().chain(&advice.further) {
        text.push_str(&line(advice, found));
    }
}

fn line(advice: &Advice, found: &PolicyFinding) -> String {
    let named = advice.named.as_ref().map(|named| named.policy);
    let is_named = named.is_some_and(|named| found.policy == named || found.same.contains(&named));
    let is_best = advice.best() == Some(found);
    let name = safe(&found.policy.to_string());
    let name = if is_named { format!("**{name}**") } else { name };
    let keeps = found.keeps.map_or_else(|| "-".to_owned(), |keeps| format!("{}%", whole(keeps)));
    let interval = found.keeps_interval.filter(|_| !is_best);
    let interval =
        interval.map_or_else(String::new, |interval| format!("{} to {}", whole(interval.low), whole(interval.high)));
    let fits = found.fits_per_year.unwrap_or(100.0 * found.fits_per_window);
    let verdict = if is_best { "best" } else { found.verdict.name() };
    format!("| {name} | {keeps} | {interval} | {:.4} | {fits:.1} | {verdict} |\n", found.log_loss)
}

/// A share in whole per cent; never minus zero.
fn whole(share: f64) -> String {
    format!("{:.0}", (100.0 * share).round() + 0.0)
}

/// Text that Markdown takes for nothing but text.
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
