//! The terms of the advice, each with its definition. The pages and the report explain them with the same words.

use windrow_evaluation::Origin;
use windrow_evaluation::plot::escaped;

/// A term that readers may not know.
#[derive(Debug)]
pub(crate) struct Term {
    /// The identifier in links, unique on a page.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    definition: &'static str,
    /// The definition for a table of predictions or losses, if it is another one.
    of_table: Option<&'static str>,
    /// The definition for a log, if it differs from that for a table.
    of_log: Option<&'static str>,
}

impl Term {
    /// Returns the definition in words that fit losses of this origin.
    pub(crate) fn definition(&self, origin: Origin) -> &'static str {
        let other = match origin {
            Origin::Pipeline => None,
            Origin::Table => self.of_table,
            Origin::Log => self.of_log.or(self.of_table),
        };
        other.unwrap_or(self.definition)
    }
}

pub(crate) static WINDOW: Term = Term {
    id: "term-window",
    name: "window",
    definition: "A slice of the stream, such as 14 days or 1,000 rows. A model is trained on windows and judged only \
                 on later ones.",
    of_table: Some(
        "A part of the data: a span of time, such as a week, or the rows with one window number in the table. A model is \
         judged only on windows that came after those that it was trained on.",
    ),
    of_log: Some(
        "A part of the log: a span of time, such as a week, or the rows with one window number. Each row is judged by the \
         prediction of the model that served at the time.",
    ),
};
pub(crate) static HISTORY: Term = Term {
    id: "term-history",
    name: "history",
    definition: "How many windows a model is trained on: the last 1, 2, 4, 8, ..., or all so far.",
    of_table: Some(
        "How many windows a model was trained on, as the table says: the last 1, 2, 4, 8, ..., or all so far.",
    ),
    of_log: None,
};
pub(crate) static REFIT: Term = Term {
    id: "term-refit",
    name: "refit",
    definition: "To train the model again, on the windows of its history. Every 2nd means after every second window.",
    of_table: Some(
        "To train your model again, on the windows of its history. Every 2nd means after every second window. Windrow \
         trains nothing here: the table has the predictions of your fits.",
    ),
    of_log: None,
};
pub(crate) static LOG_LOSS: Term = Term {
    id: "term-log-loss",
    name: "log-loss",
    definition: "The error of predicted probabilities: the mean of -log(p) over the rows, where p is the probability \
                 that the model gave to the true class. Lower is better.",
    of_table: None,
    of_log: None,
};
pub(crate) static SHARE_KEPT: Term = Term {
    id: "term-share-kept",
    name: "share kept",
    definition: "The improvement of a policy (a schedule: how often to refit, on how much history; or another rule), \
                 in per cent of the best schedule's. The improvement, or gain, is the log-loss saved compared with always predicting the \
                 average rate, which is the share of positives so far.",
    of_table: None,
    of_log: Some(
        "The improvement of the models, in per cent of that of the models that served. The improvement, or gain, is the \
         log-loss saved compared with always predicting the average rate, which is the share of positives so far.",
    ),
};
pub(crate) static WRONG_ANSWERS: Term = Term {
    id: "term-wrong-answers",
    name: "wrong answers",
    definition: "False alarms and misses at the threshold, per 1,000 rows, more or fewer than those of the recommended \
                 policy (without one: of the best schedule). Fewer is better. Brackets have the 95% interval of the difference.",
    of_table: None,
    of_log: Some(
        "False alarms and misses at the threshold, per 1,000 rows, more or fewer than those of the models that served. \
         Fewer is better. Brackets have the 95% interval of the difference.",
    ),
};
pub(crate) static AUC: Term = Term {
    id: "term-auc",
    name: "AUC",
    definition: "How well a model ranks positive rows above negative ones: the share of pairs of one positive and one \
                 negative row that are in this order. 0.5 is chance, 1 is perfect. No verdict depends on it.",
    of_table: None,
    of_log: None,
};
pub(crate) static GOOD_ENOUGH: Term = Term {
    id: "term-good-enough",
    name: "good enough",
    definition: "The data show, at the 95% level, that a policy keeps at least the share of the best schedule's \
                 improvement that you asked for (90% by default). The advice recommends the cheapest policy that \
                 is good enough: fewer fits first. At equal fits, the order is fit once, recalibrate, on alarm, \
                 schedule.",
    of_table: None,
    of_log: None,
};
pub(crate) static VERDICT: Term = Term {
    id: "term-verdict",
    name: "verdict",
    definition: "Whether a policy is good enough. The bound in brackets decides. It holds for all policies together that \
                 may be recommended. A policy that never refits, and one on alarm, must also be good enough on parts \
                 of the windows. Not as good as the best: the 95% interval of its share kept is below 100%; it may still be \
                 good enough. Cannot tell: neither is shown. Too few: fewer than 4 refits, or fewer than 12 windows. \
                 Best: the lowest log-loss of all that can be compared. Reference: a policy that never refits and \
                 may not be recommended, because there are fewer than 36 windows, the data changed, or all its \
                 alarms rang. An interval is about the difference on these windows; another stretch of time may \
                 differ.",
    of_table: None,
    of_log: Some(
        "Reference: the models that served, with which others are compared. Cannot tell: a log does not show whether another \
         policy is good enough. Too few: fewer than 12 windows. An interval is about the difference on these windows; another \
         stretch of time may differ.",
    ),
};
pub(crate) static EVIDENCE: Term = Term {
    id: "term-evidence",
    name: "evidence",
    definition: "Clear: the recommendation is shown to be good enough, also compared with each other one, and so is following \
                 the advice: the models that it had in service from window to window. Or it is shown that there is \
                 nothing to schedule. Partly: one of these is not shown.",
    of_table: None,
    of_log: Some(
        "Clear: it is shown that the models that served improve on the average rate, or that they do not. Partly: neither is \
         shown.",
    ),
};
pub(crate) static RECALIBRATE: Term = Term {
    id: "term-recalibrate",
    name: "recalibrate",
    definition: "The model is fitted once. After that, only the intercept and the slope of its predictions are fitted \
                 again, on the newest labelled window that it has not learned from.",
    of_table: None,
    of_log: Some(
        "Only the intercept and the slope of the predictions are fitted again, in each window, on the newest labelled window \
         before it.",
    ),
};
pub(crate) static ALARM: Term = Term {
    id: "term-alarm",
    name: "alarm",
    definition: "The model is refitted when an alarm asks for it. PSI alarm: the population stability index shows \
                 that a feature has drifted since the model's newest window. Loss alarm: the test of Page and Hinkley \
                 shows that losses rise.",
    of_table: Some(
        "The model is refitted when the loss alarm asks for it: the test of Page and Hinkley shows that losses rise.",
    ),
    of_log: Some("The loss alarm rings in a window if the test of Page and Hinkley shows that losses have risen."),
};

