//! Vectors of a whole user base, as Parquet: `id` and one
//! `FixedSizeList<f32>` column per instruction; behind a tuned one, a score per
//! class.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema};
use instructue_eval::Embedder;
use instructue_model::cache::CacheMetrics;
use instructue_model::{AnswerScorer, InstructUe, SoftPrompt, VectorKind};
use instructue_schema::UserRef;
use instructue_schema::{DataText, Difference, Timestamp};
use instructue_store::UserStore;

use crate::cache::settle_events;
use crate::error::{Error, Result};
use crate::id_type::IdType;
use crate::parquet_file::ParquetFile;
use crate::store_embedder::StoreEmbedder;
use crate::windows::{empty_users, tell_empty};
use instructue_schema::Progress;

pub use instructue_schema::limits::texts::MAX_INSTRUCTION_BYTES;

/// What to embed, and under which instructions.
#[derive(Debug, Clone)]
pub struct EmbedRequest {
    /// Only events before this time are seen.
    pub reference: Timestamp,
    /// One column each; empty, and nothing tuned: one column of general vectors.
    pub instructions: Vec<String>,
    /// A tuned instruction: a further column, and its classes' scores.
    pub tuned: Option<SoftPrompt>,
    /// What it says of users stands beside their states.
    pub scorer: Option<AnswerScorer>,
    /// With a scorer a further column for each instruction: the probability of a yes.
    pub scores: bool,
    /// Unit vectors for cosine, or states for a model of one's own: behind what the scorer says,
    /// and behind the profile's numbers, where the model has their components.
    pub kind: VectorKind,
    /// Embed though most users have no event in the windows before the reference time: their
    /// vectors tell of nothing but their tabular rows.
    pub allow_empty: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// The file.
    pub path: PathBuf,
    /// Rows.
    pub users: u64,
    /// Width of a vector.
    pub width: usize,
    /// Columns of vectors.
    pub columns: Vec<String>,
    /// Columns of a tuned instruction's scores: a probability per class.
    pub scores: Vec<String>,
    /// Columns of answer scores: the probability of a yes to each instruction.
    pub answers: Vec<String>,
    /// What the model's event cache did for this, if it has one.
    pub event_cache: Option<CacheMetrics>,
}

