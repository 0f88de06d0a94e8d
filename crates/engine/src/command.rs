//! Commands about a refund that exists: decided by the door, written with their entry in the audit
//! log (INV-35).

use aws_lc_rs::digest::{SHA256, digest};
use tuikuan_domain::refund::{Command, Context, Situation, decide};
use tuikuan_domain::{Payment, Refund, RefundId, Refusal};

use crate::audit;
use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::{Beside, LedgerError};

/// SHA-256 of what a second person agrees to: [`Refund::content_text`].
#[must_use]
pub fn content_hash(refund: &Refund) -> [u8; 32] {
    let mut hash = [0; 32];
    let computed = digest(&SHA256, refund.content_text().as_bytes());
    for (to, from) in hash.iter_mut().zip(computed.as_ref()) {
        *to = *from;
    }
    hash
}

impl Engine {
    /// A command about an existing refund.
    ///
    /// # Errors
    /// [`EngineError::Refused`] when the door refuses, [`EngineError::NotFound`], or the store's.
    pub async fn command(
        &self,
        id: &RefundId,
        command: Command,
        by: &By,
    ) -> Result<Refund, EngineError> {
        self.command_on(id, None, command, by).await
    }

    /// The same to the refund as somebody saw it: refused as [`Refusal::ContentChanged`] when its
    /// [`content_hash`] is another one now (INV-32).
    ///
    /// # Errors
    /// As for [`Engine::command`].
    pub async fn command_on(
        &self,
        id: &RefundId,
        seen: Option<[u8; 32]>,
        command: Command,
        by: &By,
    ) -> Result<Refund, EngineError> {
        let loaded = self.ledger().load(id)?;
        let refund = loaded.refund.as_ref().ok_or(LedgerError::NotFound)?;
        let beside = Beside {
            audit: audit::of_command(by, self.now(), refund, &command),
            ..Beside::default()
        };
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            if seen.is_some_and(|seen| seen != content_hash(refund)) {
                return Err(Refusal::ContentChanged);
            }
            let situation = Situation {
                refund: Some(refund),
                payment,
                replaced: None,
            };
            decide(situation, command.clone(), context)
        };
        let acted = self.ledger().act_on(loaded, by, beside, door).await?;
        self.wake();
        Ok(acted.refund)
    }
}
