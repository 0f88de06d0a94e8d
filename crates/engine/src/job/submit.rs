//! Sends a refund to WeChat. The attempt is committed before a byte leaves (INV-4); whatever the
//! answer does not prove is asked about, never assumed (INV-5).

use tuikuan_domain::refund::{AttemptMark, Command, Context, Situation, decide, observe};
use tuikuan_domain::{Observation, Outcome, Payment, Plan, Refund, Source, Status, Step};
use tuikuan_store::Guard;

use crate::engine::{Engine, Held};
use crate::lane::{Answer, Permit};
use crate::ledger::{Beside, LedgerError};
use crate::merchant::Merchant;
use crate::verdict::{self, Call};

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now; nothing more was sent.
pub(crate) async fn run(engine: &Engine, held: &Held, refund: Refund) -> Result<(), LedgerError> {
    let Some(merchant) = engine.merchant(&refund.merchant) else {
        // The merchant was taken out of the configuration: the refund waits for it.
        let due = engine.after(engine.settings().schedule.spacing);
        return engine
            .ledger()
            .replan(&refund.id, &held.guard, Plan::At(Step::Submit, due))
            .await;
    };
    let command = match refund.status {
        Status::Submitting => Command::Rescue,
        _ => {
            if !permitted(engine, held, &refund).await {
                return engine.hand_back(held).await;
            }
            Command::Submit
        }
    };
    let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
        decide(
            Situation {
                refund: Some(refund),
                payment,
                replaced: None,
            },
            command.clone(),
            context,
        )
    };
    let guard = &held.guard;
    let begun = engine
        .ledger()
        .act(&refund.id, Source::Engine, Beside::under(guard), door)
        .await;
    let permit_used = matches!(&begun, Ok(acted) if acted.transition.attempt.is_some());
    if command == Command::Submit && !permit_used {
        engine
            .lanes()
            .submitted(refund.mch_id.as_str(), engine.now(), Answer::Fine);
    }
    let begun = match begun {
        Ok(begun) => begun,
        Err(LedgerError::Refused(_)) => return mend_plan(engine, guard, &refund).await,
        Err(error) => return Err(error),
    };
    let Some(AttemptMark::Begin { attempt }) = begun.transition.attempt else {
        return Ok(());
    };
    send(engine, held, merchant, (&begun.refund, attempt)).await
}

/// Waits for the quota; `false` when the lease would not outlast a call any more.
async fn permitted(engine: &Engine, held: &Held, refund: &Refund) -> bool {
    loop {
        if engine.stopping() || engine.after(engine.settings().call_timeout) > held.until {
            return false;
        }
        // Orders older than a month have a limit of their own; the pay time is in the payment.
        let paid_at = engine.paid_at(refund);
        match engine
            .lanes()
            .submit(refund.mch_id.as_str(), engine.now(), paid_at)
        {
            Permit::Granted => return true,
            Permit::At(due) => engine.sleep_until(due).await,
        }
    }
}

async fn send(
    engine: &Engine,
    held: &Held,
    merchant: &Merchant,
    (refund, attempt): (&Refund, u32),
) -> Result<(), LedgerError> {
    // A commit that took too long has used up the lease: somebody else may be at it, so nothing
    // leaves (INV-24).
    let call = if engine.after(engine.settings().call_timeout) > held.until {
        Call::withheld(engine.now())
    } else {
        engine
            .call(merchant, verdict::submission(engine, merchant, refund))
            .await
    };
    let outcome = call.submit_outcome(merchant, refund);
    let answer = match outcome {
        Outcome::Accepted(_) | Outcome::NotSent(_) => Answer::Fine,
        Outcome::Unknown(_) if !call.answered() => Answer::Fine,
        Outcome::Unknown(_)
        | Outcome::Refused(_)
        | Outcome::RefusedUnconfirmed(_)
        | Outcome::NotNow(..)
        | Outcome::OrderMissing(_) => Answer::Error,
    };
    engine
        .lanes()
        .submitted(refund.mch_id.as_str(), engine.now(), answer);
    let beside = Beside {
        guard: Some(held.guard.clone()),
        exchange: Some(call.exchange("submit", Some(attempt))),
        inbox: None,
    };
    let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
        let observation = Observation::Reply {
            attempt,
            outcome: outcome.clone(),
        };
        Ok(observe(refund, payment, observation, context))
    };
    engine
        .ledger()
        .act(&refund.id, Source::Reply, beside, door)
        .await?;
    Ok(())
}

/// The job no longer fits the refund: give it the plan that does, so that nothing is stuck (INV-13).
pub(crate) async fn mend_plan(
    engine: &Engine,
    guard: &Guard,
    refund: &Refund,
) -> Result<(), LedgerError> {
    let Some(refund) = engine.ledger().load(&refund.id)?.refund else {
        return Err(LedgerError::NotFound);
    };
    let now = engine.now();
    let plan = match refund.status {
        Status::Queued if refund.payment_id.is_none() => Plan::At(Step::LookUpPayment, now),
        Status::Queued | Status::Submitting => Plan::At(Step::Submit, now),
        Status::Unknown | Status::Processing | Status::Abnormal => Plan::At(Step::Query, now),
        Status::AwaitingApproval
        | Status::Succeeded
        | Status::SettledOffline
        | Status::Closed
        | Status::Rejected
        | Status::Cancelled => Plan::Done,
    };
    engine.ledger().replan(&refund.id, guard, plan).await
}
