//! The terms on a page: marks after their names, which lead to the definitions at its end.

use maud::{Markup, html};

use crate::terms::{Part, TERMS, Term};

/// Shows a small link to the definition of a term.
pub(super) fn mark(term: &Term) -> Markup {
    html! { a.term href={ "#" (term.id) } title=(term.definition) aria-label={ "Meaning of " (term.name) } { "?" } }
}

/// Shows a sentence with a mark after each term.
pub(super) fn marked(sentence: &[Part]) -> Markup {
    html! {
        @for (text, term) in sentence {
            (text)
            @if let Some(term) = term { (mark(term)) }
        }
    }
}

pub(super) fn definitions() -> Markup {
    html! {
        section.terms aria-label="Terms" {
            h2 { "Terms" }
            dl.card { @for term in TERMS.iter() { div id=(term.id) { dt { (term.name) } dd { (term.definition) } } } }
        }
    }
}
