//! The table of ranges: one row for every number of a configuration, with its reason.

use super::number::{FloatRange, IntegerRange};

/// A bound beyond which no sensible declaration goes, with arithmetic far from overflow.
const MILLION: i128 = 1_000_000;
const BILLION: i128 = 1_000_000_000;

// General.
/// A seed.
pub static SEED: IntegerRange =
    IntegerRange::new(0, i64::MAX as i128, "TOML holds no larger number");
/// A share of something; 0 and 1 are valid.
pub static SHARE: FloatRange = FloatRange::new(0.0, 1.0, "a share");
/// A share of something; 1 is not valid.
pub static SHARE_BELOW_ONE: FloatRange =
    FloatRange::new(0.0, 1.0, "a share that leaves some").below();
/// A share of something; neither 0 nor 1 is valid.
pub static SHARE_BETWEEN_ZERO_AND_ONE: FloatRange =
    FloatRange::new(0.0, 1.0, "a share with some on both sides")
        .above()
        .below();
/// A share of something; 0 is not valid.
pub static SHARE_ABOVE_ZERO: FloatRange = FloatRange::new(0.0, 1.0, "a share of something").above();
/// A number of bytes in memory or in a folder.
pub static BYTES: IntegerRange =
    IntegerRange::new(0, 1 << 62, "TOML holds hardly more, no disk does");
/// A time in seconds since 1970.
pub static TIME: IntegerRange =
    IntegerRange::new(-62_135_596_800, 253_402_300_799, "the years 1 to 9999");

// Sources of a schema.
/// Slots of one source, or of all sources together.
pub static SLOTS: IntegerRange = IntegerRange::new(1, MILLION, "each is a token of every user");
/// Tokens of an event's text.
pub static EVENT_TOKENS: IntegerRange =
    IntegerRange::new(1, MILLION, "no encoder reads longer texts");
/// Numbers of an event's vector.
pub static VECTOR_WIDTH: IntegerRange =
    IntegerRange::new(1, 65_536, "each is a column of the adapter's matrix");
/// Days of a window.
pub static WINDOW_DAYS: IntegerRange = IntegerRange::new(1, MILLION, "days of 2700 years");
/// Values of a field that have aggregates of their own.
pub static TOP_GROUPS: IntegerRange =
    IntegerRange::new(1, MILLION, "each is a number of every user");
/// Aggregates that one `[[source.aggregate]]` may declare.
pub static AGGREGATES: IntegerRange =
    IntegerRange::new(0, 10 * MILLION, "each is a number of every user");
/// The length of a list of sources, columns, lookups, aggregates or windows.
pub static LIST: IntegerRange = IntegerRange::new(0, 10_000, "each is read for every user");

// Training.
/// Optimiser steps.
pub static STEPS: IntegerRange = IntegerRange::new(1, BILLION, "more would take years");
/// Rows that an answer score is learned from.
pub static ROWS: IntegerRange = IntegerRange::new(1, 10 * MILLION, "each is held in memory");
/// The penalty of a linear reader's weights.
pub static PENALTY: FloatRange = FloatRange::new(0.0, 1e9, "more leaves no weight").above();
/// The number of steps between two events, or of such events; 0 switches them off.
pub static INTERVAL: IntegerRange = IntegerRange::new(0, BILLION, "no run has more steps");
/// The number of steps between two events that cannot be switched off.
pub static POSITIVE_INTERVAL: IntegerRange = IntegerRange::new(1, BILLION, "no run has more steps");
/// Users in a step.
pub static USERS_PER_STEP: IntegerRange =
    IntegerRange::new(1, 65_536, "each is compared with each, in memory");
/// Instructions of a user in a step.
pub static INSTRUCTIONS_PER_USER: IntegerRange =
    IntegerRange::new(1, 1_000, "each is a further text behind the profile");
/// Users × instructions of a step, with their extra negatives.
pub static PAIRS_PER_STEP: IntegerRange =
    IntegerRange::new(1, 131_072, "each is compared with each, in memory");
