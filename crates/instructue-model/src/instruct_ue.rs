//! The model as its users see it: profile + instruction → vector.

use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use instructue_features::{
    Batch, Layout, Profile, ProfileTokens, Row, Segment, token_budget_batches,
};
use instructue_schema::{DataText, Matrix, UserVectors};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::event_cache::EventCaches;
use crate::identity::model_digest;
use crate::input::{Extras, NetworkInput, TextInput};
use crate::network::{Network, NetworkOutput};
use crate::numbers::{LexicalTable, Question};
use crate::parameters::name_parameters;
use crate::preprocessor::{MAX_TEXT_TOKENS, Preprocessor};
use crate::pretrained::{Pretrained, check_lengths, check_vocabulary};
use crate::replicas::Replicas;
use crate::sizes::check_numbers;

/// Slots (rows × padded length) that one pass of [`InstructUe::embed`] takes.
pub(crate) const EMBED_SLOTS: usize = 8192;
/// Instructions that share a row with their profile; of more the profile is read by
/// itself first.
const SEGMENTS_PER_ROW: usize = 8;

/// Which of a user's two vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VectorKind {
    /// What the head gives, of length 1: in one space with texts, for cosine.
    #[default]
    Unit,
    /// The decoder's state at `<USER>`, before the head. The head keeps what tells
    /// answers apart; a model of one's own reads more from the state.
    State,
}

impl FromStr for VectorKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "unit" => Ok(Self::Unit),
            "state" => Ok(Self::State),
            _ => Err(Error::Config {
                key: "vectors".into(),
                expected: "unit or state".into(),
                found: format!("{text:?}"),
            }),
        }
    }
}

impl VectorKind {
    /// Those of this kind.
    pub fn of(self, vectors: UserVectors) -> Matrix {
        match self {
            Self::Unit => vectors.unit,
            Self::State => vectors.state,
        }
    }
}

/// Takes row `from` of flat `values` of the same width as row `to`.
pub(crate) fn copy_row(matrix: &mut Matrix, to: usize, values: &[f32], from: usize) {
    let (width, start) = (matrix.columns, from * matrix.columns);
    matrix
        .row_mut(to)
        .copy_from_slice(&values[start..start + width]);
}

/// Network, configuration and the fitted host side.
#[derive(Debug, Clone)]
pub struct InstructUe {
    config: ModelConfig,
    preprocessor: Preprocessor,
    pub(crate) network: Network,
    device: Device,
    workers: Replicas,
    adapter: String,
    pub(crate) digest: Arc<OnceLock<String>>,
    pub(crate) event_caches: EventCaches,
}

impl InstructUe {
    /// A model with fresh weights, drawn in a fixed order from `seed`.
    ///
    /// # Errors
    /// When the configuration does not fit together.
    pub fn new(
        config: ModelConfig,
        preprocessor: Preprocessor,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        Self::with_parts(config, preprocessor, &Pretrained::default(), seed, device)
    }

    /// As [`new`](Self::new), around parts that have weights; `config` is what
    /// [`Pretrained::configure`] made of it.
    ///
    /// # Errors
    /// When the configuration does not fit together, a part does not fit it, or a
    /// tokenizer has entries that a table has no row for.
    pub fn with_parts(
        config: ModelConfig,
        preprocessor: Preprocessor,
        parts: &Pretrained,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        config.validate()?;
        check_numbers(&preprocessor)?;
        check_vocabulary(
            "backbone.vocab_size",
            preprocessor.tokenizer(),
            config.backbone.vocab_size,
        )?;
        check_vocabulary(
            "encoder.bert.vocab_size",
            preprocessor.encoder_tokenizer(),
            config.encoder.bert.vocab_size,
        )?;
        check_lengths(&preprocessor, config.encoder.bert.max_length())?;
        if config.lexical_matches && preprocessor.lexical_matches().is_none() {
            return Err(Error::Config {
                key: "lexical_matches".into(),
                expected: "false, or weights of words fitted with the vocabularies".into(),
                found: "true without them".into(),
            });
        }
        let preprocessor = preprocessor
            .with_bottleneck(config.answer_bottleneck)
            .with_lookup(config.lookup);
        let precision = config.precision;
        let config = config.with_precision(precision);
        device.seed(seed);
        let network = Network::with_parts(&config, &preprocessor.source_shapes(), parts, device)?;
        let network = network.with_precision(precision)?;
        Ok(Self {
            network: name_parameters(network),
            config,
            preprocessor,
            device: device.clone(),
            workers: Replicas::default(),
            adapter: String::new(),
            digest: Arc::default(),
            event_caches: EventCaches::default(),
        })
    }

