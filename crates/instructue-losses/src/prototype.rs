//! The prototype loss: softmax over one vector per class. Few-shot tuning uses it
//! (arXiv:2602.14492).

use burn::config::Config;
use burn::tensor::{Int, Tensor, TensorData};

use crate::error::Error;
use crate::next_token::next_token_loss;

/// The configuration of the prototype loss: softmax cross-entropy over `u·p_k/τ`, with one
/// prototype `p_k` per class.
#[derive(Config, Debug, PartialEq)]
pub struct PrototypeConfig {
    /// The temperature τ by which products are divided; positive.
    #[config(default = 0.07)]
    pub temperature: f64,
}

impl PrototypeConfig {
    /// Checks the temperature and makes the loss.
    ///
    /// # Errors
    /// [`Error::Config`] for a temperature that is not positive and finite.
    pub fn init(&self) -> Result<Prototype, Error> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::Config {
                config: "PrototypeConfig",
                field: "temperature",
                expected: "a positive number",
                found: self.temperature,
            });
        }
        Ok(Prototype {
            temperature: self.temperature,
        })
    }
}

/// The prototype loss, made by [`PrototypeConfig::init`].
#[derive(Debug, Clone)]
pub struct Prototype {
    temperature: f64,
}

impl Prototype {
    /// The classes' logits `u·p_k/τ`.
    ///
    /// # Shapes
    /// - `users`: `[rows, width]`, usually of length 1
    /// - `prototypes`: `[classes, width]`, of any length
    /// - result: `[rows, classes]`
    ///
    /// # Panics
    /// If the widths differ.
    pub fn logits(&self, users: Tensor<2>, prototypes: Tensor<2>) -> Tensor<2> {
        users
            .matmul(prototypes.transpose())
            .div_scalar(self.temperature)
    }

    /// The mean over the rows of `−ln softmax(u·p/τ)[class]`. Users and prototypes get gradients.
    ///
    /// # Shapes
    /// - `users`: `[rows, width]`
    /// - `prototypes`: `[classes, width]`
    /// - `classes`: one per row, below the number of prototypes
    /// - result: `[1]`
    ///
    /// # Errors
    /// [`Error::Empty`] without rows; [`Error::Length`] when widths or numbers of
    /// rows differ; [`Error::Class`] for a class without a prototype.
    pub fn forward(
        &self,
        users: Tensor<2>,
        prototypes: Tensor<2>,
        classes: &[usize],
    ) -> Result<Tensor<1>, Error> {
        let ([rows, width], [count, found]) = (users.dims(), prototypes.dims());
        if rows == 0 {
            return Err(Error::Empty { what: "`users`" });
        }
        for (what, expected, found) in [
            ("width of `prototypes`", width, found),
            ("rows of `classes`", rows, classes.len()),
        ] {
            if expected != found {
                return Err(Error::Length {
                    what,
                    expected,
                    found,
                });
            }
        }
        if let Some(row) = classes.iter().position(|&class| class >= count) {
            return Err(Error::Class {
                row,
                classes: count,
                found: classes[row],
            });
        }
        let targets: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
        let device = users.device().without_autodiff();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [rows]), &device);
        Ok(next_token_loss(self.logits(users, prototypes), targets))
    }
}