/// All terms, each after those that its definition uses.
pub(crate) static TERMS: [&Term; 12] = [
    &WINDOW,
    &HISTORY,
    &REFIT,
    &LOG_LOSS,
    &SHARE_KEPT,
    &WRONG_ANSWERS,
    &GOOD_ENOUGH,
    &VERDICT,
    &EVIDENCE,
    &AUC,
    &RECALIBRATE,
    &ALARM,
];

/// Returns the terms that a page or a report uses, in the order of [`TERMS`]. A table has no AUC, and the models of a log
/// follow no schedule.
pub(crate) fn terms(origin: Origin) -> Vec<&'static Term> {
    let is_left_out = |term: &Term| match origin {
        Origin::Pipeline => false,
        Origin::Table => term.id == AUC.id,
        Origin::Log => [&AUC, &HISTORY, &REFIT, &GOOD_ENOUGH].iter().any(|other| other.id == term.id),
    };
    TERMS.into_iter().filter(|term| !is_left_out(term)).collect()
}

/// A part of a sentence, and the term to explain after it.
pub(crate) type Part = (&'static str, Option<&'static Term>);

/// Returns the sentence that says what the advice is about.
pub(crate) fn subject(origin: Origin) -> &'static [Part] {
    match origin {
        Origin::Pipeline => &SUBJECT,
        Origin::Table => &SUBJECT_OF_TABLE,
        Origin::Log => &SUBJECT_OF_LOG,
    }
}