/// Embeds all users of `store` and writes them to `out`, shard by shard. The
/// file appears under its name only when it is whole. The instructions are kept
/// in the columns' metadata under `instruction`, a score's class under `class`.
/// Ids have the type of the data: integers where every source declares its users
/// as `int` (of 64 bits, unsigned if one needs it; text if neither holds them all),
/// else text.
///
/// # Errors
/// An empty or overlong instruction, one tuned on another model, data of another schema than
/// the model's, a reference time before which most users have no event, an unreadable store,
/// or a disk that does not take the file.
pub fn embed_users(
    model: &InstructUe,
    store: &UserStore,
    request: &EmbedRequest,
    out: &Path,
    watch: &mut dyn FnMut(Progress),
) -> Result<Embedded> {
    let general = request.instructions.is_empty() && request.tuned.is_none();
    let instructions: Vec<Option<String>> = if general {
        vec![None]
    } else {
        request.instructions.iter().cloned().map(Some).collect()
    };
    request
        .instructions
        .iter()
        .try_for_each(|text| check_instruction(text))?;
    check_schema(model, store)?;
    check_embed_out(out)?;
    let beside = match request.kind {
        VectorKind::State => {
            let answers = request.scorer.as_ref().map_or(0, |_| AnswerScorer::WIDTH);
            answers + model.preprocessor().pca_width()
        }
        VectorKind::Unit => 0,
    };
    let width = model.width_of(request.kind) + beside;
    let count = instructions.len() + usize::from(request.tuned.is_some());
    let columns: Vec<String> = match count {
        1 => vec!["vector".into()],
        n => (1..=n).map(|number| format!("vector_{number}")).collect(),
    };
    let id_type = IdType::of(store)?;
    let id = Field::new("id", id_type.data_type(), false);
    let tuned = request.tuned.as_ref();
    let scorer = request.scorer.as_ref();
    let scored = scorer.filter(|_| request.scores);
    let answers: Vec<String> = match scored {
        Some(_) => (1..=request.instructions.len())
            .map(|n| format!("answer_{n}"))
            .collect(),
        None => Vec::new(),
    };
    let reference = request.reference;
    let about = [
        (KIND, kind_name(request.kind)),
        (MODEL, model.digest()?),
        (REFERENCE, &reference.to_string()),
    ];
    let texts = (&*instructions, &*answers);
    let (schema, scores) = arrow_schema(id, &columns, texts, tuned, width, about);
    let asked: Vec<DataText> = request
        .instructions
        .iter()
        .map(|text| DataText::new(text.as_str()))
        .collect();
    let failed = |e: &dyn std::fmt::Display| Error::Write {
        path: out.into(),
        message: e.to_string(),
    };
    let empty = empty_users(store, &[reference])?.iter().sum();
    tell_empty(empty, store.users(), reference, request.allow_empty, watch)?;
    let mut file = ParquetFile::create(out, schema)?;
    let beside = scorer.filter(|_| request.kind == VectorKind::State);
    let embedder = StoreEmbedder::new(model, store).with_answers(beside);
    let known = model.event_cache_metrics().unwrap_or_default();
    watch(Progress::Stage {
        name: "embedding users",
    });
    let mut users = 0u64;
    for shard in 0..store.shards() {
        let ids = store.shard_ids(shard)?;
        let refs: Vec<UserRef> = (0..ids.len())
            .map(|index| UserRef { shard, index })
            .collect();
        let mut progress = |step: Progress| {
            if let Progress::Done { done, .. } = step {
                watch(Progress::Done {
                    done: users + done,
                    total: store.users(),
                });
            }
        };
        let mut matrices = embedder
            .embed_users(&refs, reference, &instructions, &mut progress)
            .map_err(|e| failed(&e))?;
        let mut probabilities = Vec::new();
        if let Some(tuned) = &request.tuned {
            let both = embedder
                .embed_tuned(&refs, reference, tuned, &mut progress)
                .map_err(|e| failed(&e))?;
            probabilities = tuned.scores(&both);
            matrices.push(both);
        }
        let mut arrays: Vec<ArrayRef> = vec![id_type.array(&ids)];
        for both in matrices {
            let matrix = match request.kind {
                VectorKind::Unit => both.unit,
                VectorKind::State => both.readable()?.0,
            };
            let item = Arc::new(Field::new("item", DataType::Float32, false));
            let values = Arc::new(Float32Array::from(matrix.values));
            let list = FixedSizeListArray::try_new(item, width as i32, values, None)
                .map_err(|e| failed(&e))?;
            arrays.push(Arc::new(list));
        }
        for class in 0..scores.len() {
            let of_class = probabilities.iter().skip(class).step_by(scores.len());
            let values = of_class.copied().collect::<Vec<f32>>();
            arrays.push(Arc::new(Float32Array::from(values)));
        }
        if let Some(scorer) = scored.filter(|_| !asked.is_empty()) {
            let shard = store.shard(shard)?;
            let profiles = shard.histories();
            let profiles = profiles.map(|history| scorer.profiles().build(&history, reference));
            let found = scorer.scores(&profiles.collect::<Vec<_>>(), &asked);
            for answer in 0..asked.len() {
                let of_answer = (0..found.rows).map(|user| found.row(user)[answer]);
                arrays.push(Arc::new(Float32Array::from(
                    of_answer.collect::<Vec<f32>>(),
                )));
            }
        }
        file.write(arrays)?;
        users += ids.len() as u64;
    }
    file.finish()?;
    let event_cache = settle_events(model, &known, watch);
    Ok(Embedded {
        path: out.into(),
        users,
        width,
        columns,
        scores,
        answers,
        event_cache,
    })
}

/// The entry of a file's metadata that says what it is, and its value.
const CONTENT: (&str, &str) = ("instructue.content", "user vectors");

/// Which vectors a file has: `unit`, `state` or `answers`.
pub(crate) const KIND: &str = "instructue.vectors";
/// The digest of the model that they are of.
pub(crate) const MODEL: &str = "instructue.model";
/// Profiles end here.
pub(crate) const REFERENCE: &str = "instructue.reference";