/// Question families of a step.
pub static FAMILIES: IntegerRange = IntegerRange::new(0, 1_000, "there are not so many");
/// Extra negatives of an instruction.
pub static EXTRA_NEGATIVES: IntegerRange =
    IntegerRange::new(0, 1_000, "each is a further text to encode");
/// Steps whose users are sorted by length together.
pub static LENGTH_WINDOW: IntegerRange =
    IntegerRange::new(1, 10_000, "their profiles are held in memory");
/// Slots of a pass.
pub static SLOTS_PER_PASS: IntegerRange = IntegerRange::new(1, BILLION, "no device holds more");
/// Steps whose gradients are averaged.
pub static GRADIENT_ACCUMULATION_STEPS: IntegerRange =
    IntegerRange::new(1, 65_536, "more would hardly ever step");
/// Passes that run at the same time.
pub static REPLICAS: IntegerRange = IntegerRange::new(0, 256, "each has threads of its own");
/// The weight of a loss.
pub static LOSS_WEIGHT: FloatRange =
    FloatRange::new(0.0, 1e6, "a weight that a loss stays finite under");
/// A learning rate.
pub static LEARNING_RATE: FloatRange =
    FloatRange::new(0.0, 1e3, "a rate that weights stay finite under").above();
/// The decay of an optimiser's moment.
pub static MOMENT_DECAY: FloatRange = FloatRange::new(0.0, 1.0, "a decay").below();
/// An optimiser's ε.
pub static EPSILON: FloatRange = FloatRange::new(0.0, 1.0, "a guard against division by 0").above();
/// Weight decay.
pub static WEIGHT_DECAY: FloatRange =
    FloatRange::new(0.0, 1e3, "weights shrink by this share of the rate");
/// The largest norm of the gradients.
pub static CLIP_NORM: FloatRange =
    FloatRange::new(0.0, 1e30, "a norm; the largest is as good as none").above();
/// The temperature of a random draw. A high temperature makes all tokens equally likely.
pub static DRAW_TEMPERATURE: FloatRange =
    FloatRange::new(1e-6, 1e9, "scores are divided by it and must stay finite");
/// A temperature of a loss.
pub static TEMPERATURE: FloatRange = FloatRange::new(
    1e-4,
    1e3,
    "similarities are divided by it and must stay finite",
);
/// The margin of the false-negative mask.
pub static MARGIN: FloatRange = FloatRange::new(0.0, 1e3, "cosines differ by 2 at most");
/// Validation users.
pub static VALIDATION_USERS: IntegerRange =
    IntegerRange::new(0, MILLION, "their rows are held in memory");
/// Checkpoints that are kept.
pub static KEEP_CHECKPOINTS: IntegerRange =
    IntegerRange::new(1, MILLION, "each is a copy of the model");
/// Tokens of a soft prompt.
pub static TUNED_TOKENS: IntegerRange =
    IntegerRange::new(0, 1_024, "each is read behind every profile");
/// Tokens of an answer.
pub static ANSWER_TOKENS: IntegerRange =
    IntegerRange::new(0, 65_536, "each is a pass of the decoder");
/// Texts in a list of nearest texts.
pub static NEAREST: IntegerRange = IntegerRange::new(0, MILLION, "each is a line");

// Model.
/// Entries of a tokenizer that is trained.
pub static VOCABULARY: IntegerRange = IntegerRange::new(
    258,
    MILLION,
    "padding, end and 256 bytes; each is a row of the tables",
);
/// Length of vectors in the space of answers; 0 fits no space.
pub static ANSWER_WIDTH: IntegerRange =
    IntegerRange::new(0, 4_096, "their matrix is held in memory");
/// PCA components.
pub static PCA_COMPONENTS: IntegerRange =
    IntegerRange::new(0, 4_096, "their matrix is held in memory");
