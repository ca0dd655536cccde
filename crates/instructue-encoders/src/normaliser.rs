//! Standardising the numbers of tabular sources on the host, before the encoder.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Standardised values are cut off here: one outlier may not outshout a row.
pub const CLIP: f32 = 5.0;

/// Mean and spread of each feature, gathered row by row in one pass.
///
/// Welford's update; parts gathered apart (by shard, by thread) are joined by
/// [`TabularStatistics::merge`]. Values that are not finite count as missing.
///
/// ```
/// use instructue_encoders::TabularStatistics;
///
/// # fn main() -> Result<(), instructue_encoders::Error> {
/// let mut statistics = TabularStatistics::new(2);
/// for row in [[1.0, 7.0], [3.0, f32::NAN], [5.0, 7.0]] {
///     statistics.add(&row)?;
/// }
/// let normaliser = statistics.finish();
/// let (values, missing) = normaliser.apply(&[3.0, f32::NAN])?;
/// assert_eq!(values, [0.0, 0.0]);
/// assert_eq!(missing, [0.0, 1.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TabularStatistics {
    rows: u64,
    features: Vec<Moments>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Moments {
    count: u64,
    mean: f64,
    /// Sum of squared distances to the mean.
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let apart = other.mean - self.mean;
        self.mean += apart * share;
        self.squares += other.squares + apart * apart * share * self.count as f64;
        self.count = count;
    }

    /// 1 for a constant feature: its standardised value is then 0, not noise
    /// blown up. Rounding alone is about `1e-7` of the mean in `f32`.
    fn std(self) -> f64 {
        let std = (self.squares / self.count.max(1) as f64).sqrt();
        match std.is_finite() && std > 1e-7 * self.mean.abs() {
            true => std,
            false => 1.0,
        }
    }
}

impl TabularStatistics {
    /// Nothing gathered yet, for rows of `features` numbers.
    pub fn new(features: usize) -> Self {
        Self {
            rows: 0,
            features: vec![Moments::default(); features],
        }
    }

    /// Adds one row.
    ///
    /// # Errors
    /// [`Error::FeatureCount`]; nothing is added then.
    pub fn add(&mut self, row: &[f32]) -> Result<(), Error> {
        check(self.rows, row.len(), self.features.len())?;
        self.rows += 1;
        for (moments, &value) in self.features.iter_mut().zip(row) {
            if value.is_finite() {
                moments.add(value.into());
            }
        }
        Ok(())
    }

    /// Adds all that `other` gathered.
    ///
    /// # Errors
    /// [`Error::FeatureCount`] when the two are for rows of another width.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        check(self.rows, other.features.len(), self.features.len())?;
        self.rows += other.rows;
        for (moments, other) in self.features.iter_mut().zip(&other.features) {
            moments.merge(*other);
        }
        Ok(())
    }

    /// Rows added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The normaliser of what was gathered. A feature never seen has mean 0 and
    /// spread 1.
    pub fn finish(&self) -> TabularNormaliser {
        self.finish_of(1)
    }

    /// As [`finish`](Self::finish), where a feature that fewer than `min_rows` rows have
    /// counts as never seen: the mean of one row is its value.
    pub fn finish_of(&self, min_rows: u64) -> TabularNormaliser {
        let kept = |f: &Moments| match f.count >= min_rows {
            true => *f,
            false => Moments::default(),
        };
        let features = || self.features.iter().map(kept);
        TabularNormaliser {
            mean: features().map(|f| f.mean as f32).collect(),
            std: features().map(|f| f.std() as f32).collect(),
        }
    }
}

/// Per-feature standardisation: `(value − mean) / std`, cut at ±[`CLIP`].
///
/// Reading one refuses lists of different lengths and numbers that no fit gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct TabularNormaliser {
    /// Mean of each feature over the rows that have it.
    pub mean: Vec<f32>,
    /// Population standard deviation; 1 for a constant feature.
    pub std: Vec<f32>,
}

/// As it may come from a file.
#[derive(Deserialize)]
struct Written {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl TryFrom<Written> for TabularNormaliser {
    type Error = String;

    fn try_from(Written { mean, std }: Written) -> Result<Self, String> {
        if mean.len() != std.len() {
            let (means, stds) = (mean.len(), std.len());
            return Err(format!(
                "a normaliser has {means} of `mean` and {stds} of `std`"
            ));
        }
        if let Some(bad) = mean.iter().find(|value| !value.is_finite()) {
            return Err(format!(
                "`mean` of a normaliser: expected finite numbers, found {bad}"
            ));
        }
        if let Some(bad) = std
            .iter()
            .find(|value| !(value.is_finite() && **value > 0.0))
        {
            return Err(format!(
                "`std` of a normaliser: expected positive numbers, found {bad}"
            ));
        }
        Ok(Self { mean, std })
    }
}

impl TabularNormaliser {
    /// Fits to rows of `features` numbers in one pass; NaN is missing.
    ///
    /// # Errors
    /// [`Error::FeatureCount`] names the row.
    pub fn fit<R: AsRef<[f32]>>(
        features: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Self, Error> {
        let mut statistics = TabularStatistics::new(features);
        for row in rows {
            statistics.add(row.as_ref())?;
        }
        Ok(statistics.finish())
    }

    /// Standardised values, 0 where missing, and the missing flags (0 or 1).
    ///
    /// # Errors
    /// [`Error::FeatureCount`], with row 0: the caller knows which it is.
    pub fn apply(&self, row: &[f32]) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let mut values = Vec::with_capacity(row.len());
        let mut missing = Vec::with_capacity(row.len());
        self.append(0, row, &mut values, &mut missing)?;
        Ok((values, missing))
    }

    /// As [`TabularNormaliser::apply`], at the end of two lists.
    pub(crate) fn append(
        &self,
        index: u64,
        row: &[f32],
        values: &mut Vec<f32>,
        missing: &mut Vec<f32>,
    ) -> Result<(), Error> {
        check(index, row.len(), self.mean.len())?;
        for ((&value, &mean), &std) in row.iter().zip(&self.mean).zip(&self.std) {
            let known = value.is_finite();
            let value = match known {
                true => ((value - mean) / std).clamp(-CLIP, CLIP),
                false => 0.0,
            };
            values.push(value);
            missing.push(f32::from(!known));
        }
        Ok(())
    }
}

pub(crate) fn check(row: u64, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::FeatureCount {
        row,
        what: "numbers",
        found,
        expected,
    })
}
