//! Commands about a refund that exists: decided by the door, written with their entry in the audit
//! log (INV-35).

use aws_lc_rs::digest::{SHA256, digest};
use tuikuan_domain::refund::{Command, Context, NewRefund, Situation, decide};
use tuikuan_domain::{Actor, Payment, Refund, RefundId, Refusal, Status};
use tuikuan_store::CommitError;

use crate::audit;
use crate::behind::decide_behind;
use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::{self, Beside, LedgerError, Loaded, ROUNDS_MAX};

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
        let loaded = self.ledger().load(id).await?;
        let refund = loaded.refund.as_ref().ok_or(LedgerError::NotFound)?;
        if command == Command::Retry && never_left(refund) {
            return self.ask_again(loaded, by).await;
        }
        let behind = self.behind(refund.requested_by.as_ref(), by).await?;
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
            decide_behind(behind.as_ref(), situation, command.clone(), context)
        };
        let acted = self.ledger().act_on(loaded, by, beside, door).await?;
        self.wake();
        Ok(acted.refund)
    }

    /// A refused refund that never left is asked for anew: it is judged and counted like a request
    /// (INV-32, INV-33).
    async fn ask_again(&self, first: Loaded, by: &By) -> Result<Refund, EngineError> {
        let mut loaded = first;
        for _ in 0..ROUNDS_MAX {
            let payment = loaded.payment.as_ref();
            let refund = loaded.refund.ok_or(LedgerError::NotFound)?;
            let judgment = self.judge(&asked(&refund), by, payment).await?;
            let mut context = self.ledger().context(by);
            context.approval = judgment.judged.approval;
            let situation = Situation {
                refund: Some(&refund),
                payment,
                replaced: None,
            };
            let transition = decide(situation, Command::Retry, &context)?;
            let beside = Beside {
                audit: audit::of_command(by, self.now(), &refund, &Command::Retry),
                usage: judgment.judged.claims,
                rules: Some(judgment.version),
                ..Beside::default()
            };
            let id = refund.id.clone();
            let written = self.ledger().commit(transition, &id, beside).await;
            match written.outcome {
                Ok(_) => {
                    self.wake();
                    return Ok(ledger::after(refund, written.transition).refund);
                }
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
            loaded = self.ledger().load(&id).await?;
        }
        Err(LedgerError::Contended.into())
    }
}

fn never_left(refund: &Refund) -> bool {
    refund.status == Status::Rejected && refund.submitted_at.is_none()
}

/// A refund as it was asked for.
fn asked(refund: &Refund) -> NewRefund {
    NewRefund {
        id: refund.id.clone(),
        merchant: refund.merchant.clone(),
        mch_id: refund.mch_id.clone(),
        sub_mch_id: refund.sub_mch_id.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        content: refund.content.clone(),
        requested_by: refund.requested_by.clone().unwrap_or(Actor::Engine),
    }
}
