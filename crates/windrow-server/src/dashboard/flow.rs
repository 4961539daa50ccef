//! The progress of the rows, from the dataset to the models that answer.

use maud::{Markup, html};

use windrow_record::display::thousands;
use windrow_registry::monitor::{FlowStep, Observed};

/// A card: a step, or several steps that all rows have passed.
struct Card<'a> {
    names: Vec<&'a str>,
    text: &'a str,
    detail: &'a str,
    is_silent: bool,
}

/// Shows the rows in each step (sent, in the topic, sealed, trained, served) and in quarantine. When all is done, steps
/// with the same number of rows are one card.
pub(super) fn row_flow(observed: &Observed) -> Markup {
    let flow = &observed.flow;
    html! {
        ol.road.done[flow.is_complete] aria-label="Steps of the rows" {
            @for card in cards(&flow.steps, flow.is_complete) {
                li.silent[card.is_silent] data-step=(card.names.join(" ")) {
                    span.name { (card.names.join(", ")) }
                    strong data-text { (card.text) }
                    span.quiet data-detail { (card.detail) }
                }
            }
            li.bad[flow.quarantined > 0] data-step="quarantine" {
                span.name { "in quarantine" }
                strong data-text { (thousands(flow.quarantined)) }
                span.quiet { "rows" }
            }
        }
    }
}

fn cards(steps: &[FlowStep], is_complete: bool) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    for step in steps {
        match cards.last_mut().filter(|card| is_complete && card.text == step.text) {
            Some(card) => {
                card.names.push(step.name);
                // The topic's detail is the lag, which is none when all is done.
                if step.name != "in the topic" {
                    card.detail = &step.detail;
                }
            }
            None => cards.push(Card {
                names: vec![step.name],
                text: &step.text,
                detail: &step.detail,
                is_silent: step.is_silent,
            }),
        }
    }
    cards
}
