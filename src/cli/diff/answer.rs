//! The section of the advice.

use std::path::PathBuf;

use crate::app::{Answer, AnswerDiff, AppError, Pair, PolicyInBoth};
use crate::cli::diff::section::{Section, listed};
use windrow_config::Costs;
use windrow_evaluation::{Action, PolicyVerdict, Status};
use windrow_record::display::{counted, percent};

/// The number of policies with another verdict that are listed without `--all`.
const MAX_POLICIES: usize = 10;
/// The most decimals of a share in per cent. Shares that are equal to this many decimals look the same.
const MAX_DECIMALS: u8 = 4;

/// Returns the section of the advice.
pub(super) fn section(diff: &AnswerDiff, workdirs: &Pair<PathBuf>, all: bool) -> Section {
    let mut section = Section::new("advice");
    for (answer, workdir) in [(&diff.answers.a, &workdirs.a), (&diff.answers.b, &workdirs.b)] {
        if answer.is_none() {
            let sentence = format!("{}.", AppError::NoAdvice { workdir: workdir.clone() });
            if diff.is_same { section.note_of_equal(sentence) } else { section.note(sentence) }
        }
    }
    let Some((a, b)) = diff.answers.both() else { return section };
    recommendation(&mut section, &Pair { a, b });
    policies(&mut section, diff, all);
    if section.is_same() && !diff.is_same {
        section.note("Other numbers of the advice differ: compare the files advice.json.".to_owned());
    }
    section
}

/// Adds what is recommended, and on which conditions.
fn recommendation(section: &mut Section, answers: &Pair<&Answer>) {
    let named = |answer: &&Answer| {
        let provisional = if answer.is_provisional { " (provisional)" } else { "" };
        answer.named.as_ref().map(|named| format!("{named}{provisional}"))
    };
    let none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    section.row_if_other("policy", &answers.map(named), none);
    let costs = |cost: &Option<Costs>| cost.map_or_else(|| "none".to_owned(), cost_in_words);
    section.row_if_other("evidence", &answers.map(|answer| answer.grade), |grade| grade_name(*grade).to_owned());
    section.row_if_other("action", &answers.map(|answer| answer.action), |action| action_name(*action).to_owned());
    section.row_if_other("label delay", &answers.map(|answer| delay_in_words(answer)), String::clone);
    section.row_if_other("costs", &answers.map(|answer| answer.cost), costs);
    let [a, b] = shares(Some(answers.a.keep), Some(answers.b.keep));
    section.row_if_other("good enough from", &Pair { a, b }, String::clone);
    section.row_if_other("windows judged", &answers.map(|answer| answer.judged), |judged| {
        judged.map_or_else(|| "none".to_owned(), |(first, last)| format!("{first} to {last}"))
    });
    let sentences = answers.map(|answer| answer.sentence.as_deref());
    if sentences.differs() {
        for (name, sentence) in [("A", sentences.a), ("B", sentences.b)] {
            section.note(format!("{name}: {}", sentence.unwrap_or("no sentence")));
        }
    }
}

/// Adds the shares of the policies that either of them names, and the policies with another verdict.
fn policies(section: &mut Section, diff: &AnswerDiff, all: bool) {
    for PolicyInBoth { policy, kept, at_least, .. } in &diff.named {
        if !kept.differs() && !at_least.differs() {
            continue;
        }
        let (kept, at_least) = (shares(kept.a, kept.b), shares(at_least.a, at_least.b));
        let text = |share: &str, bound: &str| {
            if bound == "-" { share.to_owned() } else { format!("{share}, at least {bound}") }
        };
        let cells = [text(&kept[0], &at_least[0]), text(&kept[1], &at_least[1])];
        if cells[0] != cells[1] {
            section.row(format!("keeps: {policy}"), cells);
        }
    }
    let shown = if all { diff.other_verdict.len() } else { MAX_POLICIES };
    for PolicyInBoth { policy, verdict, .. } in diff.other_verdict.iter().take(shown) {
        let name = |verdict: Option<PolicyVerdict>| verdict.map_or("-", PolicyVerdict::name).to_owned();
        section.row(format!("verdict: {policy}"), [name(verdict.a), name(verdict.b)]);
    }
    let more = diff.other_verdict.len().saturating_sub(shown);
    if more > 0 {
        let more = counted(more as u64, "more policy has another verdict", "more policies have another verdict");
        section.note(format!("{more}: --all."));
    }
    for (name, only) in [("A", &diff.only.a), ("B", &diff.only.b)] {
        if !only.is_empty() {
            let count = counted(only.len() as u64, "policy", "policies");
            section.note(format!("Only {name} judges {count}: {}.", listed(only, all)));
        }
    }
}

