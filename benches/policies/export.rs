//! The files that the rivals read: `stream.json`, and the wrong answers row by row (`rows-HISTORY.bin`).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use windrow_record::Scheme;

use crate::following::Followed;
use crate::losses::{Losses, Span, wrong};
use crate::streams::Stream;

/// One history of a stream, with the models that following the advice has in service.
pub(crate) struct Study<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) history: u64,
    pub(crate) span: Span,
    pub(crate) costs: Vec<f64>,
    pub(crate) followed: Followed,
}

/// Writes the files into a folder, which is created.
pub(crate) fn write(study: &Study<'_>, losses: &mut Losses, folder: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(fault)?;
    fs::write(folder.join("stream.json"), stream(study, losses).to_string()).map_err(fault)?;
    let mut written = vec![Scheme::Cumulative];
    if study.followed.history != Scheme::Cumulative {
        written.push(study.followed.history);
    }
    for history in written {
        let bytes = losses.wrong_rows(history)?;
        fs::write(folder.join(format!("rows-{history}.bin")), bytes).map_err(fault)?;
    }
    Ok(())
}

/// Returns the facts of a stream. Windows and models are numbered from 1. A model has the number of its newest window.
fn stream(study: &Study<'_>, losses: &Losses) -> Value {
    let Study { stream, history, span, costs, followed } = study;
    let last = span.last;
    let by_model = |history: Scheme, model: u32| -> Vec<Option<[f64; 3]>> {
        let of = |window: u32| {
            let found = losses.of(history, model, window)?;
            Some([wrong(found) as f64, found.squared_error.iter().sum(), found.log_loss.iter().sum()])
        };
        (model + 1..=last).map(of).collect()
    };
    let tables: Vec<Value> = losses
        .histories
        .iter()
        .map(|history| json!((1..last).map(|model| by_model(*history, model)).collect::<Vec<_>>()))
        .collect();
    let name = |history: &Scheme| history.to_string();
    let windrow: Vec<Vec<(String, u32)>> = followed
        .models
        .iter()
        .map(|models| models.iter().map(|(history, model)| (name(history), *model)).collect())
        .collect();
    json!({
        "name": stream.name,
        "history": history,
        "held_out": stream.is_held_out,
        "delay": span.delay,
        "third": span.third,
        "first": span.first,
        "last": last,
        "rows": (1..=last).map(|window| losses.evidence.rows(window)).collect::<Vec<f64>>(),
        "histories": losses.histories.iter().map(name).collect::<Vec<String>>(),
        "chosen": followed.history.to_string(),
        "costs": costs,
        // The wrong answers, squared errors and log-losses, by history, model and later window; null without a model.
        "losses": tables,
        // The history and the newest window of the model in service, by cost and window judged.
        "windrow": windrow,
        "shadow_fits": followed.shadow_fits,
    })
}
