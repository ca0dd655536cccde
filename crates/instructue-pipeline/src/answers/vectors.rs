//! Users and questions in the space of answers, as files for a store of vectors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use instructue_model::AnswerScorer;
use instructue_schema::{DataText, Matrix, Progress, Timestamp};
use instructue_store::UserStore;

use crate::embed::{KIND, check_embed_out, check_instruction, content};
use crate::error::{Error, Result};
use crate::id_type::IdType;
use crate::parquet_file::ParquetFile;
use crate::windows::{empty_users, tell_empty};

/// Whom to write, and which questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerVectorsRequest {
    /// Only events before this time are seen.
    pub reference: Timestamp,
    /// The questions.
    pub instructions: Vec<String>,
    /// Write though most users have no event in the windows before the reference time.
    pub allow_empty: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerVectors {
    /// The users: `id` and `vector`.
    pub users: PathBuf,
    /// The questions: `instruction` and `vector`; none if none was asked.
    pub questions: Option<PathBuf>,
    /// Rows of the users.
    pub count: u64,
    /// Length of a vector.
    pub width: usize,
}

/// Writes all users of `store` as they are before the reference time, and beside them questions, in
/// the space of answers: who has the greatest cosine with a question is likeliest to answer yes.
/// Questions go to a file of their own, `NAME.questions.parquet` beside `NAME.parquet`; one of an
/// earlier space is gone before the users' file appears.
///
/// # Errors
/// A scorer without a space, an empty or overlong instruction, a reference time before which most
/// users have no event, an unreadable store, a place where something else lies, or a disk that
/// does not take the files.
pub fn embed_answers(
    scorer: &AnswerScorer,
    store: &UserStore,
    request: &AnswerVectorsRequest,
    out: &Path,
    watch: &mut dyn FnMut(Progress),
) -> Result<AnswerVectors> {
    let AnswerVectorsRequest {
        reference,
        instructions,
        allow_empty,
    } = request;
    let reference = *reference;
    instructions
        .iter()
        .try_for_each(|text| check_instruction(text))?;
    let beside = out.with_extension("questions.parquet");
    check_embed_out(out)?;
    check_embed_out(&beside)?;
    let width = scorer.space().width();
    if width == 0 {
        let expected = "one with a space of answers (answers.width above 0)";
        return Err(Error::argument("answer scorer", expected, "one without"));
    }
    let empty = empty_users(store, &[reference])?.iter().sum();
    tell_empty(empty, store.users(), reference, *allow_empty, watch)?;
    watch(Progress::Stage {
        name: "embedding users",
    });
    let id_type = IdType::of(store)?;
    let id = Field::new("id", id_type.data_type(), false);
    let mut file = ParquetFile::create(out, schema(id, width))?;
    let mut count = 0;
    for shard in 0..store.shards() {
        let ids = store.shard_ids(shard)?;
        let users = store.shard(shard)?;
        let profiles = users.histories();
        let profiles = profiles.map(|history| scorer.profiles().build(&history, reference));
        let vectors = scorer.user_vectors(&profiles.collect::<Vec<_>>());
        file.write(vec![id_type.array(&ids), list(vectors, out)?])?;
        count += ids.len() as u64;
        watch(Progress::Done {
            done: count,
            total: store.users(),
        });
    }
    instructue_fs::remove_file(&beside)?;
    file.finish()?;
    let questions = (!instructions.is_empty()).then_some(beside);
    if let Some(path) = &questions {
        let text = Field::new("instruction", DataType::Utf8, false);
        let mut file = ParquetFile::create(path, schema(text, width))?;
        let asked = instructions.iter().map(|text| DataText::new(text.as_str()));
        let vectors = scorer.question_vectors(&asked.collect::<Vec<_>>());
        let texts = StringArray::from_iter_values(instructions);
        file.write(vec![Arc::new(texts), list(vectors, path)?])?;
        file.finish()?;
    }
    Ok(AnswerVectors {
        users: out.into(),
        questions,
        count,
        width,
    })
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, false))
}

/// A column of names and one of vectors.
fn schema(names: Field, width: usize) -> Arc<Schema> {
    let kind = DataType::FixedSizeList(item(), width as i32);
    let fields = vec![names, Field::new("vector", kind, false)];
    Arc::new(Schema::new(fields).with_metadata(content([(KIND, "answers")])))
}

fn list(vectors: Matrix, path: &Path) -> Result<ArrayRef> {
    let width = vectors.columns as i32;
    let values = Arc::new(Float32Array::from(vectors.values));
    let list = FixedSizeListArray::try_new(item(), width, values, None);
    Ok(Arc::new(list.map_err(|e| Error::Write {
        path: path.into(),
        message: e.to_string(),
    })?))
}
