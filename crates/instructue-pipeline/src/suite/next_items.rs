//! Items that users took next, which recommendations are measured by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use instructue_schema::{ColumnData, History, Timestamp, UserId, UserRef, paths};
use instructue_store::UserStore;
use instructue_userqa::Split;

use crate::error::{Error, Result};
use crate::labels::read_labels;
use crate::suite::declare::Recommendation;

/// Items that users took next.
pub(crate) struct NextItems {
    pub declared: Recommendation,
    /// All that can be recommended, sorted.
    pub items: Vec<String>,
    /// Per user: places in `items` of what came next; empty where nothing is known.
    pub next: Vec<Vec<usize>>,
    /// Per user: places in `items` of what the profile holds.
    pub seen: Vec<Vec<usize>>,
}

impl NextItems {
    /// Reads what each user took next and before.
    pub fn new(
        declared: &Recommendation,
        store: &UserStore,
        users: &[UserId],
        refs: &[UserRef],
        reference: Timestamp,
        data: &Path,
    ) -> Result<Self> {
        let (source, declaration) = store.schema().source(&declared.source).ok_or_else(|| {
            Error::argument("recommendation.source", "a source", &declared.source)
        })?;
        let fields = declaration.fields();
        let place = fields.iter().position(|field| field.name == declared.field);
        let field = place
            .ok_or_else(|| Error::argument("recommendation.field", "a field", &declared.field))?;
        let mut seen: Vec<BTreeSet<String>> = vec![BTreeSet::new(); users.len()];
        let mut next: Vec<BTreeSet<String>> = vec![BTreeSet::new(); users.len()];
        let end = declared
            .days
            .map(|days| reference.plus_days(i64::from(days)));
        let mut first = 0;
        for shard in 0..store.shards() {
            let shard = store.shard(shard)?;
            if !matches!(
                shard.sources[source].columns[field],
                ColumnData::Text { .. }
            ) {
                let what = format!("recommendation `{}`.field", declared.name);
                return Err(Error::argument(
                    &what,
                    "a text or category field",
                    "numbers",
                ));
            }
            for (index, history) in shard.histories().enumerate() {
                let items = |from, to| items_of(&history, source, field, from, to);
                seen[first + index] = items(Timestamp(i64::MIN), reference);
                if let Some(end) = end {
                    next[first + index] = items(reference, end);
                }
            }
            first += shard.len();
        }
        debug_assert_eq!(first, refs.len());
        if let Some(file) = &declared.file {
            let user_column = &declaration.user_column().name;
            let key = format!("recommendation `{}`.file", declared.name);
            let file = paths::below(data, file).map_err(Error::outside(key))?;
            let known = read_labels(&file, user_column, &declared.field)?;
            let places: HashMap<&UserId, usize> = users
                .iter()
                .enumerate()
                .map(|(place, user)| (user, place))
                .collect();
            for (user, class) in &known.users {
                if let Some(&place) = places.get(user) {
                    next[place].insert(known.classes[*class].clone());
                }
            }
        }
        let items: BTreeSet<&String> = seen.iter().chain(&next).flatten().collect();
        let items: Vec<String> = items.into_iter().cloned().collect();
        let places: BTreeMap<&str, usize> = items
            .iter()
            .enumerate()
            .map(|(place, item)| (item.as_str(), place))
            .collect();
        let of = |sets: &[BTreeSet<String>]| -> Vec<Vec<usize>> {
            let places =
                |set: &BTreeSet<String>| set.iter().map(|item| places[item.as_str()]).collect();
            sets.iter().map(places).collect()
        };
        let (mut next, seen) = (of(&next), of(&seen));
        if declared.exclude_seen {
            for (next, seen) in next.iter_mut().zip(&seen) {
                next.retain(|item| seen.binary_search(item).is_err());
            }
        }
        // Someone without a history is nobody's recommendation.
        for (next, seen) in next.iter_mut().zip(&seen) {
            if seen.is_empty() {
                next.clear();
            }
        }
        Ok(Self {
            declared: declared.clone(),
            next,
            seen,
            items,
        })
    }

    /// Whether each part of each fold has users whose next items are known.
    pub fn check(&self, splits: &[Vec<Split>]) -> Result<()> {
        for (fold, splits) in splits.iter().enumerate() {
            for part in [Split::Train, Split::Validation, Split::Test] {
                let of_part = (0..splits.len()).filter(|&user| splits[user] == part);
                if self.known(&of_part.collect::<Vec<_>>()).is_empty() {
                    let name = &self.declared.name;
                    let what = format!("recommendation `{name}`, fold {}", fold + 1);
                    let expected = format!("{} users with a next item", part.name());
                    return Err(Error::argument(&what, &expected, "none"));
                }
            }
        }
        Ok(())
    }

    /// Those of `users` of whom the next items are known.
    pub fn known(&self, users: &[usize]) -> Vec<usize> {
        let users = users.iter().copied();
        users.filter(|&user| !self.next[user].is_empty()).collect()
    }

    /// An item as an answer.
    pub fn texts(&self) -> Vec<String> {
        let text = |item: &String| self.declared.text.replace("{item}", item);
        self.items.iter().map(text).collect()
    }
}

fn items_of(
    history: &History<'_>,
    source: usize,
    field: usize,
    from: Timestamp,
    to: Timestamp,
) -> BTreeSet<String> {
    let events = history.events(source).between(from, to);
    let texts = (0..events.len()).filter_map(|at| events.text(at, field));
    texts.map(|text| text.to_string()).collect()
}
