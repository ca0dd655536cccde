//! From files to everything that training needs: user store, training set and
//! the fitted host side of the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use instructue_eval::TaskSet;
use instructue_model::{FitConfig, FitInput, Preprocessor};
use instructue_schema::user_key;
use instructue_schema::{Schema, Timestamp, UserId, paths};
use instructue_store::{IngestOptions, IngestReport, UserStore, remote_advice, survey};
use instructue_userqa::{Split, UserQa, UserQaConfig, split_of};

use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::pretrained::PretrainedParts;
use crate::windows::{empty_users, end_of_data};
use instructue_schema::Progress;

/// The file that declares the sources of a data directory.
pub const SCHEMA_FILE: &str = "schema.toml";
/// The file that declares the downstream tasks of a data directory.
pub const TASKS_FILE: &str = "tasks.toml";
/// Users whose texts and rows the tokenizer and normalisers are fitted on, at most.
pub(crate) const FIT_USERS: usize = 20_000;

/// Data read, checked and grouped by user.
#[derive(Debug)]
pub struct Ingested {
    /// The user store.
    pub store: UserStore,
    /// Where it lies.
    pub path: PathBuf,
    /// Downstream tasks, if the data declares some.
    pub tasks: Option<TaskSet>,
    /// Training may look at events before this time only.
    pub end: Timestamp,
}

/// Reads `schema.toml`, the Parquet files and `tasks.toml` of `data` into a
/// user store at `store`; an up-to-date store there is reused.
///
/// # Errors
/// Anything wrong with the files, by name, row and column.
pub fn ingest(data: &Path, store: &Path, watch: &mut dyn FnMut(Progress)) -> Result<Ingested> {
    let (schema, tasks) = declared(data)?;
    instructue_generate::check(data)?;
    watch(Progress::Stage {
        name: "reading events",
    });
    let path = store.to_path_buf();
    let (store, report) =
        UserStore::open_or_ingest(&schema, data, &path, &IngestOptions::default(), watch)?;
    for text in describe(&report) {
        watch(Progress::Note { text });
    }
    let end = match (&tasks, end_of_data(&store)) {
        (Some(tasks), _) => tasks.reference,
        (None, Some(end)) => end,
        (None, None) => {
            return Err(Error::argument(
                &format!("data directory {}", data.display()),
                "at least one event",
                format!("none ({})", describe(&report).join("; ")),
            ));
        }
    };
    Ok(Ingested {
        store,
        path,
        tasks,
        end,
    })
}

/// Checks the tasks of the data before anything is trained for them.
pub(crate) fn check_tasks(
    ingested: &Ingested,
    data: &Path,
    min_users: usize,
    watch: &mut dyn FnMut(Progress),
) -> Result<()> {
    let Some(tasks) = &ingested.tasks else {
        return Ok(());
    };
    for text in instructue_eval::check_tasks(tasks, &ingested.store, data, min_users)? {
        watch(Progress::Note { text });
    }
    Ok(())
}

/// What `schema.toml` and, if there is one, `tasks.toml` of a data directory say.
///
/// # Errors
/// A directory without a schema (then what there is to declare), or a file that does not read.
pub(crate) fn declared(data: &Path) -> Result<(Schema, Option<TaskSet>)> {
    if !data.is_dir() {
        let found = match remote_advice(data) {
            Some(advice) => advice,
            None if data.exists() => "a file".into(),
            None => "nothing".into(),
        };
        return Err(Error::argument(
            &format!("data directory {}", data.display()),
            "a directory with schema.toml and Parquet files",
            found,
        ));
    }
    let inside = |name: &str| {
        let file = data.join(name);
        paths::inside(data, &file).map_err(Error::outside(file.display().to_string()))?;
        Ok::<_, Error>(file)
    };
    let path = inside(SCHEMA_FILE)?;
    if !path.exists() {
        return Err(Error::argument(
            &path.display().to_string(),
            "the file that says what files and columns mean (`instructue init` drafts it; README, \"Your own data\")",
            format!("none, beside {}", survey(data)),
        ));
    }
    let schema = Schema::load(&path)?;
    let tasks_file = inside(TASKS_FILE)?;
    let tasks = if tasks_file.exists() {
        Some(TaskSet::load(&tasks_file)?)
    } else {
        None
    };
    Ok((schema, tasks))
}

fn describe(report: &IngestReport) -> Vec<String> {
    let mut lines = Vec::new();
    for source in &report.sources {
        let skipped: BTreeMap<_, _> = source.skipped.iter().filter(|(_, n)| **n > 0).collect();
        let mut line = format!(
            "{}: {} of {} rows kept",
            source.name, source.kept, source.rows
        );
        for (reason, count) in skipped {
            line.push_str(&format!(", {count} {reason}"));
        }
        if let Some((first, last)) = source.times {
            let day = |time: Timestamp| {
                let (year, month, day) = time.date();
                format!("{year:04}-{month:02}-{day:02}")
            };
            line.push_str(&format!(", {} to {}", day(first), day(last)));
        }
        lines.push(line);
    }
    lines.push(format!("{} users", report.users));
    lines
}

