//! Files and directories that appear complete or not at all. One needs this crate to write
//! anything that a killed process must not leave half done.
//!
//! Everything that this workspace leaves on disk goes through this crate. After a kill, a full
//! disk, a second process or a flipped bit, a reader therefore never takes damaged content for
//! complete content:
//!
//! - **Writing.** [`NewFile`], [`write()`] and [`NewDirectory`] write under a temporary name, sync
//!   the content to the disk and rename it. [`AppendFile`] is for logs, of which a reader takes
//!   complete records only. [`remove_directory`] first renames the directory, then removes it.
//! - **After a kill.** The rest of a dead process lies beside its target under a temporary name
//!   and is not locked. The next writer clears it ([`clear_leftovers`]). The next reader brings
//!   back a target that was being replaced ([`recover`]).
//! - **Who may write.** [`Claim`] marks a directory as this program's and admits one process.
//! - **Checking.** [`Files`] holds size and digest of each file of an artefact;
//!   [`write_sealed`] and [`read_sealed`] protect a JSON file by a digest of its own content.
//! - **Reading.** [`open`], [`read`] and [`read_text`] take regular files only, because a pipe
//!   or a device may never end.
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
//! // A reader trusts only files whose digest the manifest holds.
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
pub use instructue_mmap::map;
pub use manifest::{Entry, Files, digest, read_sealed, read_sealed_value, to_sealed, write_sealed};
pub use read::{MAX_TEXT_BYTES, open, read, read_text};
pub use temporary::{clear_leftovers, recover};
