//! The encoder of a tabular source: a linear map of numbers, missing flags and
//! embedded categories. It takes the place of the text encoder there.

use burn::config::Config;
use burn::module::{Initializer, Module};
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::gelu;
use instructue_nn::limits::{self, Limit};

use crate::{Error, TabularNormaliser};

/// Sizes of a [`TabularEncoder`].
#[derive(Config, Debug, PartialEq)]
pub struct TabularConfig {
    /// Numeric features.
    pub numbers: usize,
    /// Cardinality of each categorical feature, code 0 (missing or unknown)
    /// included.
    pub categories: Vec<usize>,
    /// Width of the result.
    pub width: usize,
    /// Width of each category's vector.
    #[config(default = 8)]
    pub category_width: usize,
    /// With a width: Linear → GELU → Linear instead of one linear map.
    pub hidden: Option<usize>,
}

/// Standardised numbers, missing flags and embedded categories → one vector.
#[derive(Module, Debug)]
pub struct TabularEncoder {
    /// All categories' vectors, one feature's codes after the other's.
    embedding: Option<Embedding>,
    first: Linear,
    second: Option<Linear>,
    numbers: usize,
    cardinalities: Vec<usize>,
}

/// Rows for a [`TabularEncoder`].
#[derive(Debug, Clone)]
pub struct TabularBatch {
    /// `[rows, numbers]`: standardised, 0 where missing.
    pub values: Tensor<2>,
    /// `[rows, numbers]`: 1 where missing, else 0.
    pub missing: Tensor<2>,
    /// `[rows, categories]`: codes; absent when there are no categories.
    pub categories: Option<Tensor<2, Int>>,
}

impl TabularConfig {
    /// Checks the sizes.
    ///
    /// # Errors
    /// [`Error::Config`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |key, value: usize, limit: Limit| match limit.allows(value) {
            true => Ok(()),
            false => Err(Error::config("TabularConfig", key, value, limit.expected())),
        };
        check("width", self.width, limits::WIDTH)?;
        check("hidden", self.hidden.unwrap_or(1), limits::WIDTH)?;
        check("category_width", self.category_width, limits::WIDTH)?;
        for &cardinality in &self.categories {
            check("categories", cardinality, limits::ROWS)?;
        }
        let features = self.numbers.saturating_add(self.categories.len());
        check("numbers + categories", features, limits::WIDTH)
    }

    /// How many weights an encoder of these sizes has.
    pub fn weights(&self) -> u128 {
        let codes: u128 = self.categories.iter().map(|&codes| codes as u128).sum();
        let input = 2 * self.numbers + self.categories.len() * self.category_width;
        let linear = |input, output| limits::linear_weights(input, output, true, None);
        codes * self.category_width as u128
            + linear(input, self.hidden.unwrap_or(self.width))
            + self.hidden.map_or(0, |hidden| linear(hidden, self.width))
    }

    /// Fresh weights on `device`.
    ///
    /// # Errors
    /// As [`TabularConfig::validate`].
    pub fn init(&self, device: &Device) -> Result<TabularEncoder, Error> {
        self.validate()?;
        let codes = self.categories.iter().sum();
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 1.0 / (self.category_width as f64).sqrt(),
        };
        let input = 2 * self.numbers + self.categories.len() * self.category_width;
        Ok(TabularEncoder {
            embedding: (codes > 0).then(|| {
                EmbeddingConfig::new(codes, self.category_width)
                    .with_initializer(normal)
                    .init(device)
            }),
            first: LinearConfig::new(input, self.hidden.unwrap_or(self.width)).init(device),
            second: self
                .hidden
                .map(|hidden| LinearConfig::new(hidden, self.width).init(device)),
            numbers: self.numbers,
            cardinalities: self.categories.clone(),
        })
    }
}