/// Returns the sentences that say how the schedules, or the models of a log, are compared.
pub(crate) fn comparison(origin: Origin) -> &'static [Part] {
    if origin == Origin::Log { &COMPARISON_OF_LOG } else { &COMPARISON }
}

static SUBJECT: [Part; 4] = [
    ("Windrow trains logistic regression models on windows", Some(&WINDOW)),
    (" of a stream, and advises how often to refit", Some(&REFIT)),
    (" them (to train them again) and on how much history", Some(&HISTORY)),
    (".", None),
];

static SUBJECT_OF_TABLE: [Part; 4] = [
    ("Windrow judges your model by its predictions on windows", Some(&WINDOW)),
    (", and advises how often to refit", Some(&REFIT)),
    (" it (to train it again) and on how much history", Some(&HISTORY)),
    (".", None),
];

static SUBJECT_OF_LOG: [Part; 2] =
    [("Windrow judges the models that served by their predictions, window", Some(&WINDOW)), (" by window.", None)];

static COMPARISON_OF_LOG: [Part; 3] = [
    ("They are compared with predicting the average rate so far, by log-loss", Some(&LOG_LOSS)),
    (", and with the same models recalibrated", Some(&RECALIBRATE)),
    (".", None),
];

static COMPARISON: [Part; 5] = [
    ("Schedules, or policies, are compared by log-loss", Some(&LOG_LOSS)),
    (" on later windows. The share kept", Some(&SHARE_KEPT)),
    (" compares a schedule with the best one; the verdict", Some(&VERDICT)),
    (" says whether the schedule is good enough", Some(&GOOD_ENOUGH)),
    (".", None),
];

/// Returns the sentences that say how the figures about a table can be checked.
pub(crate) fn how_to_check(origin: Origin) -> &'static str {
    if origin == Origin::Log {
        return "`windrow judge --json` prints all numbers. A log-loss is the mean of -log(p) over the rows, where p is the \
                probability of the true class. The average rate is the share of positives in all earlier windows.";
    }
    "`windrow judge --json` prints all numbers. The log-loss of a schedule is the mean of -log(p) over the rows of the \
     windows judged, where p is the probability of the true class, and over the phases. For example, every 4th uses the \
     fits that are 1, 2, 3 and 4 windows old, each for a quarter of the mean. A short script gives the same numbers from \
     the same table."
}

/// Returns a sentence as HTML, with the text between backticks as code.
pub(crate) fn with_code(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) })
        .collect()
}

/// Returns a sentence without its marks.
pub(crate) fn plain(sentence: &[Part]) -> String {
    sentence.iter().map(|(text, _)| *text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_defined_in_words_of_what_is_judged() {
        assert!(WINDOW.definition(Origin::Pipeline).contains("of the stream"));
        for origin in [Origin::Table, Origin::Log] {
            for term in terms(origin) {
                let text = term.definition(origin);
                let is_of_pipeline = ["stream", "PSI"].iter().any(|word| text.contains(word));
                assert!(!is_of_pipeline && text.ends_with('.'), "{}: {text}", term.name);
            }
        }
        // A log has no schedules.
        for term in terms(Origin::Log) {
            assert!(!term.definition(Origin::Log).contains("schedule"), "{}", term.name);
        }
        assert_eq!(LOG_LOSS.definition(Origin::Log), LOG_LOSS.definition(Origin::Pipeline));
        assert_ne!(ALARM.definition(Origin::Log), ALARM.definition(Origin::Table));
    }
}
