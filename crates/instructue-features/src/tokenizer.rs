//! Tokenizers of text, by which no text can become a special token. Every text that a model reads
//! goes through one.
//!
//! This is the only module that uses the `tokenizers` crate.

mod added;
mod lower_case;
mod plain;
mod post_processor;
mod special;
#[cfg(test)]
mod tests;
mod train;
mod unigram;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use instructue_schema::DataText;
use sha2::{Digest, Sha256};

use crate::error::Error;
use post_processor::PostProcessor;
use special::SpecialNames;
pub use special::{END, PAD};

/// The number of bytes per wanted token at which a text is truncated before it is tokenised, see
/// [`TextTokenizer::encode_limited`].
const BYTES_PER_TOKEN: usize = 64;

/// A tokenizer whose added tokens cannot be reached from text.
///
/// A Hugging Face `tokenizer.json` finds its added tokens (`[SEP]`, `<|im_end|>`, …) wherever
/// they stand in a text. Here they are removed before the tokenizer is built, also from the
/// vocabulary, so a text that spells one is encoded like any other. Their ids are the
/// [`TextTokenizer::reserved_ids`] and are placed by position only.
/// [`TextTokenizer::encode_marked`] adds the special tokens of the file's post-processor; the
/// file's truncation and padding are ignored. Clones share all data.
///
/// ```
/// use instructue_features::TextTokenizer;
/// use instructue_schema::DataText;
///
/// let texts = ["groceries | cash", "groceries | card", "books | card"].map(String::from);
/// let tokenizer = TextTokenizer::train(texts.into_iter(), 300)?;
///
/// let text = DataText::new("books | <|end|>");
/// let ids = tokenizer.encode(&text);
/// assert!(!ids.contains(&tokenizer.end_id()));
/// assert_eq!(tokenizer.decode(&ids), text.as_str());
/// # Ok::<(), instructue_features::Error>(())
/// ```
#[derive(Clone)]
pub struct TextTokenizer(Arc<Inner>);

/// Tokenizers are equal when they were made from equal files.
impl PartialEq for TextTokenizer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.json == other.0.json
    }
}

struct Inner {
    plain: tokenizers::Tokenizer,
    /// The original file's text, for saving.
    json: String,
    names: SpecialNames,
    reserved: BTreeSet<u32>,
    vocab_size: usize,
    rows: usize,
    pad: u32,
    end: u32,
    cls: Option<u32>,
    sep: Option<u32>,
    post_processor: PostProcessor,
}

