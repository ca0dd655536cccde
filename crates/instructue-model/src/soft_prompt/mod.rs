//! Few-shot instruction tuning by soft prompts (Q-Anchor, arXiv:2602.14492): the model
//! stays as it is, a few vectors behind an instruction and one prototype per class are
//! learned.
//!
//! Prototypes are compared with unit vectors, which drop what no answer of the training
//! set tells apart; a [`Readout`] that was fitted afterwards reads the state and the
//! numbers beside it, and takes their place.

mod file;
mod readout;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use instructue_schema::{DataText, Matrix, UserVectors};

use crate::error::{Error, Result};
use crate::input::ints;
use crate::numbers::Question;
use crate::passes::to_host;
use crate::session::InstructUe;
use crate::session::ProfileCache;
use crate::vectors::copy_row;

pub use readout::Readout;

/// What is learned.
#[derive(Module, Debug)]
pub struct TunedWeights {
    /// `[n, hidden]`: inputs between the instruction's tokens and `<USER>`.
    pub tokens: Param<Tensor<2>>,
    /// `[classes, width]`: compared with unit vectors.
    pub prototypes: Param<Tensor<2>>,
}

/// An instruction with learned tokens and the prototypes of its classes. It
/// belongs to the model that it was learned on.
#[derive(Debug, Clone)]
pub struct SoftPrompt {
    pub(crate) instruction: String,
    pub(crate) classes: Vec<String>,
    pub(crate) temperature: f64,
    pub(crate) model: String,
    pub(crate) adapter: String,
    pub(crate) weights: TunedWeights,
    pub(crate) readout: Option<Readout>,
}

impl SoftPrompt {
    /// The instruction's text.
    pub fn instruction(&self) -> &str {
        &self.instruction
    }

    /// Names of the classes, in the order of the prototypes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// τ of the scores.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Tokens and prototypes.
    pub fn weights(&self) -> &TunedWeights {
        &self.weights
    }

    /// The same with other weights.
    ///
    /// # Panics
    /// If their shapes differ.
    pub fn with_weights(mut self, weights: TunedWeights) -> Self {
        let shapes = |w: &TunedWeights| [w.tokens.val().dims(), w.prototypes.val().dims()];
        assert_eq!(shapes(&self.weights), shapes(&weights), "tuned weights");
        self.weights = weights;
        self
    }

    /// The same with the mean of each class's unit vectors, at length 1, as its prototype:
    /// it tells classes apart where the model does, with nothing learned.
    ///
    /// # Panics
    /// If there is not a label for each vector, or one is no class.
    pub fn with_class_means(self, units: &Matrix, labels: &[usize]) -> Self {
        assert_eq!(units.rows, labels.len(), "labels of the vectors");
        let (count, width) = (self.classes.len(), units.columns);
        let mut sums = vec![0.0f64; count * width];
        for (user, &class) in labels.iter().enumerate() {
            let sum = &mut sums[class * width..(class + 1) * width];
            for (sum, value) in sum.iter_mut().zip(units.row(user)) {
                *sum += f64::from(*value);
            }
        }
        for sum in sums.chunks_exact_mut(width) {
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
            sum.iter_mut().for_each(|x| *x /= length);
        }
        let means: Vec<f32> = sums.into_iter().map(|x| x as f32).collect();
        let tokens = self.weights.tokens.clone();
        let means = TensorData::new(means, [count, width]);
        let means = Tensor::<2>::from_data(means, &tokens.val().device());
        self.with_weights(TunedWeights {
            tokens,
            prototypes: Param::from_tensor(means),
        })
    }

    /// What scores are read by in the place of prototypes, if anything.
    pub fn readout(&self) -> Option<&Readout> {
        self.readout.as_ref()
    }

