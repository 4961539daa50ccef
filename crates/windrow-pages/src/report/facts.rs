//! The facts at the head of a report: what was asked, of which data, by which models, and how to check the answer.

use crate::report::content::Report;
use crate::terms::how_to_check;
use windrow_config::{Pipeline, Solver};
use windrow_evaluation::{Advice, Origin, PolicyFinding, Refit};
use windrow_record::display::{counted, shell_word, thousands};

/// A fact with its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// Returns the question that the report answers, in words.
pub(super) fn question(advice: &Advice) -> String {
    if advice.subject.origin == Origin::Log {
        return "How good were the models that served, from window to window?".to_owned();
    }
    format!(
        "A model answers the question \u{201c}{}\u{201d}. How often should it be refitted, and on how much history?",
        advice.subject.question
    )
}

/// Returns the facts about the data, the models and the settings.
pub(super) fn facts(report: &Report) -> Vec<Fact> {
    let advice = &*report.advice;
    // The work directory of a table of predictions has a pipeline file in name only.
    let run = report.run.as_ref().filter(|_| advice.subject.origin == Origin::Pipeline);
    let judged = advice.basis.judged.as_ref().map(|judged| {
        let windows = advice.subject.dates.range_name(judged.first, judged.last);
        format!("{} labelled rows in {} windows, {windows}", thousands(judged.rows), judged.windows)
    });
    let facts = [
        ("Made", run.and_then(|run| run.created.clone()).map(|created| format!("the run began at {created}"))),
        ("By", report.author.clone()),
        ("With", Some(format!("windrow {}", env!("CARGO_PKG_VERSION")))),
        (
            "Models",
            Some(run.map_or_else(|| "those of the table of predictions".to_owned(), |run| models(&run.pipeline))),
        ),
        (
            "Settings",
            run.filter(|run| !run.changes.is_empty()).map(|run| format!("changed {}", run.changes.join("; "))),
        ),
        ("Features", run.map(|run| features(&run.pipeline))),
        ("Data", Some(advice.subject.windows())),
        ("Judged on", judged),
        ("Labels", Some(label_delay(advice))),
        ("Costs", Some(costs(advice))),
    ];
    facts.into_iter().filter_map(|(name, text)| Some(Fact { name, text: text? })).collect()
}

/// Returns sentences that say how to check the answer by hand.
pub(super) fn checks(advice: &Advice) -> Vec<String> {
    if advice.subject.origin != Origin::Pipeline {
        let sentences = [how_to_check(advice.subject.origin).to_owned()];
        return sentences.into_iter().chain(share(advice)).collect();
    }
    let mut checks = vec![
        "The losses of every model on every later window are in the folder `losses` of the work directory; `windrow export \
         PIPELINE` writes them as tables."
            .to_owned(),
        "The log-loss of a policy is the sum of the losses of the models that it has in use, divided by the labelled rows. \
         Refitting every m windows is the mean over its m start windows."
            .to_owned(),
    ];
    checks.extend(share(advice));
    checks.push(
        "`windrow advise PIPELINE --json` computes all numbers again, and `windrow audit PIPELINE` checks that each row is in \
         one file. The advice with the sha256 below is in `advice.json`."
            .to_owned(),
    );
    checks
}

/// Returns the computation of the share that the named policy keeps.
fn share(advice: &Advice) -> Option<String> {
    let judged = advice.basis.judged.as_ref()?;
    let found = advice.named().and_then(|named| advice.comparison.finding(named))?;
    let (average, best, own) = (judged.share_log_loss, judged.best_log_loss, found.errors.log_loss);
    found.kept.share.filter(|_| average > best).map(|_| {
        format!(
            "The share that the recommended policy keeps: ({average:.4} - {own:.4}) / ({average:.4} - {best:.4}) = {}, where \
             {average:.4} is the log-loss of predicting the average rate and {best:.4} that of the best schedule.",
            found.kept.in_words()
        )
    })
}

fn models(pipeline: &Pipeline) -> String {
    let solver = match pipeline.train.solver {
        Solver::Command => {
            let words = pipeline.train.command.iter().flat_map(|command| &command.run);
            let words: Vec<String> = words.map(|word| shell_word(word)).collect();
            return format!("those of the command `{}` (train.command)", words.join(" "));
        }
        Solver::Auto | Solver::Newton | Solver::Lbfgs => "built-in solvers",
        Solver::Linfa => "linfa-logistic",
        Solver::Spark => "Spark",
    };
    let penalties: Vec<String> = pipeline.train.l2.iter().map(ToString::to_string).collect();
    format!("logistic regression, fitted by {solver}, with a penalty (l2) of {}", penalties.join(" or "))
}

fn features(pipeline: &Pipeline) -> String {
    let columns = &pipeline.features;
    let named = |kind: &str, names: &[String]| (!names.is_empty()).then(|| format!("{kind}: {}", names.join(", ")));
    let calendar: Vec<String> = columns.calendar.iter().map(|part| part.name().to_owned()).collect();
    let kinds = [
        named("numbers", &columns.numeric),
        named("logarithms of numbers", &columns.log),
        named("categories", &columns.categorical),
        named("parts of the time", &calendar),
    ];
    kinds.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn label_delay(advice: &Advice) -> String {
    let windows = counted(u64::from(advice.basis.label_delay), "window", "windows");
    match (&advice.basis.label_delay_text, advice.basis.label_delay) {
        (_, 0) => "known at the end of each window".to_owned(),
        (Some(text), _) => format!("known {text} after their rows, which counts as {windows}"),
        (None, _) => format!("known {windows} after their own"),
    }
}

fn costs(advice: &Advice) -> String {
    match &advice.comparison.cost {
        None => "none were given: policies are compared by log-loss".to_owned(),
        Some(cost) => {
            format!("{} for a false alarm, {} for a miss, {} for a fit", cost.false_alarm, cost.miss, cost.refit)
        }
    }
}

/// Returns the policies of the summary: the recommended one, the best schedule, and never refitting.
pub(super) fn main_policies(advice: &Advice) -> Vec<&PolicyFinding> {
    let comparison = &advice.comparison;
    let named = advice.named().and_then(|named| comparison.finding(named));
    let never = comparison.planned.iter().find(|found| found.policy.refit == Refit::Never);
    let mut policies = Vec::new();
    for found in [named, comparison.best(), never].into_iter().flatten() {
        if !policies.contains(&found) {
            policies.push(found);
        }
    }
    policies
}
