//! `windrow models`: the models so far, with their scores.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, LineStyle, Table};

use crate::cli::args::ModelsArgs;
use crate::cli::print::{stdout, thousands};
use crate::cli::{CliError, app, windows};
use crate::model::{Outcome, Score, Verdict};
use crate::registry::Snapshot;

/// The score that can be compared between schemes: the held-out rows of the newest window.
const COMPARED: &str = "newest_holdout";

pub(crate) fn execute(args: &ModelsArgs) -> Result<(), CliError> {
    let app = app(&args.pipeline, &args.place)?;
    let snapshot = app.registry()?.snapshot();
    if args.json {
        let text = if args.windows {
            serde_json::to_string_pretty(&snapshot.windows().collect::<Vec<_>>())
        } else {
            let artifacts: Vec<_> = snapshot.models().map(|model| model.artifact()).collect();
            serde_json::to_string_pretty(&artifacts)
        };
        let mut text = text.map_err(std::io::Error::from)?;
        text.push('\n');
        return Ok(stdout(&text)?);
    }
    if snapshot.models().next().is_none() {
        let workdir = app.workdir.display();
        return Err(CliError::Failed(format!(
            "no model in {workdir} yet: they appear as `windrow run` or `windrow train` seals windows and learns from them"
        )));
    }
    Ok(stdout(&if args.windows { windows::text(&snapshot) } else { table(&snapshot) })?)
}

/// One line a model, scored on the held-out rows of its newest window.
pub(crate) fn table(snapshot: &Snapshot) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header([
        "model",
        "fitted to",
        "held out",
        "AUC",
        "log-loss",
        "(prior)",
        "Brier",
        "accuracy",
        "(majority)",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut notes = String::new();
    for model in snapshot.models() {
        let artifact = model.artifact();
        let id = artifact.id.to_string();
        match &artifact.outcome {
            Outcome::Learned(learned) => {
                let score = learned.scores.get(COMPARED);
                let show = |pick: fn(&Score) -> Option<f64>| {
                    score.and_then(pick).map_or("-".to_owned(), |number| format!("{number:.4}"))
                };
                table.add_row([
                    id.clone(),
                    thousands(artifact.lineage.fit_rows),
                    score.map_or("-".to_owned(), |score| thousands(score.rows)),
                    show(|score| score.auc),
                    show(|score| Some(score.log_loss)),
                    show(|score| Some(score.baseline_log_loss)),
                    show(|score| Some(score.brier)),
                    show(|score| Some(score.accuracy)),
                    show(|score| Some(score.baseline_accuracy)),
                ]);
                if let Verdict::Rejected { reason } = &artifact.verdict {
                    notes.push_str(&format!("{id}: rejected, and no alias stands for it: {reason}\n"));
                }
                if !learned.solver.converged {
                    notes.push_str(&format!("{id}: its solver stopped before the optimum\n"));
                }
            }
            Outcome::Refused { reason } => notes.push_str(&format!("{id}: no model: {reason}\n")),
        }
    }
    format!("{table}\nscored on the held-out rows of each model's newest window\n{notes}")
}
