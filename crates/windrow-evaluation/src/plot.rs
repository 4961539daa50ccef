//! Pictures as SVG, and tables of their numbers. Callers pass the data; this module computes the layout.
//!
//! Guarantees: the module is pure (no files, no clock) and returns the same bytes for the same input. Colours are CSS
//! classes. Lines and text take the colour of the surrounding page, light or dark; a picture in a file of its own
//! includes a style sheet. Every picture has a title that states the finding, and a description for screen readers.
//! Text that is passed in is escaped, and cut if it would leave the picture.

mod advice_pictures;
mod ages;
mod auc_course;
mod course;
mod legend;
mod letters;
mod loss_course;
mod multiples;
mod pair_course;
mod quality;
mod recent;
mod reliability;
mod scale;
mod shares;
mod spark;
mod svg;
pub mod tables;
mod triangle;
mod window_axis;

pub use advice_pictures::{AdvicePicture, AdvicePictures};
pub use ages::Ages;
pub use auc_course::AucCourse;
pub use course::CumulativePlot;
pub use multiples::{Curve, Multiples};
pub use pair_course::PairCourse;
pub use quality::Measure;
pub use recent::Recent;
pub use reliability::{Bin, Reliability};
pub use spark::{distributions, spark};
pub use svg::{Picture, STYLE, escaped};
pub use tables::{Table, picture_tables, tables};
pub use triangle::Triangle;
