//! The page of all models: those with an alias, then the newest of each scheme.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maud::{Markup, html};

use crate::dashboard::forward::ForwardLosses;
use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::numbers::score_or_dash;
use crate::dashboard::table::{self, Row, cells};
use windrow_evaluation::{WindowDates, WindowUnit, history_name};
use windrow_learn::model::Acceptance;
use windrow_record::display::{counted, thousands};
use windrow_record::{ModelId, Scheme};
use windrow_registry::{Model, Snapshot};

/// Number of models that are shown of each scheme, if none is chosen.
const NEWEST: usize = 8;
/// Maximum number of models of a scheme whose losses on later windows are drawn: the newest ones.
const MAX_SPARKS: usize = 200;
/// The names of the columns. The style sheet has the width of each.
const HEADER: [&str; 9] = [
    "model",
    "newest window",
    "aliases",
    "rows",
    "log-loss, next window",
    "baseline",
    "AUC, next window",
    "log-loss on later windows",
    "state",
];

pub(super) fn page(view: &View) -> Page {
    let mut schemes: BTreeMap<Scheme, Vec<&Arc<Model>>> = BTreeMap::new();
    for model in view.snapshot.models().rev() {
        schemes.entry(model.id().scheme).or_default().push(model);
    }
    let asked = view.query.get("scheme");
    let chosen = schemes.keys().copied().find(|scheme| asked.is_some_and(|asked| scheme.to_string() == *asked));
    let main = html! {
        h1 { "Models" }
        p.quiet {
            "The next window is the first one that a model has not learned from, so its scores there are the ones that "
            "count. The baseline is the log-loss of always predicting the share of positives. A model that does not beat "
            "it is of no use. The lines of a table are on one scale; lower is better. "
            a href="/compare" { "Two models side by side" }
        }
        div #models data-live {
            @if schemes.is_empty() {
                p { "There is no model yet: " (view.observed.flow.state) "." }
            } @else {
                nav.choice aria-label="Schemes" {
                    a href="/models" aria-current=[chosen.is_none().then_some("true")] { "All schemes" }
                    @for (scheme, models) in &schemes {
                        a href={ "/models?scheme=" (scheme) } aria-current=[(chosen == Some(*scheme)).then_some("true")] {
                            (scheme) " (" (thousands(models.len() as u64)) ")"
                        }
                    }
                }
                // The columns of all tables are below each other.
                div.alike {
                    @match chosen {
                        Some(scheme) => (whole(view, scheme, schemes.get(&scheme).map(Vec::as_slice).unwrap_or_default())),
                        None => {
                            (named(view))
                            @for (scheme, models) in &schemes { (newest(view, *scheme, models)) }
                        },
                    }
                }
            }
        }
    };
    Page::new("models", main)
}

/// Shows the models to which an alias points.
fn named(view: &View) -> Markup {
    let mut models: Vec<&Arc<Model>> = Vec::new();
    for (_, model) in view.snapshot.named() {
        if models.iter().all(|known| known.id() != model.id()) {
            models.push(model);
        }
    }
    html! {
        @if !models.is_empty() {
            h2 { "With an alias" }
            (table::of("Models with an alias", &HEADER, rows(view, &models).into_iter()))
        }
    }
}

fn newest(view: &View, scheme: Scheme, models: &[&Arc<Model>]) -> Markup {
    let shown = models.get(..NEWEST).unwrap_or(models);
    html! {
        h2 { (scheme) span.quiet { ": " (history(scheme)) ", " (counted(models.len() as u64, "model", "models")) } }
        (table::of(&format!("The newest models of the scheme {scheme}"), &HEADER, rows(view, shown).into_iter()))
        @if models.len() > shown.len() {
            p.pages { a href={ "/models?scheme=" (scheme) } { "All " (thousands(models.len() as u64)) " models of this scheme" } }
        }
    }
}

/// Shows all models of a scheme.
fn whole(view: &View, scheme: Scheme, models: &[&Arc<Model>]) -> Markup {
    let rows = rows(view, models).into_iter().map(Row::from).collect();
    let title = format!("Models of the scheme {scheme}");
    html! {
        h2 { (scheme) span.quiet { ": " (history(scheme)) ", the newest first" } }
        (Listing { id: "listed", title: &title, header: &HEADER, rows }.show(&view.query))
    }
}

/// Returns the windows that a scheme learns from, as in `last 4 windows`.
fn history(scheme: Scheme) -> String {
    match history_name(scheme, WindowUnit::Window).as_str() {
        "all" => "all windows so far".to_owned(),
        name => name.to_owned(),
    }
}

fn rows(view: &View, models: &[&Arc<Model>]) -> Vec<Vec<Markup>> {
    let drawn: BTreeSet<ModelId> = models.iter().take(MAX_SPARKS).map(|model| model.id()).collect();
    let (losses, dates) = (ForwardLosses::of(&view.snapshot, &drawn), view.dates());
    models.iter().map(|model| row(view, &losses, &dates, model)).collect()
}

fn row(view: &View, losses: &ForwardLosses, dates: &WindowDates, model: &Model) -> Vec<Markup> {
    let snapshot = &view.snapshot;
    let next = snapshot.score_on_next_window(model.id());
    let state = match (model.learned(), &model.artifact().verdict) {
        (None, _) => "not learned",
        (Some(_), Acceptance::Rejected { .. }) => "rejected",
        (Some(learned), _) if !learned.is_converged() => "not converged",
        _ => "accepted",
    };
    let auc = next.and_then(|score| score.auc).map_or_else(|| "\u{2013}".to_owned(), |auc| format!("{auc:.3}"));
    cells![
        html! { a href={ "/models/" (model.name()) } { (model.name()) } },
        view.window_link(dates, model.id().window),
        aliases(snapshot, model),
        thousands(model.artifact().lineage.fit_rows),
        score_or_dash(next.map(|score| score.log_loss)),
        score_or_dash(next.map(|score| score.baseline_log_loss)),
        auc,
        losses.spark(model.id()),
        state,
    ]
}

pub(super) fn aliases(snapshot: &Snapshot, model: &Model) -> String {
    let named = snapshot.named().filter(|(_, named)| named.id() == model.id());
    named.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}