/// The metadata of a file of vectors.
pub(crate) fn content<const N: usize>(about: [(&str, &str); N]) -> HashMap<String, String> {
    let mut all = owned([CONTENT]);
    all.extend(owned(about));
    all
}

/// Whether a file of vectors may be written to `out`: nothing is there, or an earlier one.
/// [`embed_users`] asks this by itself; who reads much data before can ask earlier.
///
/// # Errors
/// [`Error::File`] says what is there.
pub fn check_embed_out(out: &Path) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let found = if out.is_dir() {
        "a directory"
    } else if !out.is_file() {
        "something that is no file"
    } else {
        let file = instructue_store::open_parquet(out);
        let content = file.is_ok_and(|file| {
            let metadata = file.schema().metadata();
            metadata
                .get(CONTENT.0)
                .is_some_and(|found| found == CONTENT.1)
        });
        if content {
            return Ok(());
        }
        "another file"
    };
    Err(Error::File(instructue_fs::Error::Foreign {
        path: out.into(),
        expected: "nothing, or a Parquet file of embed_users to replace".into(),
        found: found.into(),
    }))
}

/// Refuses data whose schema differs from the model's in what a model depends on.
pub(crate) fn check_schema(model: &InstructUe, store: &UserStore) -> Result<()> {
    let trained = model.preprocessor().schema();
    match trained.model_difference(store.schema()) {
        None => Ok(()),
        Some(Difference { key, first, second }) => Err(Error::argument(
            &format!("schema of the data: {key}"),
            &format!("{first} as in the model"),
            second,
        )),
    }
}

/// Refuses an instruction that is empty or longer than [`MAX_INSTRUCTION_BYTES`].
/// What takes an instruction asks this by itself; who reads much data before can
/// ask earlier.
///
/// # Errors
/// Says what is expected and what was found.
pub fn check_instruction(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        let expected = "a text (leave the option out for the general vector)";
        return Err(Error::argument("instruction", expected, "an empty text"));
    }
    if text.len() > MAX_INSTRUCTION_BYTES {
        let begin: String = text.chars().take(20).collect();
        let expected = format!("at most {MAX_INSTRUCTION_BYTES} bytes");
        let found = format!("{}", text.len());
        let what = format!("instruction {begin:?}...");
        return Err(Error::argument(&what, &expected, found));
    }
    Ok(())
}

/// The name of a kind in a file's metadata.
fn kind_name(kind: VectorKind) -> &'static str {
    match kind {
        VectorKind::Unit => "unit",
        VectorKind::State => "state",
    }
}

/// The file's schema and the names of its scores.
fn arrow_schema(
    id: Field,
    columns: &[String],
    (instructions, answers): (&[Option<String>], &[String]),
    tuned: Option<&SoftPrompt>,
    width: usize,
    about: [(&str, &str); 3],
) -> (Arc<ArrowSchema>, Vec<String>) {
    let mut fields = vec![id];
    let texts = instructions.iter().map(|text| text.as_deref());
    let texts = texts.chain(tuned.map(|tuned| Some(tuned.instruction())));
    for (name, text) in columns.iter().zip(texts) {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let kind = DataType::FixedSizeList(item, width as i32);
        let metadata = [("instruction", text.unwrap_or_default())];
        fields.push(Field::new(name, kind, false).with_metadata(owned(metadata)));
    }
    let mut scores = Vec::new();
    if let Some(tuned) = tuned {
        for (number, class) in tuned.classes().iter().enumerate() {
            let name = format!("score_{}", number + 1);
            let metadata = [("instruction", tuned.instruction()), ("class", class)];
            let field = Field::new(&name, DataType::Float32, false);
            fields.push(field.with_metadata(owned(metadata)));
            scores.push(name);
        }
    }
    for (name, text) in answers.iter().zip(instructions) {
        let metadata = [("instruction", text.as_deref().unwrap_or_default())];
        let field = Field::new(name, DataType::Float32, false);
        fields.push(field.with_metadata(owned(metadata)));
    }
    let schema = ArrowSchema::new(fields).with_metadata(content(about));
    (Arc::new(schema), scores)
}

fn owned<const N: usize>(entries: [(&str, &str); N]) -> HashMap<String, String> {
    entries
        .map(|(key, value)| (key.into(), value.into()))
        .into()
}