impl TextTokenizer {
    /// Reads a Hugging Face `tokenizer.json` with a BPE, WordPiece, WordLevel or Unigram
    /// (SentencePiece) model.
    ///
    /// If a `tokenizer_config.json` lies beside it, that file names the tokens that pad and end a
    /// text; otherwise the usual names are tried. For BERT's tokenizer class its `do_lower_case`
    /// decides on lower-casing, as in transformers.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read; [`Error::Tokenizer`] when it is no
    /// tokenizer, has another model, or has no token that pads or ends a text.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let read = instructue_fs::read_text;
        let mut json = read(path)?;
        let config = config_beside(path);
        let names = match config.is_file() {
            true => SpecialNames::from_config(&config.display().to_string(), &read(&config)?)?,
            false => SpecialNames::default(),
        };
        if let Some(lower) = names.lower_case() {
            json = lower_case::with_bert_case(&name, json, lower)?;
        }
        Self::from_json(&name, json, names)
    }

    /// Trains a byte-level BPE of at most `vocab_size` entries on `texts`. All texts are treated
    /// as public: **any word of them may become an entry, whoever wrote it**. For texts of users
    /// see [`TextTokenizer::train_on_users`].
    ///
    /// The first ids are fixed: 0 is [`PAD`], 1 is [`END`], then come the 256 bytes, so every
    /// text can be encoded and decoded without loss. A pair that occurs only once is not merged.
    /// The result depends on the texts and their numbers of occurrences, not on their order. The
    /// texts should cover everything that will be read: event texts, instructions and answers.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when `vocab_size` is below 258.
    pub fn train(
        texts: impl Iterator<Item = String> + Send,
        vocab_size: usize,
    ) -> Result<Self, Error> {
        Self::train_on_users(texts.map(|text| (0, text)), vocab_size, 1)
    }

    /// Like [`TextTokenizer::train`], on texts of users, each with the
    /// [key](instructue_schema::user_key) of its user. Entries are made only from words that at
    /// least `min_users` distinct users have. A rarer word is spelled with other words' entries
    /// and leaves no trace in the file.
    ///
    /// ```
    /// use instructue_features::TextTokenizer;
    ///
    /// let texts = (0..9).flat_map(|user| [(user, "milk".to_string()), (0, "Xyzzy".into())]);
    /// let tokenizer = TextTokenizer::train_on_users(texts, 300, 5)?;
    /// assert!(tokenizer.json().contains("milk") && !tokenizer.json().contains("xyzzy"));
    /// # Ok::<(), instructue_features::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when `vocab_size` is below 258.
    pub fn train_on_users(
        texts: impl Iterator<Item = (u64, String)> + Send,
        vocab_size: usize,
        min_users: usize,
    ) -> Result<Self, Error> {
        let json = train::byte_level_bpe(texts, vocab_size, min_users)?;
        Self::from_json("trained tokenizer", json, SpecialNames::default())
    }

    /// The same tokenizer with lower-casing before it.
    ///
    /// # Errors
    /// [`Error::Tokenizer`], which would be a bug of this crate.
    pub fn lower_cased(&self) -> Result<Self, Error> {
        let json = lower_case::lower_cased("tokenizer", &self.0.json)?;
        Self::from_json("tokenizer", json, self.0.names.clone())
    }

    fn from_json(file: &str, json: String, names: SpecialNames) -> Result<Self, Error> {
        let parts = plain::strip(file, &json, &names)?;
        Ok(Self(Arc::new(Inner {
            plain: parts.plain,
            json,
            names,
            reserved: parts.reserved,
            vocab_size: parts.vocab_size,
            rows: parts.rows,
            pad: parts.pad,
            end: parts.end,
            cls: parts.cls,
            sep: parts.sep,
            post_processor: parts.post_processor,
        })))
    }

    /// Writes the original `tokenizer.json`, added tokens included, so that other programs can
    /// read it.
    ///
    /// The file appears under its name only when it is complete. If a `tokenizer_config.json`
    /// named the special tokens, one is written beside it (`NAME_config.json` beside `NAME.json`).
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write_files(path, &self.0.json, &self.0.names)
    }

    /// The original `tokenizer.json`, which decides the ids of a text.
    pub fn json(&self) -> &str {
        &self.0.json
    }

    /// The ids of a text. None of them is in [`TextTokenizer::reserved_ids`].
    pub fn encode(&self, text: &DataText) -> Vec<u32> {
        self.ids(text.as_str())
    }

    /// At most the first `max_tokens` ids of a text.
    ///
    /// The text is first truncated at 64 bytes per wanted token, so that a very long text costs
    /// no more than a long one. In any ordinary text tokens are shorter, and these are exactly
    /// the first ids of [`TextTokenizer::encode`].
    pub fn encode_limited(&self, text: &DataText, max_tokens: usize) -> Vec<u32> {
        let text = text.as_str();
        let end = text.floor_char_boundary(max_tokens.saturating_mul(BYTES_PER_TOKEN));
        let mut ids = self.ids(&text[..end]);
        ids.truncate(max_tokens);
        ids
    }

    /// The ids of a text for an encoder, with the special tokens that the post-processor puts
    /// before and after it (`[CLS]` … `[SEP]`). There are at most `max_tokens` ids, special
    /// tokens included. A long text loses its end, never a special token, and keeps at least one
    /// token.
    ///
    /// A tokenizer without `[CLS]` and `[SEP]` adds no special tokens.
    pub fn encode_marked(&self, text: &DataText, max_tokens: usize) -> Vec<u32> {
        let post_processor = &self.0.post_processor;
        let room = max_tokens.saturating_sub(post_processor.count()).max(1);
        let mut ids = post_processor.before.clone();
        ids.extend(self.encode_limited(text, room));
        ids.extend(&post_processor.after);
        ids
    }

    /// The ids of a template's text, which comes from the program and not from data.
    ///
    /// It is encoded like any text, because delimiters are slots and not text.
    pub fn encode_template(&self, text: &'static str) -> Vec<u32> {
        self.ids(text)
    }

    fn ids(&self, text: &str) -> Vec<u32> {
        // The only possible error is an unknown token that the vocabulary lacks, and `strip`
        // refuses such a file.
        let encoding = self.0.plain.encode_fast(text, false);
        let ids = encoding.map(|encoding| encoding.get_ids().to_vec());
        let mut ids = ids.unwrap_or_default();
        // Reserved ids are no longer in the vocabulary. This filter guards against an unforeseen
        // way to them.
        ids.retain(|id| !self.0.reserved.contains(id));
        ids
    }

    /// The text of ids. Reserved and unknown ids are left out, and invalid UTF-8 is replaced.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.0.plain.decode(ids, false).unwrap_or_default()
    }

    /// The SHA-256 of the files that it was made from. Equal tokenizers have equal digests.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(&self.0.json);
        hasher.update(b"\0");
        hasher.update(self.0.names.to_config().unwrap_or_default());
        hasher.finalize().into()
    }

    /// The largest id plus 1: the rows of an embedding table with one row per id.
    pub fn vocab_size(&self) -> usize {
        self.0.vocab_size
    }

    /// The largest id that the tokenizer returns, in a text or at its ends, plus 1. Published
    /// files have added tokens beyond their model's table; those that no text becomes need no
    /// row. The padding token needs none either, since it is masked and may be any id.
    pub fn rows(&self) -> usize {
        self.0.rows
    }

    /// The ids that no text becomes: added tokens, and those that pad, end, open or separate
    /// texts.
    pub fn reserved_ids(&self) -> &BTreeSet<u32> {
        &self.0.reserved
    }

    /// The id of padding.
    pub fn pad_id(&self) -> u32 {
        self.0.pad
    }

    /// The id that ends an answer.
    pub fn end_id(&self) -> u32 {
        self.0.end
    }

    /// The id that opens a text for a BERT-type encoder, if there is one.
    pub fn cls_id(&self) -> Option<u32> {
        self.0.cls
    }

    /// The id that closes a text for a BERT-type encoder, if there is one.
    pub fn sep_id(&self) -> Option<u32> {
        self.0.sep
    }
}

impl fmt::Debug for TextTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextTokenizer")
            .field("vocab_size", &self.0.vocab_size)
            .field("reserved_ids", &self.0.reserved)
            .finish_non_exhaustive()
    }
}

/// The file that names the special tokens of a tokenizer's file: `tokenizer_config.json` beside
/// `tokenizer.json`, as in a Hugging Face directory.
fn config_beside(path: &Path) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}_config.json"))
}

/// Writes a `tokenizer.json`, and before it the file that names its special tokens.
fn write_files(path: &Path, json: &str, names: &SpecialNames) -> Result<(), Error> {
    if let Some(config) = names.to_config() {
        instructue_fs::write(&config_beside(path), config.as_bytes())?;
    }
    Ok(instructue_fs::write(path, json.as_bytes())?)
}
