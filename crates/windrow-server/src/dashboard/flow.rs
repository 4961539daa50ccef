//! The progress of the rows, from the dataset to the models that answer.

use maud::{Markup, html};

use windrow_record::display::thousands;
use windrow_registry::monitor::Observed;

/// Shows the rows in each step (sent, in the topic, sealed, trained, served) and in quarantine.
pub(super) fn row_flow(observed: &Observed) -> Markup {
    let flow = &observed.flow;
    html! {
        ol.road aria-label="Steps of the rows" {
            @for step in &flow.steps {
                li.silent[step.is_silent] data-step=(step.name) {
                    span.name { (step.name) }
                    strong data-text { (step.text) }
                    span.quiet data-detail { (step.detail) }
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
