//! What a batch carries beside its inputs, as the configuration says.

/// What a batch carries beside its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extras {
    /// Source and user summary tokens.
    pub summaries: bool,
    /// The tabular sources' vectors at `<USER>`, where there are such sources.
    pub tabular_at_user: bool,
    /// How much of the row's profile an instruction names, at its `<USER>`.
    pub lexical_matches: bool,
}

impl Extras {
    /// Whether the `<USER>` of each segment is a vector of its own.
    pub(crate) fn own_users(self) -> bool {
        self.tabular_at_user || self.lexical_matches
    }
}
