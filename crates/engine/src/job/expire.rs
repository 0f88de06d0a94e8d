//! Withdraws a refund that nobody agreed to in time (INV-32). WeChat is not called.

use tuikuan_domain::refund::{Command, Context, Situation, decide};
use tuikuan_domain::{Payment, Refund, Source};

use crate::by::By;
use crate::engine::{Engine, Held};
use crate::job::submit::mend_plan;
use crate::ledger::{Beside, LedgerError};

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now.
pub(crate) async fn run(engine: &Engine, held: &Held, refund: Refund) -> Result<(), LedgerError> {
    let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
        let situation = Situation {
            refund: Some(refund),
            payment,
            replaced: None,
        };
        decide(situation, Command::Expire, context)
    };
    let by = By::engine(Source::Engine);
    let beside = Beside::under(&held.guard);
    match engine.ledger().act(&refund.id, &by, beside, door).await {
        Ok(_) => Ok(()),
        // Somebody agreed or withdrew it in between.
        Err(LedgerError::Refused(_)) => mend_plan(engine, &held.guard, &refund).await,
        Err(error) => Err(error),
    }
}