/// Formats two shares with the fewest decimals that show their difference.
fn shares(a: Option<f64>, b: Option<f64>) -> [String; 2] {
    let texts =
        |decimals: u8| [a, b].map(|share| share.map_or_else(|| "-".to_owned(), |share| percent(share, decimals)));
    let is_telling = |decimals: &u8| {
        let [a, b] = texts(*decimals);
        a != b
    };
    texts((0..=MAX_DECIMALS).find(is_telling).unwrap_or(0))
}

fn grade_name(grade: Status) -> &'static str {
    match grade {
        Status::Clear => "clear",
        Status::Partly => "partly clear",
        Status::TooFew => "too few windows",
    }
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Hold => "hold",
        Action::Change => "change the policy",
        Action::RefitNow => "refit now",
    }
}

fn delay_in_words(answer: &Answer) -> String {
    let windows = counted(u64::from(answer.label_delay), "window", "windows");
    answer.label_delay_text.as_ref().map_or_else(|| windows.clone(), |text| format!("{text} ({windows})"))
}

fn cost_in_words(Costs { false_alarm, miss, refit }: Costs) -> String {
    format!("refit={refit}, miss={miss}, false_alarm={false_alarm}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(named: &str) -> Answer {
        Answer {
            sentence: Some(format!("Refit {named}.")),
            named: Some(named.to_owned()),
            is_provisional: false,
            kept: Some(0.98),
            at_least: Some(0.95),
            grade: Status::Clear,
            action: Action::Hold,
            keep: 0.9,
            label_delay: 0,
            label_delay_text: None,
            cost: None,
            judged: Some((5, 20)),
        }
    }

    fn of(a: Option<Answer>, b: Option<Answer>) -> AnswerDiff {
        AnswerDiff { is_same: a == b, answers: Pair { a, b }, ..AnswerDiff::default() }
    }

    /// Returns the section of the directories `one` and `two`, with single spaces.
    fn text(diff: &AnswerDiff, all: bool) -> String {
        let workdirs = Pair { a: PathBuf::from("one"), b: PathBuf::from("two") };
        let text = section(diff, &workdirs, all).text();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_recommended_is_printed_for_both() {
        let named = PolicyInBoth {
            policy: "all, every week".to_owned(),
            verdict: Pair { a: Some(PolicyVerdict::GoodEnough), b: Some(PolicyVerdict::CannotTell) },
            kept: Pair { a: Some(0.984), b: Some(0.981) },
            at_least: Pair { a: Some(0.95), b: None },
        };
        let second = Answer { grade: Status::Partly, label_delay: 2, ..answer("all, every 2nd week") };
        let mut diff = of(Some(answer("all, every week")), Some(second));
        (diff.named, diff.other_verdict) = (vec![named.clone()], vec![named; MAX_POLICIES + 1]);
        let found = text(&diff, false);
        for expected in [
            "policy all, every week all, every 2nd week",
            "evidence clear partly clear",
            "label delay 0 windows 2 windows",
            "keeps: all, every week 98.4%, at least 95% 98.1%",
            "verdict: all, every week good enough cannot tell",
            "A: Refit all, every week.",
            "B: Refit all, every 2nd week.",
            "1 more policy has another verdict: --all.",
        ] {
            assert!(found.contains(expected), "{expected}: {found}");
        }
        assert!(!found.contains("costs") && !found.contains("windows judged"), "{found}");
        assert!(!text(&diff, true).contains("--all"));
    }

    #[test]
    fn a_directory_without_advice_gets_a_sentence() {
        let found = text(&of(Some(answer("x")), None), false);
        assert!(found.starts_with("advice: there is no advice in two yet: compute it with `windrow run`"), "{found}");
        let found = text(&of(None, None), false);
        assert!(found.starts_with("advice: the same there is no advice in one yet"), "{found}");
    }

    #[test]
    fn numbers_that_are_not_printed_are_mentioned() {
        let same = of(Some(answer("x")), Some(answer("x")));
        assert_eq!(text(&same, false), "advice: the same");
        let other = AnswerDiff { is_same: false, ..same };
        assert!(text(&other, false).starts_with("advice: Other numbers of the advice differ"));
    }

    #[test]
    fn shares_have_the_decimals_that_tell_them_apart() {
        assert_eq!(shares(Some(0.98), Some(0.95)), ["98%", "95%"]);
        assert_eq!(shares(Some(0.9801), Some(0.9802)), ["98.01%", "98.02%"]);
        assert_eq!(shares(Some(0.98), Some(0.98)), ["98%", "98%"]);
        assert_eq!(shares(None, Some(0.98)), ["-", "98%"]);
    }
}
