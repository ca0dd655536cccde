//! The user store: a directory of shards with a manifest.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use instructue_schema::{Schema, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::history::Shard;
use crate::ingest::{IngestOptions, IngestReport, Plan, Progress, shard_of};
use crate::shard_file;

const MANIFEST: &str = "manifest.json";

/// All histories of all users, on disk in shards that each fit in memory.
///
/// A user's shard follows from a hash of the id. A store is written once,
/// beside its final place, and moved there when complete; a directory
/// without a manifest is no store.
///
/// ```
/// use std::path::Path;
///
/// use instructue_data::{IngestOptions, UserStore};
/// use instructue_schema::{Schema, Timestamp, UserId};
///
/// let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/complete-journey");
/// let schema = Schema::load(&data.join("schema.toml"))?;
/// let directory = tempfile::tempdir()?;
/// let store = directory.path().join("store");
///
/// // Reads the files once; later calls open the store as long as nothing has changed.
/// let options = IngestOptions::default();
/// let (store, report) =
///     UserStore::open_or_ingest(&schema, &data, &store, &options, &mut |_| {})?;
/// assert_eq!(report.sources[0].kept, 885_544);
///
/// // One user: the shard that has it, the user in it, the events of a source.
/// let user = UserId::new("1").expect("not empty");
/// let shard = store.shard(store.shard_of(&user))?;
/// let history = shard.history(shard.find(&user).expect("a known user"));
/// let (bill, _) = schema.source("bill").expect("a declared source");
/// let july = Timestamp(1_498_867_200); // 2017-07-01
/// let before = history.events(bill).before(july);
/// let newest = before.newest(1);
/// assert!(newest.time(0) < july);
/// assert_eq!(schema.sources[bill].fields()[0].name, "sales_value");
/// assert!(newest.number(0, 0).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct UserStore {
    path: PathBuf,
    schema: Schema,
    manifest: Manifest,
}

impl UserStore {
    /// Reads the Parquet files below `data` that `schema` declares and writes a store to `store`.
    ///
    /// A store at `store` is replaced, after the new one is complete; anything else there is
    /// left alone and an error. Events of one user at the same second are ordered by their
    /// fields, one after the other as the schema lists them (a missing value first, texts by
    /// bytes, numbers by [`f64::total_cmp`]); so a store does not depend on the order of rows or
    /// on the names and number of files. Of two tabular rows that exclude each other the first
    /// read is kept, where the schema says to skip bad rows.
    ///
    /// # Errors
    /// Unusable files, and bad rows unless the schema says to skip them (then they are counted
    /// in the report). Each error names the file, and row and column where there are such.
    pub fn ingest(
        schema: &Schema,
        data: &Path,
        store: &Path,
        options: &IngestOptions,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Self, IngestReport)> {
        check_replaceable(store)?;
        let plan = Plan::new(schema, data, options)?;
        Self::write(&plan, schema, store, progress)
    }

    /// Opens the store at `store` if it was made of the same inputs with the same schema and
    /// options, and makes it otherwise.
    ///
    /// # Errors
    /// As [`UserStore::ingest`].
    pub fn open_or_ingest(
        schema: &Schema,
        data: &Path,
        store: &Path,
        options: &IngestOptions,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Self, IngestReport)> {
        check_replaceable(store)?;
        let plan = Plan::new(schema, data, options)?;
        match Self::open(store) {
            Ok(found) if found.fingerprint() == plan.fingerprint => {
                let report = found.report().clone();
                Ok((found, report))
            }
            _ => Self::write(&plan, schema, store, progress),
        }
    }

    fn write(
        plan: &Plan<'_>,
        schema: &Schema,
        store: &Path,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Self, IngestReport)> {
        let parent = match store.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
        // Removed with everything in it when this function returns, also early.
        let workshop = tempfile::Builder::new()
            .prefix(".ingest-")
            .tempdir_in(parent);
        let workshop = workshop.map_err(Error::io(parent))?;
        let (new, rows) = (workshop.path().join("store"), workshop.path().join("rows"));
        for directory in [&new, &rows] {
            fs::create_dir(directory).map_err(Error::io(directory))?;
        }
        let manifest = plan.run(&new, &rows, progress)?;
        if store.exists() {
            let old = workshop.path().join("old");
            fs::rename(store, &old).map_err(Error::io(store))?;
            if let Err(error) = fs::rename(&new, store) {
                // Put the old one back; if that fails too, the first error still tells why.
                let _ = fs::rename(&old, store);
                return Err(Error::Io {
                    path: store.into(),
                    error,
                });
            }
        } else {
            fs::rename(&new, store).map_err(Error::io(store))?;
        }
        let report = manifest.report.clone();
        Ok((
            Self {
                path: store.into(),
                schema: schema.clone(),
                manifest,
            },
            report,
        ))
    }

