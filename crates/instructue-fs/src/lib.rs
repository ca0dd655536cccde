//! Files and directories that appear whole or not at all.
//!
//! Everything that this workspace leaves on disk goes through this crate, so that a kill, a
//! full disk, a second process or a flipped bit never leaves, or passes for, something whole:
//!
//! - **Writing.** [`NewFile`], [`write()`] and [`NewDirectory`] write aside, bring the content to
//!   the disk and rename. [`AppendFile`] is for logs, whose reader takes whole records only.
//!   [`remove_directory`] takes the name away first.
//! - **After a kill.** What a dead process left lies beside its target under a name of its own
//!   and is not locked: whoever writes there next clears it ([`clear_leftovers`]), and a
//!   target that was just being replaced is brought back by its reader ([`recover`]).
//! - **Who may write.** [`Claim`] marks a directory as this program's and lets one process in.
//! - **Checking.** [`Files`] holds size and digest of each file of an artefact;
//!   [`write_sealed`] and [`read_sealed`] hold a JSON file to its own digest.
//! - **Reading.** [`open`], [`read`] and [`read_text`] take regular files only: a pipe or a
//!   device never ends.
//!
//! ```
//! use instructue_fs::{Files, NewDirectory, read_sealed, write_sealed};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Manifest {
//!     users: u64,
//!     files: Files,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let target = dir.path().join("store");
//! let new = NewDirectory::create(&target)?;
//! std::fs::write(new.path().join("users.txt"), "anna\nbo\n")?;
//! let manifest = Manifest { users: 2, files: Files::of(new.path())? };
//! write_sealed(&new.path().join("manifest.json"), &manifest)?;
//! new.commit()?;
//!
//! // A reader trusts nothing that the manifest does not vouch for.
//! let manifest: Manifest = read_sealed(&target.join("manifest.json"), "a manifest")?;
//! assert_eq!(manifest.files.read(&target, "users.txt")?, b"anna\nbo\n");
//! std::fs::write(target.join("users.txt"), "anna\nbp\n")?;
//! assert!(manifest.files.read(&target, "users.txt").is_err());
//! # Ok(())
//! # }
//! ```

mod claim;
mod directory;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod file;
mod links;
mod manifest;
mod operations;
mod read;
mod temporary;

pub use claim::Claim;
pub use directory::{
    NewDirectory, check_replaceable, create_directory, remove_directory, remove_private,
};
pub use error::{Error, Result};
pub use file::{AppendFile, NewFile, copy, remove_file, write};
pub use manifest::{Entry, Files, digest, read_sealed, read_sealed_value, to_sealed, write_sealed};
pub use read::{MAX_TEXT_BYTES, open, read, read_text};
pub use temporary::{clear_leftovers, recover};
