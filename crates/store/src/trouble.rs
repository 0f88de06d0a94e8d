//! Why a write did not succeed, by what follows for the others that were to be committed with it. Each
//! engine says in its own `trouble` what its errors mean.

use crate::error::CommitError;

/// Why an operation or a whole commit did not succeed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// This operation only.
    Refused(CommitError),
    /// Everything that was to be committed together; later commits may succeed.
    All(CommitError),
    /// The database cannot be trusted any more (INV-42).
    Fatal(String),
}

impl From<CommitError> for Trouble {
    fn from(error: CommitError) -> Self {
        Self::Refused(error)
    }
}

/// A stored row is not as we write them.
pub(crate) const UNREADABLE: CommitError = CommitError::Unavailable {
    reason: "a stored row cannot be read",
};

/// What a change breaks that our own code promised.
pub(crate) fn broken(constraint: &'static str) -> Trouble {
    Trouble::Refused(CommitError::Overdrawn {
        constraint: constraint.to_owned(),
    })
}
