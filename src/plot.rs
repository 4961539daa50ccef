//! Pictures as SVG: what is shown is handed in, where it stands is found out here.
//!
//! Pure: no files, no clock, the same bytes each time. Colours are classes, lines and text take the colour of what they stand
//! in, light and dark; a file of its own brings its style. Every picture has a title that says the finding and a description for those who cannot see it. Nothing that is handed
//! in becomes markup.

mod answer;
mod course;
mod scale;
mod shares;
mod svg;

pub(crate) use answer::Answer;
pub(crate) use course::Course;
pub(crate) use shares::{Point, Shares};
pub(crate) use svg::{STYLE, escaped};
