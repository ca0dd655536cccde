//! Source and user summary tokens (the hierarchy of Q-Anchor,
//! arXiv:2602.14492).

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::prelude::*;

use crate::error::at_least_one;
use crate::group::{Groups, place};
use crate::{Error, Mlp, MlpConfig};

/// Widths of a [`Summary`].
#[derive(Config, Debug, PartialEq)]
pub struct SummaryConfig {
    /// Width of the backbone's tokens.
    pub width: usize,
    /// Number of sources.
    pub sources: usize,
    /// Width between the layers of the two adapters; `width` when absent.
    pub hidden: Option<usize>,
    /// Standard deviation of the fresh empty tokens.
    #[config(default = 0.02)]
    pub init_std: f64,
}

/// The hierarchy of Q-Anchor (arXiv 2602.14492): a token per source, the mean
/// over its events through the *modal* adapter, which all sources share; and a
/// token per user, the mean over the sources present through the *user*
/// adapter.
///
/// A source without events is a learned token of its own and does not count
/// into the user's mean; a user without any source is a learned token too.
#[derive(Module, Debug)]
pub struct Summary {
    modal: Mlp,
    user: Mlp,
    /// `[sources, width]`
    empty: Param<Tensor<2>>,
    /// `[1, width]`
    nobody: Param<Tensor<2>>,
}

/// One source's summary tokens and which of them stand for real events.
#[derive(Debug, Clone)]
pub struct SourceTokens {
    /// `[rows, width]`
    pub tokens: Tensor<2>,
    /// For each row: does it have an event of this source?
    pub present: Vec<bool>,
}

impl SummaryConfig {
    /// Checks that no width or count is zero.
    ///
    /// # Errors
    /// [`Error::Zero`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        at_least_one("SummaryConfig", "width", self.width)?;
        at_least_one("SummaryConfig", "sources", self.sources)?;
        at_least_one("SummaryConfig", "hidden", self.hidden.unwrap_or(1))
    }

    /// How many weights it has.
    pub fn weights(&self) -> u128 {
        let mlp = MlpConfig::new(self.width, self.width).with_hidden(self.hidden);
        2 * mlp.weights() + (self.sources as u128 + 1) * self.width as u128
    }

    /// Fresh weights on `device`.
    ///
    /// # Errors
    /// As [`SummaryConfig::validate`].
    pub fn init(&self, device: &Device) -> Result<Summary, Error> {
        self.validate()?;
        let mlp = MlpConfig::new(self.width, self.width).with_hidden(self.hidden);
        let normal = Initializer::Normal {
            mean: 0.0,
            std: self.init_std,
        };
        Ok(Summary {
            modal: mlp.init(device)?,
            user: mlp.init(device)?,
            empty: normal.init([self.sources, self.width], device),
            nobody: normal.init([1, self.width], device),
        })
    }
}

impl Summary {
    /// The tokens of one source for all rows of a batch. `event_rows[e]` is the
    /// row of event e, in any order. Rows without events, and so every row when
    /// there are no events at all, get [`Summary::empty_token`] exactly.
    ///
    /// # Shapes
    /// - `events`: `[events, width]`, backbone tokens; may have 0 rows
    /// - result: `[rows, width]`
    ///
    /// # Errors
    /// An unknown source, an event outside the rows, or another shape.
    pub fn source_tokens(
        &self,
        source: usize,
        events: Tensor<2>,
        event_rows: &[usize],
        rows: usize,
    ) -> Result<SourceTokens, Error> {
        let empty = self.empty_token(source)?;
        check("event tokens", &events, [event_rows.len(), self.width()])?;
        let groups = Groups::new(source, event_rows, rows)?;
        let means = (groups.groups > 0).then(|| self.modal.forward(groups.mean(events)));
        Ok(SourceTokens {
            tokens: place(means, empty, &groups.present),
            present: groups.present,
        })
    }

    /// The user tokens of all rows: the mean over each row's present sources,
    /// through the user adapter.
    ///
    /// # Shapes
    /// - `sources[s].tokens`: `[rows, width]`, the same rows for each source
    /// - result: `[rows, width]`
    ///
    /// # Errors
    /// No sources, or rows or widths that differ.
    pub fn user_tokens(&self, sources: &[SourceTokens]) -> Result<Tensor<2>, Error> {
        let Some(first) = sources.first() else {
            return Err(Error::Shape {
                what: "summary sources",
                expected: vec![self.empty.dims()[0]],
                found: vec![0],
            });
        };
        let rows = first.present.len();
        let mut counts = vec![0f32; rows];
        for source in sources {
            check("source tokens", &source.tokens, [rows, self.width()])?;
            if source.present.len() != rows {
                return Err(Error::Shape {
                    what: "source presence",
                    expected: vec![rows],
                    found: vec![source.present.len()],
                });
            }
            for (count, &here) in counts.iter_mut().zip(&source.present) {
                *count += f32::from(here);
            }
        }
        let somebody: Vec<bool> = counts.iter().map(|&n| n > 0.0).collect();
        let kept: Vec<usize> = (0..rows).filter(|&row| somebody[row]).collect();
        let device = first.tokens.device();
        let column = |values: Vec<f32>| {
            let data = TensorData::new(values, [kept.len(), 1]);
            Tensor::<2>::from_data(data, &device)
        };
        let pick = |tokens: Tensor<2>| {
            if kept.len() == rows {
                return tokens;
            }
            let index: Vec<i32> = kept.iter().map(|&row| row as i32).collect();
            tokens.select(
                0,
                Tensor::from_data(TensorData::new(index, [kept.len()]), &device),
            )
        };
        let mut sum: Option<Tensor<2>> = None;
        for source in sources {
            let here = |&row: &usize| source.present[row];
            if kept.is_empty() || !kept.iter().any(here) {
                continue;
            }
            let mut term = pick(source.tokens.clone());
            if !kept.iter().all(here) {
                term = term * column(kept.iter().map(|row| f32::from(here(row))).collect());
            }
            sum = Some(match sum {
                Some(sum) => sum + term,
                None => term,
            });
        }
        let users = sum.map(|sum| {
            let counts = column(kept.iter().map(|&row| counts[row]).collect());
            self.user.forward(sum / counts)
        });
        Ok(place(users, self.nobody.val(), &somebody))
    }

    /// The learned token of a source without events, `[1, width]`.
    ///
    /// # Errors
    /// [`Error::UnknownSource`].
    pub fn empty_token(&self, source: usize) -> Result<Tensor<2>, Error> {
        let [sources, _] = self.empty.dims();
        if source >= sources {
            return Err(Error::UnknownSource {
                found: source,
                sources,
            });
        }
        Ok(self.empty.val().narrow(0, source, 1))
    }

    /// Width of the tokens.
    pub fn width(&self) -> usize {
        self.empty.dims()[1]
    }
}

fn check(what: &'static str, tensor: &Tensor<2>, expected: [usize; 2]) -> Result<(), Error> {
    let found = tensor.dims();
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}
