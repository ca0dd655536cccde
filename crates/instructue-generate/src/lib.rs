//! Generated users with known answers: six sources for any number of users. One needs them to
//! test what a model can learn, and to try the programs without data of one's own.
//!
//! Real data with all six sources of InstructUE (arXiv:2510.11016) and with known answers cannot be
//! published, so this crate generates some. Each user has a few hidden yes-or-no
//! [traits](Trait) (a pet, children, a habit of playing games, …), drawn independently. A trait
//! shows only in its own sources, and most events are noise that is unrelated to any trait. So an
//! instruction that names the trait tells a model where to look. Events go on after the reference
//! time, consistent with the traits, so questions about the future can be asked too.
//!
//! Results on these users show what a model can learn, not how good it is on people. Wherever
//! they are reported, they must be called "generated".
//!
//! ```
//! use instructue_generate::{GenerateConfig, Trait, generate, traits_of, user_id};
//!
//! let dir = tempfile::tempdir()?;
//! let config = GenerateConfig { users: 50, seed: 7, ..GenerateConfig::default() };
//! let report = generate(&config, dir.path(), &mut |_| {})?;
//!
//! // There are six Parquet files as `Schema::default_six` declares them,
//! assert!(report.rows["bill"] > 1000);
//! for file in ["bill", "minipro", "spm", "app", "search", "tabular"] {
//!     assert!(dir.path().join(format!("{file}.parquet")).is_file());
//! }
//! // the schema itself, and downstream tasks whose labels are the hidden traits.
//! instructue_schema::Schema::load(&dir.path().join("schema.toml"))?;
//! let tasks = std::fs::read_to_string(dir.path().join("tasks.toml"))?;
//! assert!(tasks.contains("Does this user have a pet?"));
//!
//! // A user is a pure function of seed and number, so the truth needs no file.
//! assert_eq!(user_id(3), "u0000000003");
//! let owners = (0..50).filter(|user| traits_of(7, *user)[Trait::PetOwner as usize]);
//! assert_eq!(report.traits["pet_owner"], owners.count() as u64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod error;
mod names;
mod person;
mod random;
mod tables;
mod tasks;
mod traits;
mod vocabulary;
mod write;

pub use config::GenerateConfig;
pub use error::{Error, Result};
pub use names::{LABELS_FILE, MANIFEST_FILE, SCHEMA_FILE, TASKS_FILE, TRUTH_FILE};
pub use person::user_id;
pub use traits::{Trait, TraitInfo, Traits, traits_of};
pub use write::{GenerateReport, check, generate};