/// Rank of LoRA.
pub static LORA_RANK: IntegerRange = IntegerRange::new(1, 16_384, "no decoder is wider");
/// Scale of LoRA.
pub static LORA_ALPHA: FloatRange =
    FloatRange::new(0.0, 1e6, "a scale that sums stay finite under").above();

// Training set.
/// Reference times.
pub static REFERENCES: IntegerRange =
    IntegerRange::new(1, 1_000, "each is a further profile of every user");
/// Days between two reference times.
pub static REFERENCE_STEP_DAYS: IntegerRange = IntegerRange::new(1, 3_650, "ten years");
/// Days after the reference time that future questions ask about.
pub static HORIZON_DAYS: IntegerRange = IntegerRange::new(1, 3_650, "ten years");
/// Triples of a user at a reference time.
pub static TRIPLES: IntegerRange =
    IntegerRange::new(1, 10_000, "each is a question that differs from the others");
/// Triples of held-out families.
pub static HELD_OUT_TRIPLES: IntegerRange =
    IntegerRange::new(0, 10_000, "each is a question that differs from the others");
/// Triples of a user at all reference times.
pub static TRIPLES_PER_USER: IntegerRange =
    IntegerRange::new(1, MILLION, "a shard's triples are held in memory");
/// Users that a vocabulary, normaliser or table is fitted on.
pub static FIT_USERS: IntegerRange =
    IntegerRange::new(1, BILLION, "their values are counted in memory");
/// Users who must have a word or value for an artefact to keep it (k-anonymity).
pub static MIN_USERS: IntegerRange =
    IntegerRange::new(1, 10_000, "vocabularies are fitted to 20000 users");
/// Values of a field in the pool of candidates that questions name.
pub static CANDIDATE_POOL: IntegerRange = IntegerRange::new(2, MILLION, "they are held in memory");

// Evaluation.
/// Bootstrap resamples.
pub static RESAMPLES: IntegerRange =
    IntegerRange::new(1, 100_000, "an interval hardly moves after 10000");
/// Resamples × users that are held in memory.
pub static RESAMPLED_USERS: IntegerRange =
    IntegerRange::new(0, 1 << 33, "four bytes each, held in memory");
/// Answers that retrieval searches with.
pub static QUERIES: IntegerRange =
    IntegerRange::new(0, 100_000, "each is compared with every user");
/// Instructions under which every test user is embedded.
pub static QUERY_INSTRUCTIONS: IntegerRange =
    IntegerRange::new(0, 10_000, "every test user is embedded under each");
/// Days of a label's window, or of the window in which a user must be active.
pub static LABEL_DAYS: IntegerRange = IntegerRange::new(1, 36_500, "a hundred years");
/// Folds of users.
pub static FOLDS: IntegerRange = IntegerRange::new(2, 1_000, "each is a model to train");
/// Folds that are used; 0 means all.
pub static FOLDS_TRIED: IntegerRange = IntegerRange::new(0, 1_000, "there are not so many folds");
/// Labelled users of few-shot tuning or of a lookalike list.
pub static LABELLED_USERS: IntegerRange =
    IntegerRange::new(1, MILLION, "few labels is what is asked for");
/// Lists that are drawn.
pub static DRAWS: IntegerRange = IntegerRange::new(1, 100_000, "each is a search over all users");
/// Sampled negatives.
pub static NEGATIVES: IntegerRange =
    IntegerRange::new(1, MILLION, "they are drawn anew for each user");

// Generated users.
/// Generated users.
pub static GENERATED_USERS: IntegerRange =
    IntegerRange::new(1, BILLION, "more than most firms have customers");
/// Events of a generated user in 90 days.
pub static GENERATED_EVENTS: FloatRange =
    FloatRange::new(1.0, 100_000.0, "one in 90 days to one a minute");
/// Generated users in memory at a time.
pub static GENERATED_CHUNK: IntegerRange =
    IntegerRange::new(1, MILLION, "their events are held in memory");
