//! Vectors of event texts that are kept across passes and runs.

use std::path::Path;

use instructue_model::InstructUe;
use instructue_model::cache::{CacheConfig, CacheMetrics, VectorCache};

use crate::config::CacheSettings;
use crate::error::Result;
use instructue_schema::Progress;

/// Where a run keeps them unless it is told another folder.
pub const EVENTS_DIR: &str = "events";

/// The model with its event cache, if it is to have one: where some of its encoders are
/// frozen and the settings do not say no.
///
/// # Errors
/// When the folder cannot be used, or the bound is too small.
pub fn keep_events(
    model: InstructUe,
    settings: &CacheSettings,
    out: &Path,
    watch: &mut dyn FnMut(Progress),
) -> Result<InstructUe> {
    let encoders = 0..model.network().encoders().len();
    let mut encoders = encoders.map(|encoder| model.config().encoder_at(encoder));
    let frozen = encoders.any(|encoder| !encoder.train && encoder.lora.is_none());
    if !settings.enabled || !frozen {
        return Ok(model);
    }
    let folder = settings.folder.clone();
    let folder = folder.unwrap_or_else(|| out.join(EVENTS_DIR));
    let config = CacheConfig {
        dir: Some(folder.clone()),
        max_bytes: settings.max_bytes,
    };
    let model = model.with_event_cache(&config)?;
    let known = model.event_cache_metrics().unwrap_or_default().entries;
    watch(Progress::Note {
        text: format!("vectors of {known} event texts from {}", folder.display()),
    });
    Ok(model)
}

/// Writes what is in no file yet, and tells what was wrong with the folder since
/// `before`; what could not be read or written was encoded again.
pub(crate) fn settle_events(
    model: &InstructUe,
    before: &CacheMetrics,
    watch: &mut dyn FnMut(Progress),
) -> Option<CacheMetrics> {
    model.event_caches().iter().for_each(VectorCache::keep);
    let since = model.event_cache_metrics()?.since(before);
    if since.faults > 0 {
        let faults = model.event_caches().iter().flat_map(VectorCache::faults);
        let last = faults.last();
        let last = last.map_or(String::new(), |fault| {
            format!(", the last: {}: {}", fault.path.display(), fault.reason)
        });
        watch(Progress::Note {
            text: format!("{} fault(s) of the event cache{last}", since.faults),
        });
    }
    Some(since)
}
