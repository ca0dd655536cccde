//! Normalisers of what a source brings as numbers: tabular rows and events' own vectors. They are
//! fitted on training users before the first step, so that the scale of a column does not matter.

use instructue_encoders::{TabularNormaliser, TabularStatistics};
use instructue_features::{Profile, ProfileBuilder, SourceProfile};
use instructue_schema::{DistinctUsers, History, SourceKind, Timestamp, user_key};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Mean and deviation of each number of a source. Values are cut off at five deviations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisers {
    /// One per tabular source, in schema order.
    pub tabular: Vec<TabularNormaliser>,
    /// One entry per source, in schema order, where a source's events have vectors of their own;
    /// empty if none has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<Option<TabularNormaliser>>,
}

impl Normalisers {
    /// Fits them on the given users, each once, at their reference times. A number that fewer
    /// than [`min_users`](ProfileBuilder::min_users) of `profiles` have is not standardised.
    ///
    /// # Errors
    /// When a row does not have the width that `profiles` declares.
    pub fn fit<'a>(
        profiles: &ProfileBuilder,
        histories: impl Iterator<Item = (History<'a>, Timestamp)>,
    ) -> Result<Self> {
        let min_users = profiles.min_users();
        let sources = profiles.schema().sources.iter().enumerate();
        let mut fits: Vec<SourceFit> = sources
            .map(
                |(index, source)| match (source.kind, source.vector_field()) {
                    (SourceKind::Tabular, _) => {
                        let numbers = profiles.tabular_layout(index).numbers.len();
                        SourceFit::Tabular(TabularStatistics::new(numbers))
                    }
                    (SourceKind::Events, Some((_, width))) => SourceFit::Vectors {
                        statistics: TabularStatistics::new(width),
                        users: DistinctUsers::default(),
                    },
                    (SourceKind::Events, None) => SourceFit::Texts,
                },
            )
            .collect();
        for (history, reference) in histories {
            let profile = profiles.build(&history, reference);
            for (fit, source) in fits.iter_mut().zip(&profile.sources) {
                fit.add(&profile, source, min_users)?;
            }
        }
        let mut found = Self::default();
        for fit in fits {
            found.vectors.push(match fit {
                SourceFit::Tabular(statistics) => {
                    found.tabular.push(statistics.finish_of(min_users as u64));
                    None
                }
                SourceFit::Texts => None,
                SourceFit::Vectors { statistics, users } => {
                    Some(statistics.finish_of(if users.enough() { 1 } else { u64::MAX }))
                }
            });
        }
        if found.vectors.iter().all(Option::is_none) {
            found.vectors.clear();
        }
        Ok(found)
    }

    /// The normaliser of the vectors of a source; `None` if its events have none.
    pub fn of_vectors(&self, source: usize) -> Option<&TabularNormaliser> {
        self.vectors.get(source)?.as_ref()
    }

    /// The standardised numbers of all tabular sources, one after the other.
    ///
    /// # Errors
    /// When a row of the profile has another width.
    pub(crate) fn tabular_numbers(&self, profile: &Profile) -> Result<Vec<f32>> {
        let rows = profile.sources.iter().filter_map(|source| match source {
            SourceProfile::Tabular(row) => Some(row),
            SourceProfile::Events(_) => None,
        });
        let mut out = Vec::new();
        for (row, normaliser) in rows.zip(&self.tabular) {
            out.extend(normaliser.apply(&row.numbers)?.0);
        }
        Ok(out)
    }
}

/// What is gathered of one source.
enum SourceFit {
    Tabular(TabularStatistics),
    Vectors {
        statistics: TabularStatistics,
        /// A user has many vectors, so users are counted beside them.
        users: DistinctUsers,
    },
    Texts,
}

impl SourceFit {
    fn add(&mut self, profile: &Profile, source: &SourceProfile, min_users: usize) -> Result<()> {
        match (self, source) {
            (Self::Tabular(statistics), SourceProfile::Tabular(row)) => {
                statistics.add(&row.numbers)?;
            }
            (Self::Vectors { statistics, users }, SourceProfile::Events(events)) => {
                for vector in events.iter().filter_map(|event| event.vector.as_ref()) {
                    users.add(user_key(&profile.user), min_users);
                    statistics.add(vector)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
