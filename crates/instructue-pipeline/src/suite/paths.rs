//! Where things lie below a suite's output.

use std::path::{Path, PathBuf};

use instructue_fs::Claim;

use crate::error::Result;

/// The output directory of a suite, which nobody else writes into meanwhile.
pub(crate) struct Paths(
    PathBuf,
    #[expect(dead_code, reason = "held, not read")] Claim,
);

impl Paths {
    /// Claims the directory, which is made if there is none.
    pub fn new(out: &Path) -> Result<Self> {
        let claim = Claim::take(out, "suite")?;
        Ok(Self(out.to_owned(), claim))
    }

    /// A file of the output itself.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The data as they are, read.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The data with the sources that a variant sees, read.
    pub fn store_of(&self, variant: &str) -> PathBuf {
        self.0.join("stores").join(variant)
    }

    /// Data whose events were changed; `of` says what they were changed from, and how.
    pub fn noise(&self, of: u64, condition: &str) -> PathBuf {
        self.0
            .join("noise")
            .join(format!("{of:016x}"))
            .join(condition)
    }

    /// The same, read.
    pub fn noise_store(&self, of: u64, condition: &str) -> PathBuf {
        self.noise(of, &format!("{condition}-store"))
    }

    /// What the baselines read and write.
    pub fn exchange(&self) -> PathBuf {
        self.0.join("exchange")
    }

    /// Our vectors for baselines that stand beside them.
    pub fn own_vectors(&self, fold: usize) -> PathBuf {
        let name = format!("fold-{fold}.vectors.parquet");
        self.exchange().join("ours").join(name)
    }

    /// A model, the whole one or a variant, of a fold.
    pub fn run(&self, model: &str, fold: usize) -> PathBuf {
        self.0.join("runs").join(model).join(format!("fold-{fold}"))
    }

    /// What was measured of a model, or of the baselines, on a fold; relative to the output.
    pub fn result_name(model: &str, fold: usize) -> String {
        format!("results/{model}/fold-{fold}.json")
    }

    /// Its file.
    pub fn result(&self, model: &str, fold: usize) -> PathBuf {
        self.0.join(Self::result_name(model, fold))
    }
}
