//! What is shown in the place of what is not there.

use maud::html;

use crate::dashboard::frame::{Page, View};

/// Says what was asked for and what there is.
pub(super) fn page(view: &View, here: &str, title: &str, sentence: &str) -> Page {
    let main = html! {
        h1 { (title) }
        p { (sentence) }
    };
    view.missing(here, title, &main)
}
