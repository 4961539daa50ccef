//! The scores of models during a run: those on the next window first, and those on held-out rows second.

use std::collections::BTreeMap;

use windrow_base::telemetry::{Event, ForwardScore};

/// The explanation of the columns, printed once.
const EXPLANATION: [&str; 3] = [
    "  scores on window 2: of the models whose newest window is 1, and so on",
    "  baseline: the log-loss of always predicting the share of positives",
    "  held out: a first fit on the last rows of its newest window, which it left out",
];

/// The scores of models that are not printed yet.
#[derive(Debug, Default)]
pub(super) struct ScoreTable {
    /// The log-loss and the AUC on held-out rows, by model. They wait for the score on the next window.
    held_out: BTreeMap<String, (Option<f64>, Option<f64>)>,
    is_explained: bool,
}

impl ScoreTable {
    /// Takes the scores of an event. Returns the lines to print.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::ModelPublished { id, log_loss, auc, .. } => {
                self.held_out.insert(id.clone(), (*log_loss, *auc));
                Vec::new()
            }
            Event::WindowScored { window, forward, .. } => {
                let rows: Vec<String> = forward.iter().map(|score| self.row_of(&score.model, Some(score))).collect();
                let newest = format!("-{window}");
                self.held_out.retain(|model, _| model.ends_with(&newest));
                self.titled(&format!("on window {window}"), rows)
            }
            Event::TrainerDone => {
                let newest: Vec<String> = self.held_out.keys().cloned().collect();
                let rows = newest.iter().map(|model| self.row_of(model, None)).collect();
                self.titled("no next window", rows)
            }
            _ => Vec::new(),
        }
    }

    fn titled(&mut self, title: &str, rows: Vec<String>) -> Vec<String> {
        if rows.is_empty() {
            return rows;
        }
        let is_first = !std::mem::replace(&mut self.is_explained, true);
        let explanation = EXPLANATION.iter().filter(|_| is_first).map(|line| (*line).to_owned());
        let title = row([title, "log-loss", "baseline", "AUC", "held out: log-loss", "AUC"]);
        explanation.chain([title]).chain(rows).collect()
    }

    fn row_of(&mut self, model: &str, next: Option<&ForwardScore>) -> String {
        let text = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.4}"));
        let (held_out_loss, held_out_auc) = self.held_out.remove(model).unwrap_or_default();
        let (loss, baseline) = (next.map(|score| score.log_loss), next.map(|score| score.baseline_log_loss));
        let numbers = [loss, baseline, next.and_then(|score| score.auc), held_out_loss, held_out_auc];
        let [loss, baseline, auc, held_out_loss, held_out_auc] = numbers.map(text);
        row([model, &loss, &baseline, &auc, &held_out_loss, &held_out_auc])
    }
}

fn row([name, log_loss, baseline, auc, held_out_loss, held_out_auc]: [&str; 6]) -> String {
    format!("  {name:<16}{log_loss:>10}{baseline:>10}{auc:>9}{held_out_loss:>21}{held_out_auc:>9}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn published(id: &str, log_loss: Option<f64>, auc: Option<f64>) -> Event {
        let (id, took) = (id.to_owned(), Duration::ZERO);
        Event::ModelPublished { id, rows: 9, auc, log_loss, converged: true, passes: 3, rejected: None, took }
    }

    fn scored(window: u32, models: &[&str], auc: Option<f64>) -> Event {
        let score =
            |model: &&str| ForwardScore { model: (*model).to_owned(), log_loss: 0.51234, baseline_log_loss: 0.6, auc };
        Event::WindowScored { window, models: models.len(), forward: models.iter().map(score).collect() }
    }

    #[test]
    fn scores_on_the_next_window_come_first_and_the_columns_are_explained_once() {
        let mut table = ScoreTable::default();
        assert!(table.lines(&published("cumulative-1", Some(0.4), Some(0.75))).is_empty());
        assert!(table.lines(&scored(1, &[], None)).is_empty(), "the first window has no earlier models");
        let lines = table.lines(&scored(2, &["cumulative-1", "window-1"], Some(0.7)));
        let expected = [
            "  on window 2       log-loss  baseline      AUC   held out: log-loss      AUC",
            "  cumulative-1        0.5123    0.6000   0.7000               0.4000   0.7500",
            "  window-1            0.5123    0.6000   0.7000                    -        -",
        ];
        assert_eq!(lines, [&EXPLANATION[..], &expected[..]].concat());
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
        let lines = table.lines(&scored(3, &["cumulative-2"], None));
        assert_eq!(lines[0], expected[0].replace("window 2", "window 3"));
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["cumulative-2", "0.5123", "0.6000", "-", "-", "-"]
        );
    }

    #[test]
    fn models_without_a_next_window_come_last_and_no_score_is_kept_forever() {
        let mut table = ScoreTable::default();
        for (model, window) in [("window-1", 1), ("window-11", 11), ("sliding4-2", 2), ("window-2", 2)] {
            assert!(table.lines(&published(model, Some(0.4), Some(0.75))).is_empty());
            assert!(table.lines(&scored(window, &[], None)).is_empty(), "{model}");
        }
        assert_eq!(table.held_out.keys().collect::<Vec<_>>(), ["sliding4-2", "window-2"]);
        let lines = table.lines(&Event::TrainerDone);
        let expected = [
            "  no next window    log-loss  baseline      AUC   held out: log-loss      AUC",
            "  sliding4-2               -         -        -               0.4000   0.7500",
            "  window-2                 -         -        -               0.4000   0.7500",
        ];
        assert_eq!(lines, [&EXPLANATION[..], &expected[..]].concat());
        assert!(table.held_out.is_empty() && table.lines(&Event::TrainerDone).is_empty());
    }
}
