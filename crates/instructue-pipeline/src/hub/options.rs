//! Where models are looked for: the variables that the clients of the hub share.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Where models are looked for, and whether the network may be asked.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubOptions {
    /// The hub's cache folder, the one that holds `models--…`.
    pub cache: Option<PathBuf>,
    /// Another address than the hub's own, without a slash at its end.
    pub endpoint: Option<String>,
    /// For models that are not public.
    pub token: Option<String>,
    /// Never ask the network.
    pub offline: bool,
}

/// Without the token.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .finish()
    }
}

impl HubOptions {
    /// A cache folder, and the network allowed.
    pub fn with_cache(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: Some(cache.into()),
            endpoint: None,
            token: None,
            offline: false,
        }
    }

    /// As the hub's other clients read them: `HF_HUB_CACHE`, else `hub` in `HF_HOME`,
    /// else the folder in the user's cache; `HF_ENDPOINT`; `HF_TOKEN`, else the file
    /// `token` in `HF_HOME`; `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`.
    pub fn from_env() -> Self {
        Self::from_variables(&|name| std::env::var_os(name))
    }

    /// As [`from_env`](Self::from_env), from variables that `get` knows.
    pub fn from_variables(get: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let text = |name: &str| get(name).and_then(|value| value.into_string().ok());
        let path = |name: &str| get(name).map(PathBuf::from);
        let home = || path("HOME").or_else(|| path("USERPROFILE"));
        let caches = path("XDG_CACHE_HOME").or_else(|| Some(home()?.join(".cache")));
        let hub = path("HF_HOME").or_else(|| Some(caches?.join("huggingface")));
        let saved = hub.as_ref().map(|hub| hub.join("token"));
        let saved = path("HF_TOKEN_PATH").or(saved);
        let token = text("HF_TOKEN").or_else(|| instructue_fs::read_text(&saved?).ok());
        let token = token.map(|token| token.trim().to_owned());
        let set = |name: &str| {
            let value = text(name).unwrap_or_default().to_uppercase();
            ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
        };
        Self {
            cache: path("HF_HUB_CACHE").or_else(|| Some(hub?.join("hub"))),
            endpoint: text("HF_ENDPOINT").map(|url| url.trim_end_matches('/').to_owned()),
            token: token.filter(|token| !token.is_empty()),
            offline: set("HF_HUB_OFFLINE") || set("TRANSFORMERS_OFFLINE"),
        }
    }
}
