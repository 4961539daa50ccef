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
        // The last step counts models, and no rows.
        let is_same = |card: &&mut Card<'_>| is_complete && card.text == step.text && step.name != "served";
        match cards.last_mut().filter(is_same) {
            Some(card) => {
                card.names.push(step.name);
                // The topic's detail is the lag, which is empty when all is done.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_complete_does_not_repeat_one_number() {
        let mut observed = Observed::default();
        let step = |name: &'static str, text: &str, detail: &str| {
            let (text, detail) = (text.to_owned(), detail.to_owned());
            FlowStep { name, rows: None, text, detail, is_silent: false }
        };
        observed.flow.steps = vec![
            step("sent", "4,000", "of 4,000"),
            step("in the topic", "4,000", "lag 0"),
            step("sealed", "82", "40 windows"),
            step("trained", "82", "40 windows"),
            step("served", "82", "models"),
        ];
        assert_eq!(row_flow(&observed).into_string().matches("<li").count(), 6, "all are shown while rows arrive");
        observed.flow.is_complete = true;
        let text = row_flow(&observed).into_string();
        assert_eq!(text.matches("<li").count(), 4, "{text}");
        assert!(text.contains("sent, in the topic") && text.contains("of 4,000") && !text.contains("lag 0"), "{text}");
        assert!(text.contains("sealed, trained") && text.contains("data-step=\"served\""), "{text}");
    }
}
