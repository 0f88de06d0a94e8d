//! How people care for what waits for them, and what waits.

use jiff::Timestamp;

use crate::care::Care;
use crate::error::CommitError;
use crate::postgres::work::Work;
use crate::trouble::Trouble;

impl Work<'_> {
    /// Writes how somebody cares for something; its version is the stored one and one more.
    pub(super) async fn care(&mut self, care: &Care) -> Result<(), Trouble> {
        let row = values![
            care.subject.to_string(),
            care.merchant.as_str(),
            care.reason,
            care.assignee.as_ref().map(|id| id.as_str()),
            care.snoozed_until.map(Timestamp::as_microsecond),
            care.settled_at.map(Timestamp::as_microsecond),
            care.note,
            care.version,
        ];
        let sql = if care.version == 1 {
            "INSERT INTO care (subject, merchant, reason, assignee, snoozed_until, settled_at, note,
                 version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (subject) DO NOTHING"
        } else {
            "UPDATE care SET reason = $3, assignee = $4, snoozed_until = $5, settled_at = $6,
                 note = $7, version = $8
             WHERE subject = $1 AND merchant = $2 AND version = $8 - 1"
        };
        match self.execute(sql, row).await? {
            1 => Ok(()),
            _ => Err(CommitError::Conflict.into()),
        }
    }
}
