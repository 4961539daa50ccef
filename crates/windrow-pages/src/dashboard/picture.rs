//! The pictures of the pages.

use maud::{Markup, PreEscaped, html};

use crate::dashboard::frame::View;
use windrow_evaluation::plot::Picture;

/// Shows a picture, whose marks lead to the pages of what they show. The answer on a table of predictions has no pages of
/// windows, so its marks only say their values.
pub(super) fn linked(view: &View, picture: &Picture) -> Markup {
    let has_windows = !view.observed.windows.is_empty();
    PreEscaped(if has_windows { picture.linked() } else { picture.inline() })
}

/// Shows a broad picture in a box that scrolls on a narrow screen, where its letters would be too small.
pub(super) fn broad(title: &str, picture: &Markup) -> Markup {
    html! { div.broad tabindex="0" role="region" aria-label=(title) { (picture) } }
}

/// Shows boxes to hide the lines of a picture in the same figure, by their names. They need no script.
pub(super) fn lines(id: &str, names: &[String]) -> Markup {
    html! {
        @if names.len() > 1 {
            p.lines role="group" aria-label="Lines" {
                @for (number, name) in names.iter().enumerate() {
                    label { input class={ "x" (number) } type="checkbox" checked id={ (id) "-line-" (number) }; " " (name) }
                }
            }
        }
    }
}