    /// The same with a readout for vectors of `model` under this very question.
    ///
    /// # Errors
    /// [`Error::Config`] when its shape is another than the model's and the classes'.
    pub fn with_readout(mut self, model: &InstructUe, readout: Readout) -> Result<Self> {
        readout.check(model, self.classes.len())?;
        self.readout = Some(readout);
        Ok(self)
    }

    /// The same, read by prototypes.
    pub fn without_readout(mut self) -> Self {
        self.readout = None;
        self
    }

    /// The classes' probabilities, `[users, classes]`, flat: the readout's if there is
    /// one, else the prototypes', `softmax(u·p/τ)`.
    ///
    /// # Panics
    /// If `vectors` are of another width than what was learned.
    pub fn scores(&self, vectors: &UserVectors) -> Vec<f32> {
        match &self.readout {
            Some(readout) => readout.scores(vectors),
            None => self.by_prototypes(&vectors.unit),
        }
    }

    fn by_prototypes(&self, units: &Matrix) -> Vec<f32> {
        let prototypes = to_host(self.weights.prototypes.val());
        let mut scores = Vec::with_capacity(units.rows * self.classes.len());
        for user in 0..units.rows {
            let unit = units.row(user);
            let rows = prototypes.chunks_exact(unit.len());
            let logits = rows.map(|row| {
                let products = row.iter().zip(unit).map(|(p, u)| f64::from(p * u));
                products.sum::<f64>() / self.temperature
            });
            let logits: Vec<f64> = logits.collect();
            assert_eq!(logits.len(), self.classes.len(), "width of the prototypes");
            let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
            scores.extend(logits.iter().map(|l| ((l - most).exp() / sum) as f32));
        }
        scores
    }
}

impl InstructUe {
    /// An instruction before anything is learned: its `tokens` vectors repeat the
    /// instruction's own, all prototypes are zero.
    ///
    /// # Errors
    /// [`Error::Config`] for an empty instruction, fewer than two classes, a class
    /// given twice, or a temperature that is not above 0.
    pub fn tuned(
        &self,
        instruction: &str,
        classes: Vec<String>,
        tokens: usize,
        temperature: f64,
    ) -> Result<SoftPrompt> {
        let refuse = |key: &str, expected: &str, found: String| {
            Err(Error::Config {
                key: key.into(),
                expected: expected.into(),
                found,
            })
        };
        let mut names = classes.clone();
        names.sort();
        names.dedup();
        if classes.len() < 2 || names.len() < classes.len() {
            let found = format!("{classes:?}");
            return refuse("classes", "two or more different ones", found);
        }
        if !(temperature.is_finite() && temperature > 0.0) {
            return refuse("temperature", "a number above 0", temperature.to_string());
        }
        let text = Some(DataText::new(instruction));
        let own = self
            .model()
            .questions(&[text])?
            .remove(0)
            .segment
            .instruction;
        let device = self.device().clone().inner();
        let width = self.config().backbone.hidden_size;
        let ids = own.iter().cycle().take(tokens).map(|&id| i64::from(id));
        let start = match tokens {
            0 => Tensor::zeros([0, width], &device),
            _ => {
                let ids = ints(ids.collect(), self.device()).unsqueeze::<2>();
                let embedded = self.network().backbone().embed(ids);
                embedded.without_autodiff().reshape([tokens, width])
            }
        };
        let prototypes = Tensor::zeros([classes.len(), self.width()], &device);
        Ok(SoftPrompt {
            instruction: instruction.into(),
            classes,
            temperature,
            model: self.digest()?.into(),
            adapter: self.adapter_id().into(),
            weights: TunedWeights {
                tokens: Param::from_tensor(start).no_grad(),
                prototypes: Param::from_tensor(prototypes).no_grad(),
            },
            readout: None,
        })
    }

