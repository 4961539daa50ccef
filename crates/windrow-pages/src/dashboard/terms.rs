//! The terms on a page: marks after their names, which lead to the definitions at its end.

use maud::{Markup, html};

use crate::terms::{Part, Term, terms};
use windrow_evaluation::Origin;

/// Shows a small link to the definition of a term, in the words for losses of this origin.
pub(super) fn mark(term: &Term, origin: Origin) -> Markup {
    let definition = term.definition(origin);
    html! { a.term href={ "#" (term.id) } title=(definition) aria-label={ "Meaning of " (term.name) } { "?" } }
}

/// Shows a sentence with a mark after each term.
pub(super) fn marked(sentence: &[Part], origin: Origin) -> Markup {
    html! {
        @for (text, term) in sentence {
            (text)
            @if let Some(term) = term { (mark(term, origin)) }
        }
    }
}

/// Shows the definitions of the terms of a page about losses of this origin.
pub(super) fn definitions(origin: Origin) -> Markup {
    html! {
        section.terms aria-label="Terms" {
            h2 { "Terms" }
            dl.card { @for term in terms(origin) { div id=(term.id) { dt { (term.name) } dd { (term.definition(origin)) } } } }
        }
    }
}