/// The reference times that training uses: `references.count` steps back from the
/// last one whose future lies before `end`.
pub fn references(config: &RunConfig, ingested: &Ingested) -> Vec<Timestamp> {
    let newest = ingested.end.plus_days(-config.userqa.horizon_days);
    let oldest = ingested
        .store
        .time_range()
        .map_or(newest, |(first, _)| first);
    let mut times: Vec<Timestamp> = (0..config.references.count as i64)
        .map(|step| newest.plus_days(-step * config.references.step_days))
        .filter(|time| *time > oldest)
        .collect();
    if times.is_empty() {
        times.push(newest);
    }
    times.reverse();
    times
}

/// Says which times training looks back from, and how many users show nothing there.
pub(crate) fn tell_references(
    store: &UserStore,
    references: &[Timestamp],
    watch: &mut dyn FnMut(Progress),
) -> Result<()> {
    for (reference, empty) in references.iter().zip(empty_users(store, references)?) {
        let mut text = format!("reference {reference}: events before it are seen");
        if empty > 0 {
            let users = store.users();
            text.push_str(&format!(
                "; {empty} of {users} users have no event in the windows before it"
            ));
        }
        watch(Progress::Note { text });
    }
    Ok(())
}

/// Builds the training set below `out`, or opens the one that is there and fits.
///
/// # Errors
/// When it cannot be built or written.
pub fn userqa(
    store: &UserStore,
    config: &UserQaConfig,
    out: &Path,
    watch: &mut dyn FnMut(Progress),
) -> Result<UserQa> {
    watch(Progress::Stage {
        name: "building instructions and answers",
    });
    if let Ok(found) = UserQa::open(out)
        && found.manifest().config == *config
        && found.manifest().store == store.fingerprint()
    {
        return Ok(found);
    }
    instructue_userqa::build(store, config, out, watch)?;
    Ok(UserQa::open(out)?)
}

/// Fits vocabularies, normalisers and tokenizers on the training users. A
/// part of `pretrained` keeps its tokenizer. Of words, values and numbers only
/// those of at least `privacy.min_users` training users are kept.
///
/// # Errors
/// When the store cannot be read or holds no training user.
pub fn fit(
    store: &UserStore,
    triples: &UserQa,
    config: &RunConfig,
    userqa: &UserQaConfig,
    pretrained: &PretrainedParts,
    watch: &mut dyn FnMut(Progress),
) -> Result<Preprocessor> {
    watch(Progress::Stage {
        name: "fitting vocabularies",
    });
    let training = |user: &UserId| split_of(user, userqa.seed, userqa) == Split::Train;
    let last = *userqa
        .references
        .last()
        .expect("validated: at least one reference");
    // A prefix of the shards is a sample: users are placed by a hash of their id.
    let mut shards = Vec::new();
    let mut users = 0;
    for index in 0..store.shards() {
        let shard = store.shard(index)?;
        users += shard.users.iter().filter(|user| training(user)).count();
        shards.push((index, shard));
        watch(Progress::Done {
            done: users.min(FIT_USERS) as u64,
            total: store.users(),
        });
        if users >= FIT_USERS {
            break;
        }
    }
    let histories = shards.iter().flat_map(|(_, shard)| shard.histories());
    let histories = histories.filter(|history| training(history.user()));
    let histories: Vec<_> = histories.map(|history| (history, last)).collect();
    let min_users = config.privacy.min_users;
    if users < min_users {
        let text = too_few_to_keep(users, min_users);
        watch(Progress::Note { text });
    }
    let (mut instructions, mut answers) = (Vec::new(), Vec::new());
    for (index, _) in &shards {
        let triples = triples.shard(*index)?.into_iter();
        for triple in triples.filter(|t| t.split == Split::Train && !t.held_out) {
            let user = user_key(&triple.user);
            instructions.push((user, triple.instruction));
            answers.push((user, triple.answer));
        }
    }
    let fit = FitConfig {
        slots: config.slots(),
        min_users,
        vocabulary: config.model.vocabulary,
        pca_components: config.model.pca_components,
        summaries: config.model.summaries,
        lexical_matches: config.model.lexical_matches,
    };
    Ok(fit.fit(FitInput {
        schema: store.schema(),
        users: &histories,
        instructions,
        answers,
        encoder_tokenizer: pretrained
            .encoder
            .as_ref()
            .map(|part| part.tokenizer.clone()),
        tokenizer: pretrained
            .backbone
            .as_ref()
            .map(|part| part.tokenizer.clone()),
        source_tokenizers: pretrained.source_tokenizers(),
    })?)
}

/// What it means that there are fewer training users than a word must have.
fn too_few_to_keep(users: usize, min_users: usize) -> String {
    format!(
        "{users} training users are fewer than the {min_users} that a word, value or number \
         must have to be kept (min_users of [privacy]): texts are read letter by letter, and no \
         question names a value. If the data are no people's, min_users = 1 keeps everything"
    )
}
