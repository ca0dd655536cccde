//! Ids of the hub.

/// `org/name@revision`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Id<'a> {
    /// `org/name`
    pub(super) name: &'a str,
    /// A branch, a tag or a commit.
    pub(super) revision: &'a str,
}

impl<'a> Id<'a> {
    /// Reads an id; `None` for what is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (name, revision) = text.split_once('@').unwrap_or((text, "main"));
        // Both become parts of paths and addresses.
        let plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(known)
        };
        let (org, model) = name.split_once('/')?;
        let fits = plain(org) && plain(model) && !name.contains("--") && !name.contains("..");
        (fits && revision.split('/').all(plain)).then_some(Self { name, revision })
    }

    /// The model's folder in the cache.
    pub(super) fn folder(&self) -> String {
        format!("models--{}", self.name.replace('/', "--"))
    }
}
