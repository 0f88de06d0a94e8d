//! What can be read of the audit log, and its proof.

use tuikuan_domain::RefundId;

use super::Store;
use crate::audit::{AuditFilter, AuditHead, AuditPage};
use crate::chain::AuditFault;
use crate::error::ReadError;

impl Store {
    /// Entries of the audit log, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn list_audit(&self, filter: AuditFilter) -> Result<AuditPage, ReadError> {
        on!(self, s => s.list_audit(filter).await)
    }

    /// Recomputes the hash chain of the audit log: `Ok(Ok(head))` for a sound log. A head that was
    /// kept elsewhere also shows a log that was written anew from its beginning.
    ///
    /// # Errors
    /// [`ReadError`]; what is wrong with the log is the inner error.
    pub async fn verify_audit(
        &self,
        kept: Option<AuditHead>,
    ) -> Result<Result<AuditHead, AuditFault>, ReadError> {
        on!(self, s => s.verify_audit(kept).await)
    }

    /// Ids of refunds after an id, in the order of the ids: to walk through all histories.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refund_ids_after(
        &self,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<RefundId>, ReadError> {
        on!(self, s => s.refund_ids_after(after, limit).await)
    }
}
