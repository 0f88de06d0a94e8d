//! Acts that change nothing, but must be in the audit log (INV-35): exports.

use serde_json::Value;
use tuikuan_store::{AdminChange, Administered, NewAudit};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Writes an entry of the audit log, durable before anything else happens.
    ///
    /// # Errors
    /// [`EngineError`] of the store; then there is no entry, and what it was for must not happen.
    pub async fn log(
        &self,
        by: &By,
        action: &str,
        subject: &str,
        detail: &Value,
    ) -> Result<(), EngineError> {
        let audit = NewAudit {
            at: self.now(),
            actor: by.actor.to_string(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_string(),
        };
        let act = Administered::Noted;
        self.store().administer(AdminChange { act, audit }).await?;
        Ok(())
    }
}