    /// Both vectors of the cached profiles under a tuned instruction.
    ///
    /// # Errors
    /// [`Error::Cache`] when another model made the cache; [`Error::SoftPrompt`] when
    /// the tokens were learned on another model.
    pub fn embed_tuned(&self, cache: &ProfileCache, tuned: &SoftPrompt) -> Result<UserVectors> {
        self.check_cache(cache)?;
        self.check_tuned(tuned, "tuned tokens")?;
        let question = self.soft_prompt_segment(tuned)?;
        let lexical_matches = self.model().lexical_table(&cache.numbers, &question);
        let instruction = self.model().instructions(&question).remove(0);
        let model = self.frozen();
        let learned = moved(&tuned.weights.tokens, model.device());
        let passes = self.replicas().queue(cache.parts.iter().collect(), |part| {
            let network = model.network();
            let lexical_matches = lexical_matches.gather(&part.profiles, 0..1);
            let learned = learned.clone();
            let output =
                network.instruct_tuned(&part.prefix, &instruction, &lexical_matches, learned);
            (part, to_host(output.users), to_host(output.states))
        });
        let mut out = self
            .model()
            .empty_vectors(&cache.numbers, &lexical_matches)
            .remove(0);
        for (part, units, states) in passes {
            for (place, &profile) in part.profiles.iter().enumerate() {
                copy_row(&mut out.unit, profile, &units, place);
                copy_row(&mut out.state, profile, &states, place);
            }
        }
        Ok(out)
    }

    /// Unit vectors of the cached profiles under a tuned instruction, with a graph
    /// back to `tokens`. The model must be one [`for_tuning`](Self::for_tuning), so
    /// that nothing else gets a gradient.
    ///
    /// # Shapes
    /// - `tokens`: `[n, hidden]`, in place of `tuned`'s own
    /// - result: `[profiles, d]`, in the order of the cache's profiles
    ///
    /// # Errors
    /// As [`embed_tuned`](Self::embed_tuned).
    pub fn tuned_users(
        &self,
        cache: &ProfileCache,
        tuned: &SoftPrompt,
        tokens: Tensor<2>,
    ) -> Result<Tensor<2>> {
        self.check_cache(cache)?;
        self.check_tuned(tuned, "tuned tokens")?;
        let question = self.soft_prompt_segment(tuned)?;
        let lexical_matches = self.model().lexical_table(&cache.numbers, &question);
        let instruction = self.model().instructions(&question).remove(0);
        let mut places = vec![0i64; cache.len()];
        let mut vectors = Vec::with_capacity(cache.parts.len());
        let mut count = 0;
        for part in &cache.parts {
            let prefix = part.prefix.autodiff();
            let lexical_matches = lexical_matches.gather(&part.profiles, 0..1);
            let tokens = tokens.clone();
            let output =
                self.network()
                    .instruct_tuned(&prefix, &instruction, &lexical_matches, tokens);
            vectors.push(output.users);
            for &profile in &part.profiles {
                places[profile] = count;
                count += 1;
            }
        }
        let places: Tensor<1, Int> = ints(places, self.device());
        Ok(Tensor::cat(vectors, 0).select(0, places))
    }

    /// One question.
    fn soft_prompt_segment(&self, tuned: &SoftPrompt) -> Result<Vec<Question>> {
        self.model()
            .questions(&[Some(DataText::new(tuned.instruction.as_str()))])
    }

    /// Refuses what was learned on another model; `what` names it.
    pub(crate) fn check_tuned(&self, tuned: &SoftPrompt, what: impl ToString) -> Result<()> {
        for (key, expected, found) in [
            ("model", self.digest()?, &tuned.model),
            ("adapter", self.adapter_id(), &tuned.adapter),
        ] {
            if expected != found {
                let key = format!("made for another {key}");
                return Err(Error::tuned(what, &key, expected, found));
            }
        }
        Ok(())
    }
}

/// A parameter's values on `device`.
fn moved(param: &Param<Tensor<2>>, device: &Device) -> Tensor<2> {
    let tensor = param.val();
    let shape = tensor.dims();
    Tensor::from_data(TensorData::new(to_host(tensor), shape), device)
}
