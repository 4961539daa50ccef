//! Pictures as SVG, and the tables behind them: what is shown is handed in, where it stands is found out here.
//!
//! Pure: no files, no clock, the same bytes each time. Colours are classes, lines and text take the colour of what they stand
//! in, light and dark; a file of its own brings its style. Every picture has a title that says the finding and a description for those who cannot see it. Nothing that is handed
//! in becomes markup.

mod ages;
mod answer;
mod course;
mod multiples;
mod reliability;
mod scale;
mod shares;
mod svg;
mod tables;
mod triangle;

pub(crate) use ages::Ages;
pub(crate) use answer::Answer;
pub(crate) use multiples::{Curve, Multiples};
pub(crate) use reliability::{Bin, Reliability};
pub(crate) use svg::{STYLE, escaped};
pub(crate) use tables::{Table, tables};
pub(crate) use triangle::Triangle;
