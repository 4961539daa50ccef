//! The report in at most fifteen lines of Markdown, for a pull request or a ticket.

use crate::report::content::Report;
use crate::report::facts::{facts, main_policies};
use crate::report::markdown::escape;
use windrow_evaluation::{Advice, Interval, PolicyFinding};

/// Facts that the summary leaves out, because the whole report has them.
const LEFT_OUT: [&str; 2] = ["Features", "With"];

pub(super) fn text(report: &Report, foot: &str) -> String {
    let advice = &*report.advice;
    let sentences = &advice.recommendation.sentences;
    let answer = sentences.first().map_or("", String::as_str);
    let mut text = format!("### {}\n\n**{}**", escape(&advice.subject.title()), escape(answer));
    let rest = sentences.get(1..).unwrap_or_default();
    for sentence in rest.first().into_iter().chain(rest.last().filter(|_| rest.len() > 1)) {
        text.push_str(&format!(" {}", escape(sentence)));
    }
    text.push_str("\n\n");
    let policies = main_policies(advice);
    if !policies.is_empty() {
        let fits = if advice.subject.days.is_some() { "refits a year" } else { "refits in 100 windows" };
        text.push_str(&format!("| history, refit | keeps | 95% | log-loss | {fits} | verdict |\n"));
        text.push_str("|---|--:|---|--:|--:|---|\n");
        for found in policies {
            text.push_str(&line(advice, found));
        }
        text.push('\n');
    }
    let facts = facts(report);
    let facts = facts.iter().filter(|fact| !LEFT_OUT.contains(&fact.name));
    let facts: Vec<String> = facts.map(|fact| format!("{}: {}.", fact.name, escape(&fact.text))).collect();
    text.push_str(&format!("{}\n\n{foot}\n", facts.join(" ")));
    text
}

fn line(advice: &Advice, found: &PolicyFinding) -> String {
    let name = escape(&found.policy.name(advice.subject.window_unit));
    let name = if advice.is_named(found) { format!("**{name}**") } else { name };
    let verdict = if advice.comparison.is_best(found) { "best".to_owned() } else { found.verdict_in_words() };
    format!(
        "| {name} | {} | {} | {:.4} | {:.1} | {} |\n",
        found.kept.in_words(),
        advice.interval_shown(found).map_or_else(String::new, Interval::percent),
        found.errors.log_loss,
        found.effort.fits(),
        escape(&verdict),
    )
}