    /// The same model, running `count` passes at a time where there is work for
    /// so many; see [`Replicas`].
    pub fn with_replicas(mut self, count: usize) -> Self {
        self.workers = Replicas::new(count);
        self
    }

    /// What runs its passes.
    pub fn workers(&self) -> &Replicas {
        &self.workers
    }

    /// The same model around what `change` makes of its network and
    /// configuration, which is not held a second time.
    pub(crate) fn try_map(
        self,
        change: impl FnOnce(Network, ModelConfig) -> Result<(Network, ModelConfig)>,
    ) -> Result<Self> {
        let (network, config) = change(self.network, self.config)?;
        Ok(Self {
            event_caches: self.event_caches.kept_for(&network),
            network,
            config,
            digest: Arc::default(),
            ..self
        })
    }

    /// Names the adapter that the weights carry, for instance where one base
    /// is served under several: a [`ProfileCache`](crate::ProfileCache) made
    /// under another name is refused. Empty at first, and not saved.
    pub fn with_adapter_id(mut self, id: impl Into<String>) -> Self {
        self.adapter = id.into();
        self
    }

    /// See [`with_adapter_id`](Self::with_adapter_id).
    pub fn adapter_id(&self) -> &str {
        &self.adapter
    }

    /// SHA-256 of configuration, host side and weights, in hexadecimal; computed
    /// once.
    ///
    /// # Errors
    /// When the host side cannot be written down.
    pub fn digest(&self) -> Result<&str> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest);
        }
        let digest = model_digest(&self.config, &self.preprocessor, &self.network)?;
        Ok(self.digest.get_or_init(|| digest))
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The fitted host side.
    pub fn preprocessor(&self) -> &Preprocessor {
        &self.preprocessor
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where the network lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Width of the unit vectors, of users and of texts.
    pub fn width(&self) -> usize {
        self.config.head.output
    }

    /// Width of a user's vectors of this kind.
    pub fn width_of(&self, kind: VectorKind) -> usize {
        match kind {
            VectorKind::Unit => self.config.head.output,
            VectorKind::State => self.config.backbone.hidden_size,
        }
    }

    /// A copy without autodiff: deterministic, and it keeps no graph.
    pub fn frozen(&self) -> Self {
        Self {
            network: self.network.valid(),
            device: self.device.clone().inner(),
            ..self.clone()
        }
    }

    /// A copy with autodiff whose own weights get no gradient: for learning what
    /// stands in a row beside them, see [`tuned_users`](Self::tuned_users).
    pub fn for_tuning(&self) -> Self {
        Self {
            network: self.network.valid().train().no_grad(),
            device: self.device.clone().inner().autodiff(),
            ..self.clone()
        }
    }

    /// Uploads packed rows.
    pub fn upload(&self, batch: &Batch) -> NetworkInput {
        let mut input = NetworkInput::new(
            batch,
            self.preprocessor.normalisers(),
            self.extras(),
            &self.device,
        );
        self.recall(batch, &mut input.table);
        input
    }

    pub(crate) fn extras(&self) -> Extras {
        Extras {
            summaries: self.config.summaries,
            tabular_at_user: self.config.tabular_at_user,
            lexical_matches: self.config.lexical_matches,
        }
    }

    /// One pass over packed rows.
    pub fn forward(&self, batch: &Batch) -> NetworkOutput {
        self.network.forward(&self.upload(batch))
    }

    /// Unit vectors of `profiles` under each of `instructions`; `None` asks for
    /// the general vector.
    ///
    /// # Errors
    /// As [`InstructUe::embed_both`].
    pub fn embed(
        &self,
        profiles: &[Profile],
        instructions: &[Option<DataText>],
    ) -> Result<Vec<Matrix>> {
        let both = self.embed_both(profiles, instructions)?;
        Ok(both.into_iter().map(|vectors| vectors.unit).collect())
    }

    /// Both vectors of `profiles` under each of `instructions`; `None` asks for
    /// the general ones. A profile is computed once: in one pass with up to eight
    /// instructions, before them where there are more.
    ///
    /// # Errors
    /// When an instruction is empty: it would silently mean the general vector.
    pub fn embed_both(
        &self,
        profiles: &[Profile],
        instructions: &[Option<DataText>],
    ) -> Result<Vec<UserVectors>> {
        let questions = self.questions(instructions)?;
        let numbers = self.profile_numbers(profiles)?;
        let lexical_matches = self.lexical_table(&numbers, &questions);
        let mut out = self.empty_vectors(&numbers, &lexical_matches);
        if questions.is_empty() {
            return Ok(out);
        }
        let mut tokenizer = self.preprocessor.profile_tokenizer();
        let tokens: Vec<_> = profiles.iter().map(|p| tokenizer.tokenize(p)).collect();
        if questions.len() > SEGMENTS_PER_ROW {
            self.embed_once_read(&tokens, &questions, &lexical_matches, &mut out);
            return Ok(out);
        }
        let layout = self.preprocessor.layout();
        let slots = questions
            .iter()
            .map(|q| layout.segment_slots(&q.segment).0.len());
        let extra: usize = slots.sum();
        let lengths: Vec<usize> = tokens.iter().map(|t| t.slots(layout) + extra).collect();
        let batches = token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0);
        let passes = self.workers.map(batches, |_, batch| {
            let output = self.forward(&packed(
                layout,
                &batch,
                &tokens,
                &questions,
                &lexical_matches,
            ));
            (batch, to_host(output.users), to_host(output.states))
        });
        for (batch, units, states) in passes {
            for (place, &user) in batch.iter().enumerate() {
                for (segment, to) in out.iter_mut().enumerate() {
                    let from = place * questions.len() + segment;
                    copy_row(&mut to.unit, user, &units, from);
                    copy_row(&mut to.state, user, &states, from);
                }
            }
        }
        Ok(out)
    }

    /// Vectors of texts (answers, audience descriptions) in the same space.
    ///
    /// # Errors
    /// When a text has no token.
    pub fn embed_texts(&self, texts: &[DataText]) -> Result<Matrix> {
        let tokens = texts
            .iter()
            .map(|text| {
                let ids = self
                    .preprocessor
                    .tokenizer()
                    .encode_limited(text, MAX_TEXT_TOKENS);
                if ids.is_empty() {
                    return Err(Error::Config {
                        key: "text".into(),
                        expected: "a text with at least one token".into(),
                        found: "an empty text".into(),
                    });
                }
                Ok(ids)
            })
            .collect::<Result<Vec<_>>>()?;
        let width = self.width();
        let mut values = vec![0.0; texts.len() * width];
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        for batch in token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0) {
            let chunk: Vec<Vec<u32>> = batch.iter().map(|&text| tokens[text].clone()).collect();
            let input = TextInput::new(&chunk, &self.device);
            let vectors = to_host(self.network.text_vectors(&input));
            for (place, &text) in batch.iter().enumerate() {
                values[text * width..(text + 1) * width]
                    .copy_from_slice(&vectors[place * width..(place + 1) * width]);
            }
        }
        Ok(Matrix {
            rows: texts.len(),
            columns: width,
            values,
        })
    }
}

/// Some users' profiles, each in a row with all questions behind it.
pub(crate) fn packed(
    layout: &Layout,
    users: &[usize],
    tokens: &[ProfileTokens],
    questions: &[Question],
    lexical_matches: &LexicalTable,
) -> Batch {
    let segment = |user, (number, question): (usize, &Question)| Segment {
        lexical_matches: lexical_matches.of(user, number).to_vec(),
        ..question.segment.clone()
    };
    let row = |&user: &usize| Row {
        user_key: user as u64,
        profile: tokens[user].clone(),
        segments: questions
            .iter()
            .enumerate()
            .map(|q| segment(user, q))
            .collect(),
    };
    let rows: Vec<Row> = users.iter().map(row).collect();
    Batch::collate(layout, &rows)
}

pub(crate) fn to_host(vectors: Tensor<2>) -> Vec<f32> {
    vectors
        .into_data_as::<f32>()
        .try_to_vec()
        .expect("converted to f32 above")
}
