//! The web pages and the report.
//!
//! - `dashboard`: [`Dashboard`], the web pages, each as a [`PageResponse`]. [`is_page`]: the paths that belong to pages.
//! - [`report`]: the advice as files that can be shared.
//! - `terms`: the terms of the advice, which the pages and the report explain.
//! - `cell_number`: the numbers in tables, for the pages and the report.
//! - [`comparison`]: the differences of two models, for the pages and the API.
//! - [`nearest`]: the names of models that are nearest to an unknown one, for the pages and the API.
//!
//! The crate reads the registry, the monitor and the files of the window that is shown. It knows no HTTP:
//! `windrow-server` asks it for a page and sends that.

mod cell_number;
pub mod comparison;
mod dashboard;
pub mod nearest;
pub mod report;
mod terms;

pub use dashboard::{Dashboard, PageResponse, is_page};
