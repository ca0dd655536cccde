//! Users of whom a reference time shows no event.

use instructue_features::{Profile, SourceProfile};
use instructue_schema::{SourceKind, Timestamp};
use instructue_store::UserStore;

use crate::error::{Error, Result};
use instructue_schema::Progress;

/// The first moment after all events; `None` without an event.
pub fn end_of_data(store: &UserStore) -> Option<Timestamp> {
    let (_, last) = store.time_range()?;
    Some(Timestamp(last.0.saturating_add(1)))
}

/// For each of `references`, how many users have no event in the windows before it.
pub(crate) fn empty_users(store: &UserStore, references: &[Timestamp]) -> Result<Vec<u64>> {
    let sources = store.schema().sources.iter().enumerate();
    let windows: Vec<(usize, i64)> = sources
        .filter(|(_, source)| source.kind == SourceKind::Events)
        .map(|(index, source)| (index, i64::from(source.window_days)))
        .collect();
    let mut empty = vec![0; references.len()];
    for shard in 0..store.shards() {
        let shard = store.shard(shard)?;
        for history in shard.histories() {
            for (reference, empty) in references.iter().zip(&mut empty) {
                let seen = windows.iter().any(|(source, days)| {
                    let events = history.events(*source);
                    let from = reference.plus_days(-days);
                    !events.between(from, *reference).is_empty()
                });
                *empty += u64::from(!seen);
            }
        }
    }
    Ok(empty)
}

/// Whether a profile shows an event.
pub(crate) fn has_events(profile: &Profile) -> bool {
    profile.sources.iter().any(|source| match source {
        SourceProfile::Events(events) => !events.is_empty(),
        SourceProfile::Tabular(_) => false,
    })
}

/// Says that `empty` of `users` have no event in the windows before `reference`; refuses when
/// that is most of them, unless it is allowed.
pub(crate) fn tell_empty(
    empty: u64,
    users: u64,
    reference: Timestamp,
    allowed: bool,
    watch: &mut dyn FnMut(Progress),
) -> Result<()> {
    if empty > users / 2 && !allowed {
        return Err(Error::EmptyWindows {
            empty,
            users,
            reference,
        });
    }
    if empty > 0 {
        let text =
            format!("{empty} of {users} users have no event in the windows before {reference}");
        watch(Progress::Note { text });
    }
    Ok(())
}
