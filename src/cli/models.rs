//! `windrow models`: lists the models so far, with their scores.

use crate::cli::args::ModelsArgs;
use crate::cli::error::CliError;
use crate::cli::print::{json, stdout, table};
use crate::cli::setup::app;
use crate::cli::windows;
use windrow_learn::model::{Acceptance, Outcome, Score};
use windrow_record::ModelId;
use windrow_record::display::thousands;
use windrow_registry::Snapshot;

/// The number of windows whose models are listed without `--all`.
const MAX_WINDOWS: u32 = 5;

pub(crate) fn execute(args: &ModelsArgs) -> Result<(), CliError> {
    let app = app(&args.at)?;
    let snapshot = app.registry()?.snapshot();
    if args.json {
        return match args.windows {
            true => json(&snapshot.windows().collect::<Vec<_>>()),
            false => json(&snapshot.models().map(|model| model.artifact()).collect::<Vec<_>>()),
        };
    }
    if snapshot.models().next().is_none() {
        let workdir = app.workdir.display();
        let problem = format!("there are no models in {workdir} yet: train them with `windrow run` or `windrow train`");
        return Err(CliError::Failed(problem));
    }
    stdout(&if args.windows { windows::text(&snapshot, args.all) } else { listed(&snapshot, args.all) })
}

/// Lists one model per line: its scores on the next window, and then those of its first fit on the held-out rows.
fn listed(snapshot: &Snapshot, all: bool) -> String {
    let header = ["model", "rows", "log-loss", "baseline", "AUC", "held-out loss", "held-out AUC"];
    let mut table = table(header, 1..header.len());
    let newest = snapshot.models().next_back().map_or(0, |model| model.id().window.get());
    let is_shown = |id: ModelId| all || id.window.get() + MAX_WINDOWS > newest;
    let (mut notes, mut hidden) = (String::new(), 0);
    for model in snapshot.models() {
        if !is_shown(model.id()) {
            hidden += 1;
            continue;
        }
        let artifact = model.artifact();
        let id = artifact.id.to_string();
        match &artifact.outcome {
            Outcome::Learned(learned) => {
                let next = snapshot.score_on_next_window(artifact.id);
                let held_out = learned.scores.get("holdout");
                let show = |score: Option<&Score>, pick: fn(&Score) -> Option<f64>| {
                    score.and_then(pick).map_or("-".to_owned(), |number| format!("{number:.4}"))
                };
                table.add_row([
                    id.clone(),
                    thousands(artifact.lineage.fit_rows),
                    show(next, |score| Some(score.log_loss)),
                    show(next, |score| Some(score.baseline_log_loss)),
                    show(next, |score| score.auc),
                    show(held_out, |score| Some(score.log_loss)),
                    show(held_out, |score| score.auc),
                ]);
                if let Acceptance::Rejected { reason } = &artifact.verdict {
                    notes.push_str(&format!("{id}: rejected, so no alias points to it: {reason}\n"));
                }
            }
            Outcome::Refused { reason } => notes.push_str(&format!("{id}: no model: {reason}\n")),
        }
    }
    let named: Vec<String> = snapshot.named().map(|(name, model)| format!("{name}: {}", model.name())).collect();
    if hidden > 0 {
        notes.push_str(&format!("{hidden} earlier models: --all\n"));
    }
    let table = table.trim_fmt();
    format!(
        "{table}\nlog-loss, AUC: on the next window, which the model has not learned from\n\
         baseline: the log-loss there of always predicting the share of positives\n\
         held-out: a first fit, on the last rows of its newest window, which it left out\n{}\n{notes}",
        named.join("   ")
    )
}
