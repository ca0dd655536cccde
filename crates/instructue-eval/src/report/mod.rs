//! An evaluation as one HTML page that needs no network.
//!
//! Sections of what was not measured are left out, so a default run and a suite over
//! folds have the same report.

mod forecasts;
mod html;
mod losses;
mod method_plots;
mod page;
mod plots;
mod tasks;
mod uses;
mod vectors;

pub use losses::LossPoint;
pub use page::write_report;
