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
pub mod tables;
mod triangle;

pub use ages::Ages;
pub use answer::Answer;
pub use multiples::{Curve, Multiples};
pub use reliability::{Bin, Reliability};
pub use svg::{STYLE, escaped};
pub use tables::{Table, tables};
pub use triangle::Triangle;
