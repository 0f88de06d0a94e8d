//! Versions of what every node keeps in memory: the endpoints and the rules. A change says with which
//! it was decided; with others it is decided again (INV-29, INV-32, INV-33). Triggers count them, so
//! that nobody who writes endpoints or rules can forget it, an older version of Tuikuan included.

use crate::error::{CommitError, ReadError};
use crate::rows::Row;

/// Both versions, in one row. The same on both engines.
pub(crate) const VERSIONS: &str = "
    SELECT (SELECT number FROM meta WHERE name = 'endpoints'),
           (SELECT number FROM meta WHERE name = 'rules')";

/// How often endpoints and rules were changed, as the database counts. After a failover or a restore a
/// number may be one that was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingsVersions {
    /// Grows with each endpoint that is made, switched on or off, or deleted.
    pub endpoints: i64,
    /// Grows with each rule that is made, changed or removed.
    pub rules: i64,
}

/// The versions that a change was decided with; `None`: it does not depend on them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SettingsSeen {
    /// Of the endpoints that it has messages for.
    pub endpoints: Option<i64>,
    /// Of the rules that it was judged by.
    pub rules: Option<i64>,
}

impl SettingsSeen {
    /// A change that depends on neither.
    pub const NONE: Self = Self {
        endpoints: None,
        rules: None,
    };

    /// These are still the versions.
    pub(crate) fn check(self, now: SettingsVersions) -> Result<(), CommitError> {
        let hold = self.endpoints.is_none_or(|seen| seen == now.endpoints)
            && self.rules.is_none_or(|seen| seen == now.rules);
        hold.then_some(()).ok_or(CommitError::Outdated)
    }
}

/// A row of [`VERSIONS`].
pub(crate) fn versions(row: Row<'_>) -> Result<SettingsVersions, ReadError> {
    Ok(SettingsVersions {
        endpoints: row.get(0)?,
        rules: row.get(1)?,
    })
}
