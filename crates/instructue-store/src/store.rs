//! The user store: a directory of shards with a manifest. Training and embedding read users from
//! it.

use std::path::{Path, PathBuf};

use instructue_fs::{NewDirectory, recover};
use instructue_schema::{Schema, Shard, Timestamp, UserId};

use crate::error::{Error, Result};
use crate::ingest::{IngestOptions, Plan, shard_of};
use crate::manifest::{self, Manifest};
use crate::report::IngestReport;
use crate::shard_file;
use instructue_schema::Progress;

/// All histories of all users, on disk in shards that each fit in memory.
///
/// A hash of the id decides a user's shard. A store is written under a temporary name and renamed
/// once it is complete; a directory without a manifest is no store. The manifest holds size and
/// digest of each file, and a file with another digest is refused.
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
    /// An existing store at `store` is replaced once the new one is complete. Any other content
    /// there is an error and stays. Events of one user at the same second are ordered by their
    /// fields, in the order of the schema: a missing value first, texts by bytes, numbers by
    /// [`f64::total_cmp`], vectors number by number. So a store does not depend on the order of rows or on the names and
    /// number of files. If two tabular rows exclude each other and the schema says to skip bad
    /// rows, the row that was read first is kept.
    ///
    /// # Errors
    /// Unusable files, and bad rows unless the schema says to skip them (then the report counts
    /// them). Each error names the file, and row and column where they are known.
    pub fn ingest(
        schema: &Schema,
        data: &Path,
        store: &Path,
        options: &IngestOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, IngestReport)> {
        check_store(store)?;
        let plan = Plan::new(schema, data, options)?;
        Self::write(&plan, schema, store, progress)
    }

    /// Opens the store at `store` if it was made from the same inputs with the same schema and
    /// options. Otherwise ingests the inputs.
    ///
    /// # Errors
    /// As [`UserStore::ingest`].
    pub fn open_or_ingest(
        schema: &Schema,
        data: &Path,
        store: &Path,
        options: &IngestOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, IngestReport)> {
        check_store(store)?;
        let plan = Plan::new(schema, data, options)?;
        match Self::open(store) {
            // The inputs are available, so a damaged store is rebuilt instead of reported.
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
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, IngestReport)> {
        let new = NewDirectory::create(store)?;
        // The spilled rows are private and are removed when this function returns.
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
    /// [`Error::Missing`] if there is no directory, [`Error::NoManifest`] if it is no store or
    /// was not completed, [`Error::Manifest`] for a manifest of another version, [`Error::File`]
    /// for a damaged one.
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
        let path = store.join(manifest::NAME);
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

    /// The schema of its ingest.
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

    /// Reads the ids of a shard's users, in the shard's order, without the events.
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
    /// missing or do not match the manifest.
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

    /// The shard that holds `user`, if the store has the user.
    pub fn shard_of(&self, user: &UserId) -> usize {
        shard_of(user.as_str(), self.shards())
    }

    /// A digest of inputs, schema and options. Equal fingerprints mean equal stores.
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

    /// The report of the ingest: rows read, kept and left out.
    pub fn report(&self) -> &IngestReport {
        &self.manifest.report
    }
}

/// Checks that `store` may be replaced: it is a store, an empty directory or missing. A store
/// with a damaged manifest may be replaced; one with a foreign file beside its shards may not.
fn check_store(store: &Path) -> Result<()> {
    let belongs = shard_file::is_file_name;
    Ok(instructue_fs::check_replaceable(
        store,
        "a user store",
        manifest::NAME,
        belongs,
    )?)
}
