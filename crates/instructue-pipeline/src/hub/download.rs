//! From the hub into its cache.

use std::path::{Path, PathBuf};

use hf_hub::api::Progress as Download;
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use instructue_schema::Progress;

use super::error::HubError;
use super::files::gather;
use super::id::Id;
use super::options::HubOptions;

/// Downloads what makes a model and is not there yet; the snapshot's folder.
pub(super) fn fetch(
    id: &Id<'_>,
    cache: &Path,
    options: &HubOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, HubError> {
    let full = format!("{}@{}", id.name, id.revision);
    let endpoint = options.endpoint.as_deref();
    let failed = |file: &str, error: ApiError| HubError::Download {
        id: full.clone(),
        file: file.into(),
        endpoint: endpoint.unwrap_or("the hub").into(),
        reason: error.to_string(),
    };
    let repo =
        |revision: &str| Repo::with_revision(id.name.into(), RepoType::Model, revision.into());
    let cache = Cache::new(std::path::absolute(cache).unwrap_or_else(|_| cache.into()));
    let mut api = ApiBuilder::from_cache(cache.clone())
        .with_token(options.token.clone())
        .with_progress(false);
    if let Some(endpoint) = endpoint {
        api = api.with_endpoint(endpoint.into());
    }
    let api = api.build().map_err(|error| failed("a client", error))?;
    let info = api.repo(repo(id.revision)).info();
    let info = info.map_err(|error| failed("the list of files", error))?;
    // It becomes a folder's name.
    if info.sha.is_empty() || !info.sha.chars().all(|c| c.is_ascii_alphanumeric()) {
        let reason = format!("expected a commit, found `{}`", info.sha);
        return Err(HubError::Download {
            id: full.clone(),
            file: "the list of files".into(),
            endpoint: endpoint.unwrap_or("the hub").into(),
            reason,
        });
    }

    // By its commit, so that all files are of one even if the branch moves now.
    let pinned = api.repo(repo(&info.sha));
    let kept = cache.repo(repo(&info.sha));
    let snapshot = kept.pointer_path(&info.sha);
    let lacking = gather(&mut |name| {
        if !info.siblings.iter().any(|file| file.rfilename == name) {
            return Ok(None);
        }
        let place = snapshot.join(name);
        if place.is_file() {
            return Ok(Some(place));
        }
        let watch = Watch {
            file: name,
            done: 0,
            total: 0,
            report: progress,
        };
        let path = pinned.download_with_progress(name, watch);
        path.map(Some).map_err(|error| failed(name, error))
    })?;
    if !lacking.is_empty() {
        return Err(HubError::Incomplete {
            id: full,
            expected: lacking.join(", "),
        });
    }
    // Only now is the revision one that is here.
    let named = cache.repo(repo(id.revision)).create_ref(&info.sha);
    named.map_err(|error| failed("the name of the revision", error.into()))?;
    Ok(snapshot)
}

/// Passes on how far a file is.
struct Watch<'a> {
    file: &'a str,
    done: u64,
    total: u64,
    report: &'a mut dyn FnMut(Progress),
}

impl Watch<'_> {
    fn tell(&mut self) {
        (self.report)(Progress::Done {
            done: self.done,
            total: self.total,
        });
    }
}

impl Download for Watch<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total) = (0, size as u64);
        (self.report)(Progress::note(format!("downloads {}", self.file)));
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.tell();
    }

    fn finish(&mut self) {}
}