    /// Opens a store.
    ///
    /// # Errors
    /// [`Error::Missing`] without a directory, [`Error::NoManifest`] for one that is no store or
    /// was not completed, [`Error::Manifest`] for a manifest of another version or damaged.
    pub fn open(store: &Path) -> Result<Self> {
        if !store.is_dir() {
            let expected = "the directory of a user store".into();
            return Err(Error::Missing {
                path: store.into(),
                expected,
            });
        }
        let manifest = Manifest::read(store)?;
        let path = store.join(MANIFEST);
        let schema = Schema::from_toml(&manifest.schema).map_err(|error| Error::Manifest {
            path,
            expected: "a valid schema".into(),
            found: error.to_string(),
        })?;
        Ok(Self {
            path: store.into(),
            schema,
            manifest,
        })
    }

    /// The schema it was made with.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The number of shards.
    pub fn shards(&self) -> usize {
        self.manifest.shards.len()
    }

    /// The number of users.
    pub fn users(&self) -> u64 {
        self.manifest.report.users
    }

    /// The number of users in each shard.
    pub fn shard_users(&self) -> impl ExactSizeIterator<Item = u64> {
        self.manifest.shards.iter().map(|shard| shard.users)
    }

    /// Reads a shard into memory.
    ///
    /// # Errors
    /// [`Error::NoShard`] beyond [`UserStore::shards`]; missing, cut off or damaged files.
    pub fn shard(&self, i: usize) -> Result<Shard> {
        let Some(entry) = self.manifest.shards.get(i) else {
            let (path, shards) = (self.path.clone(), self.shards());
            return Err(Error::NoShard {
                path,
                shard: i,
                shards,
            });
        };
        shard_file::read(&self.path, i, &self.schema, &entry.sizes)
    }

    /// The shard in which `user` is, if the store has that user.
    pub fn shard_of(&self, user: &UserId) -> usize {
        shard_of(user.as_str(), self.shards())
    }

    /// A digest of inputs, schema and options: equal digests, equal stores.
    pub fn fingerprint(&self) -> &str {
        &self.manifest.fingerprint
    }

    /// The first and the last time of all events; `None` when there are none.
    pub fn time_range(&self) -> Option<(Timestamp, Timestamp)> {
        let ranges = self
            .manifest
            .shards
            .iter()
            .filter_map(|shard| shard.time_range);
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// What was read, kept and left out when the store was made.
    pub fn report(&self) -> &IngestReport {
        &self.manifest.report
    }
}

/// Only a store, an empty directory or nothing may be replaced by a store.
fn check_replaceable(store: &Path) -> Result<()> {
    if !store.exists() || store.join(MANIFEST).is_file() && Manifest::read(store).is_ok() {
        return Ok(());
    }
    if !store.is_dir() {
        return Err(Error::NotAStore {
            path: store.into(),
            found: "a file",
        });
    }
    match fs::read_dir(store).map_err(Error::io(store))?.next() {
        None => Ok(()),
        Some(_) => Err(Error::NotAStore {
            path: store.into(),
            found: "other files",
        }),
    }
}

/// The content of `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    pub(crate) fingerprint: String,
    /// The schema as TOML.
    schema: String,
    pub(crate) report: IngestReport,
    pub(crate) shards: Vec<ShardEntry>,
}

/// A shard in the manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShardEntry {
    pub(crate) users: u64,
    /// Bytes of the users' file, then of each source's; 0 where there is no file.
    pub(crate) sizes: Vec<u64>,
    /// Of its events.
    pub(crate) time_range: Option<(Timestamp, Timestamp)>,
}

impl Manifest {
    /// The version of the directory's layout.
    pub(crate) const FORMAT: u32 = 1;

    pub(crate) fn new(schema: &Schema, fingerprint: &str) -> Self {
        Self {
            format: Self::FORMAT,
            fingerprint: fingerprint.into(),
            schema: schema.to_toml(),
            report: IngestReport::default(),
            shards: Vec::new(),
        }
    }

    fn read(store: &Path) -> Result<Self> {
        let path = store.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoManifest { path: store.into() });
            }
            result => result.map_err(Error::io(&path))?,
        };
        let manifest: Self = serde_json::from_str(&text).map_err(|error| Error::Manifest {
            path: path.clone(),
            expected: "the manifest of a user store".into(),
            found: error.to_string(),
        })?;
        if manifest.format != Self::FORMAT {
            return Err(Error::Manifest {
                path,
                expected: format!("format {}", Self::FORMAT),
                found: manifest.format.to_string(),
            });
        }
        Ok(manifest)
    }

    /// Writes the manifest in one step: it is there complete, or not at all.
    pub(crate) fn write(&self, store: &Path) -> Result<()> {
        let path = store.join(MANIFEST);
        let part = store.join("manifest.json.part");
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| Error::Io {
            path: part.clone(),
            error: error.into(),
        })?;
        let write = || {
            let mut file = File::create(&part)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(Error::io(&part))?;
        fs::rename(&part, &path).map_err(Error::io(&path))
    }
}
