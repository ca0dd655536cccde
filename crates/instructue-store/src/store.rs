//! The user store: a directory of shards with a manifest.

use std::path::{Path, PathBuf};

use instructue_fs::{Files, NewDirectory, read_sealed_value, recover};
use instructue_schema::{Schema, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ingest::{IngestOptions, IngestReport, Plan, Progress, shard_of};
use crate::shard_file;
use instructue_schema::Shard;

const MANIFEST: &str = "manifest.json";

/// All histories of all users, on disk in shards that each fit in memory.
///
/// A user's shard follows from a hash of the id. A store is written once,
/// beside its final place, and moved there when complete; a directory
/// without a manifest is no store. The manifest holds size and digest of each
/// file, and a file is read only if it is that one.
///
/// ```
/// use std::path::Path;
///
/// use instructue_store::{IngestOptions, UserStore};
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
        check_store(store)?;
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
        check_store(store)?;
        let plan = Plan::new(schema, data, options)?;
        match Self::open(store) {
            // The inputs are at hand, so a damaged store is made anew rather than reported.
            Ok(found)
                if found.fingerprint() == plan.fingerprint
                    && found.manifest.files.check(store).is_ok() =>
            {
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
        let new = NewDirectory::create(store)?;
        // Rows on their way to their shard: nobody else's business, and gone when this returns.
        let rows = NewDirectory::create_private(&store.with_extension("rows"))?;
        let manifest = plan.run(&new, rows.path(), progress)?;
        new.commit()?;
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
    /// was not completed, [`Error::Manifest`] for a manifest of another version,
    /// [`Error::File`] for one that is damaged.
    pub fn open(store: &Path) -> Result<Self> {
        recover(store);
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

    /// The ids of a shard's users, in its order, without its events.
    ///
    /// # Errors
    /// As [`UserStore::shard`].
    pub fn shard_ids(&self, i: usize) -> Result<Vec<UserId>> {
        self.check_shard(i)?;
        shard_file::read_ids(&self.path, i, &self.manifest.files)
    }

    /// Reads a shard into memory.
    ///
    /// # Errors
    /// [`Error::NoShard`] beyond [`UserStore::shards`]; [`Error::File`] for files that are
    /// missing or not what the manifest says.
    pub fn shard(&self, i: usize) -> Result<Shard> {
        self.check_shard(i)?;
        shard_file::read(&self.path, i, &self.schema, &self.manifest.files)
    }

    fn check_shard(&self, i: usize) -> Result<()> {
        let shards = self.shards();
        if i < shards {
            return Ok(());
        }
        Err(Error::NoShard {
            path: self.path.clone(),
            shard: i,
            shards,
        })
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

/// Only a store, an empty directory or nothing may be replaced by a store. A damaged manifest
/// makes it no less a store, another file beside the shards does.
fn check_store(store: &Path) -> Result<()> {
    let belongs = shard_file::is_file_name;
    Ok(instructue_fs::check_replaceable(
        store,
        "a user store",
        MANIFEST,
        belongs,
    )?)
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
    /// All files of the shards.
    pub(crate) files: Files,
}

/// A shard in the manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShardEntry {
    pub(crate) users: u64,
    /// Of its events.
    pub(crate) time_range: Option<(Timestamp, Timestamp)>,
}

impl Manifest {
    /// The version of the directory's layout.
    pub(crate) const FORMAT: u32 = 2;

    pub(crate) fn new(schema: &Schema, fingerprint: &str) -> Self {
        Self {
            format: Self::FORMAT,
            fingerprint: fingerprint.into(),
            schema: schema.to_toml(),
            report: IngestReport::default(),
            shards: Vec::new(),
            files: Files::default(),
        }
    }

    fn read(store: &Path) -> Result<Self> {
        let path = store.join(MANIFEST);
        let what = "the manifest of a user store";
        let value = match read_sealed_value(&path, what) {
            Err(error) if error.is_not_found() => {
                return Err(Error::NoManifest { path: store.into() });
            }
            result => result?,
        };
        let unusable = |expected: String, found: String| Error::Manifest {
            path: path.clone(),
            expected,
            found,
        };
        // Before the rest: another version may have other keys.
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(Self::FORMAT.into()) {
            let found = format.map_or("none".into(), |format| format.to_string());
            return Err(unusable(format!("format {}", Self::FORMAT), found));
        }
        serde_json::from_value(value).map_err(|error| unusable(what.into(), error.to_string()))
    }

    /// Writes the manifest, the last file of a store.
    pub(crate) fn write(&self, store: &NewDirectory) -> Result<()> {
        Ok(store.write_sealed(MANIFEST, self)?)
    }
}
