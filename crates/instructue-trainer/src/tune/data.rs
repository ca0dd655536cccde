//! Labelled users for few-shot tuning: their split, their batches, and their cached profiles.

use std::borrow::Cow;

use instructue_features::Profile;
use instructue_model::{InstructUe, ProfileCache};
use instructue_schema::seed;

use super::config::TuneConfig;
use crate::error::{Error, Result};

/// A few labelled users.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneData {
    /// The question that the labels answer.
    pub instruction: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The profile of each user.
    pub profiles: Vec<Profile>,
    /// The class of each user, below the number of classes.
    pub labels: Vec<usize>,
}

impl TuneData {
    /// Refuses labels that do not fit, and classes with fewer than two users: one for training
    /// and one for validation.
    pub(super) fn check(&self) -> Result<()> {
        if self.labels.len() != self.profiles.len() {
            let expected = format!("one for each of {} profiles", self.profiles.len());
            return Err(Error::config("labels", &expected, self.labels.len()));
        }
        let count = self.classes.len();
        if let Some(bad) = self.labels.iter().find(|&&label| label >= count) {
            return Err(Error::config("labels", &format!("below {count}"), bad));
        }
        if count < 2 {
            let found = match self.classes.first() {
                Some(name) => format!("only {name:?}"),
                None => "none".into(),
            };
            return Err(Error::config("classes", "at least two", found));
        }
        for (class, name) in self.classes.iter().enumerate() {
            let rows = self.labels.iter().filter(|&&label| label == class).count();
            if rows < 2 {
                let found = format!("{rows} of class {name:?}");
                return Err(Error::config("labels", "two users of each class", found));
            }
        }
        Ok(())
    }

    /// The rows for training and those for validation, each with the classes spread evenly. The
    /// split is a function of the seed.
    pub(super) fn split(&self, config: &TuneConfig) -> [Vec<usize>; 2] {
        let mut sides = [Vec::new(), Vec::new()];
        for class in 0..self.classes.len() {
            let all = self.labels.iter().enumerate();
            let rows = all.filter(|(_, label)| **label == class);
            let mut rows: Vec<usize> = rows.map(|(row, _)| row).collect();
            let mut rng = seed::rng(config.seed, "tune split", &[class as u64]);
            seed::shuffle(&mut rows, &mut rng);
            let held = (rows.len() as f64 * config.validation_share).round() as usize;
            let held = held.clamp(1, rows.len() - 1);
            let train = rows.split_off(held);
            for (side, rows) in sides.iter_mut().zip([train, rows]) {
                let count = rows.len() as f64;
                let places = rows.into_iter().enumerate();
                side.extend(places.map(|(place, row)| ((place as f64 + 0.5) / count, row)));
            }
        }
        sides.map(|mut side| {
            side.sort_by(|a, b| a.0.total_cmp(&b.0));
            side.into_iter().map(|(_, row)| row).collect()
        })
    }
}

/// Users of a step, whose profiles are read once if memory allows.
pub(super) struct Group {
    /// The rows of the data.
    pub rows: Vec<usize>,
    /// The class of each row.
    pub labels: Vec<usize>,
    read: Option<ProfileCache>,
}

impl Group {
    /// Divides `rows` into groups of equal size, and reads their profiles while `left` bytes
    /// remain.
    pub fn of(
        model: &InstructUe,
        data: &TuneData,
        rows: &[usize],
        config: &TuneConfig,
        left: &mut usize,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Vec<Self>> {
        let groups = rows.len().div_ceil(config.users_per_step);
        let size = rows.len().div_ceil(groups.max(1)).max(1);
        let mut out = Vec::with_capacity(groups);
        for rows in rows.chunks(size) {
            let mut group = Self {
                rows: rows.to_vec(),
                labels: rows.iter().map(|&row| data.labels[row]).collect(),
                read: None,
            };
            if *left > 0 {
                let read = group.profiles(model, data)?.into_owned();
                if let Some(rest) = left.checked_sub(read.bytes()) {
                    *left = rest;
                    group.read = Some(read);
                } else {
                    *left = 0;
                }
            }
            watch(rows.len());
            out.push(group);
        }
        Ok(out)
    }

    /// The group's profiles in the model's cache.
    pub fn profiles(&self, model: &InstructUe, data: &TuneData) -> Result<Cow<'_, ProfileCache>> {
        if let Some(read) = &self.read {
            return Ok(Cow::Borrowed(read));
        }
        let profiles = self.rows.iter().map(|&row| data.profiles[row].clone());
        Ok(Cow::Owned(
            model.profile_cache(&profiles.collect::<Vec<_>>())?,
        ))
    }
}