impl TabularEncoder {
    /// One vector per row.
    ///
    /// # Shapes
    /// - `values`, `missing`: `[rows, numbers]`
    /// - `categories`: `[rows, categories]`, present exactly when there are any
    /// - result: `[rows, width]`; `[0, width]` without rows
    ///
    /// # Panics
    /// When a shape differs from the configuration's;
    /// [`TabularEncoder::batch`] never makes such a batch.
    pub fn forward(
        &self,
        values: Tensor<2>,
        missing: Tensor<2>,
        categories: Option<Tensor<2, Int>>,
    ) -> Tensor<2> {
        let [rows, _] = values.dims();
        let device = values.device();
        if rows == 0 {
            return Tensor::zeros([0, self.width()], &device);
        }
        let mut parts = Vec::with_capacity(3);
        if self.numbers > 0 {
            parts.extend([values, missing]);
        }
        match (&self.embedding, categories) {
            (None, None) => {}
            (Some(embedding), Some(codes)) => {
                let vectors = embedding.forward(codes + self.offsets(&device));
                parts.push(vectors.reshape([rows as i32, -1]));
            }
            (Some(_), None) => panic!("this encoder was configured with categories"),
            (None, Some(_)) => panic!("this encoder was configured without categories"),
        }
        let hidden = self.first.forward(Tensor::cat(parts, 1));
        match &self.second {
            Some(second) => second.forward(gelu(hidden)),
            None => hidden,
        }
    }

    /// [`TabularEncoder::forward`] of a [`TabularBatch`].
    ///
    /// # Panics
    /// As there.
    pub fn forward_batch(&self, batch: TabularBatch) -> Tensor<2> {
        self.forward(batch.values, batch.missing, batch.categories)
    }

    /// Raw rows (numbers, category codes) as tensors: standardised, flagged and
    /// checked.
    ///
    /// # Errors
    /// [`Error::FeatureCount`] or [`Error::UnknownCategory`], each with the row.
    pub fn batch<'a>(
        &self,
        normaliser: &TabularNormaliser,
        rows: impl IntoIterator<Item = (&'a [f32], &'a [u32])>,
        device: &Device,
    ) -> Result<TabularBatch, Error> {
        if normaliser.mean.len() != self.numbers {
            return Err(Error::FeatureCount {
                row: 0,
                what: "numbers in the normaliser",
                found: normaliser.mean.len(),
                expected: self.numbers,
            });
        }
        let (mut values, mut missing, mut codes) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0u64;
        for (numbers, categories) in rows {
            normaliser.append(count, numbers, &mut values, &mut missing)?;
            if categories.len() != self.cardinalities.len() {
                return Err(Error::FeatureCount {
                    row: count,
                    what: "categories",
                    found: categories.len(),
                    expected: self.cardinalities.len(),
                });
            }
            let pairs = categories.iter().zip(&self.cardinalities);
            for (column, (&code, &cardinality)) in pairs.enumerate() {
                if code as usize >= cardinality {
                    return Err(Error::UnknownCategory {
                        row: count,
                        column,
                        found: code,
                        cardinality,
                    });
                }
                codes.push(code as i32);
            }
            count += 1;
        }
        let rows = count as usize;
        let floats = |data| Tensor::from_data(TensorData::new(data, [rows, self.numbers]), device);
        let columns = self.cardinalities.len();
        Ok(TabularBatch {
            values: floats(values),
            missing: floats(missing),
            categories: (columns > 0)
                .then(|| Tensor::from_data(TensorData::new(codes, [rows, columns]), device)),
        })
    }

    /// Width of the result.
    pub fn width(&self) -> usize {
        let last = self.second.as_ref().unwrap_or(&self.first);
        last.weight.dims()[1]
    }

    /// Where each feature's codes begin in the joint table, `[1, categories]`.
    fn offsets(&self, device: &Device) -> Tensor<2, Int> {
        let starts: Vec<i32> = self
            .cardinalities
            .iter()
            .scan(0, |next, &cardinality| {
                let start = *next;
                *next += cardinality as i32;
                Some(start)
            })
            .collect();
        let shape = [1, starts.len()];
        Tensor::from_data(TensorData::new(starts, shape), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_has_rows_of_its_own_in_the_table() {
        let device = Device::default().autodiff();
        let encoder = TabularConfig::new(1, vec![3, 2, 4], 8)
            .init(&device)
            .unwrap();
        let one = Tensor::ones([1, 1], &device);
        let codes = Tensor::from_data([[2, 0, 1]], &device);
        let found = encoder.forward(one.clone(), one, Some(codes));
        let grads = found.powi_scalar(2).sum().backward();
        let table = encoder.embedding.unwrap().weight;
        let touched = table.grad(&grads).unwrap().abs().sum_dim(1);
        let touched: Vec<f32> = touched.into_data().try_into_vec().unwrap();
        let rows: Vec<usize> = (0..9).filter(|&row| touched[row] > 0.0).collect();
        assert_eq!(rows, [2, 3, 6]);
    }
}
