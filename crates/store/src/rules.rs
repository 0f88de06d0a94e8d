//! Rules about approvals and limits as they are stored, and what was asked on a day (INV-33).

use jiff::Timestamp;
use tuikuan_domain::approval::{Rules, Usage};
use tuikuan_domain::{Actor, MerchantName};

/// The rules of one merchant, or of all that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRules {
    /// Whose; `None`: of all merchants without rules of their own.
    pub merchant: Option<MerchantName>,
    /// The rules.
    pub rules: Rules,
    /// When they were set.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: Actor,
    /// Grows by one with each change; 1 for new rules.
    pub version: i64,
}

/// What is done to rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesAct {
    /// They are new (version 1), or follow the version before.
    Set(StoredRules),
    /// The merchant goes back to the rules of all.
    Removed {
        /// Whose.
        merchant: MerchantName,
        /// The version that is removed.
        version: i64,
    },
}

/// What a subject asked on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectUsage {
    /// See [`tuikuan_domain::approval::UsageClaim::subject`].
    pub subject: String,
    /// How much.
    pub usage: Usage,
}
