//! The page of all models.

use std::sync::Arc;

use maud::{Markup, html};

use crate::dashboard::frame::{Page, View};
use crate::dashboard::numbers::score_or_dash;
use crate::dashboard::table::{self, cells};
use windrow_learn::model::Acceptance;
use windrow_record::ModelId;
use windrow_record::display::thousands;
use windrow_registry::{Model, Snapshot};

/// Maximum number of models per page.
const MODELS_PER_PAGE: usize = 100;

pub(super) fn page(view: &View) -> Page {
    let before: Option<ModelId> = view.query.get("before").and_then(|before| before.parse().ok());
    let earlier = view.snapshot.models().rev().filter(|model| before.is_none_or(|before| model.id() < before));
    let mut shown: Vec<&Arc<Model>> = earlier.take(MODELS_PER_PAGE + 1).collect();
    let is_more = shown.len() > MODELS_PER_PAGE;
    shown.truncate(MODELS_PER_PAGE);
    let rows = shown.iter().map(|model| row(&view.snapshot, model));
    let header = ["model", "aliases", "rows", "log-loss, next window", "baseline", "AUC, next window", "state"];
    let main = html! {
        h1 { "Models" }
        p.quiet {
            "Newest first. The next window is the first one that a model has not learned from, so its scores there are "
            "the ones that count. The baseline is the log-loss of always predicting the share of positives. A model "
            "that does not beat it is of no use."
        }
        div #models data-live {
            @if shown.is_empty() {
                p { "There is no model yet: " (view.observed.flow.state) "." }
            } @else {
                (table::of("Models, newest first", &header, rows))
                p.pages {
                    @if before.is_some() { a href="/models" { "Newest" } }
                    @if let Some(last) = shown.last().filter(|_| is_more) { a href={ "/models?before=" (last.name()) } { "Earlier models" } }
                }
            }
        }
    };
    Page::new("models", main)
}

fn row(snapshot: &Snapshot, model: &Model) -> Vec<Markup> {
    let next = snapshot.score_on_next_window(model.id());
    let state = match (model.learned(), &model.artifact().verdict) {
        (None, _) => "not learned",
        (Some(_), Acceptance::Rejected { .. }) => "rejected",
        (Some(learned), _) if !learned.solver.converged => "not converged",
        _ => "accepted",
    };
    let auc = next.and_then(|score| score.auc).map_or_else(|| "\u{2013}".to_owned(), |auc| format!("{auc:.3}"));
    cells![
        html! { a href={ "/models/" (model.name()) } { (model.name()) } },
        aliases(snapshot, model),
        thousands(model.artifact().lineage.fit_rows),
        score_or_dash(next.map(|score| score.log_loss)),
        score_or_dash(next.map(|score| score.baseline_log_loss)),
        auc,
        state,
    ]
}

pub(super) fn aliases(snapshot: &Snapshot, model: &Model) -> String {
    let named = snapshot.named().filter(|(_, named)| named.id() == model.id());
    named.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}
