//! Sends a refund to WeChat. The attempt is committed before a byte leaves (INV-4); whatever the
//! answer does not prove is asked about, never assumed (INV-5).

use jiff::Timestamp;
use tuikuan_domain::outcome::Wait;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::quota::Counted;
use tuikuan_domain::refund::{AttemptMark, Command, Context, Situation, decide, observe};
use tuikuan_domain::{Observation, Outcome, Payment, Plan, Refund, Source, Status, Step};
use tuikuan_store::Guard;

use crate::by::By;
use crate::call::{self, Call};
use crate::engine::{Engine, Held};
use crate::lane::{Answer, Permit, Place};
use crate::ledger::{Beside, LedgerError};
use crate::merchant::Merchant;
use crate::verdict;

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
            // Built first: what cannot be built is no attempt.
            if let Err(error) = call::submission(engine, merchant, &refund) {
                return not_built(engine, held, &refund, &error).await;
            }
            if let Some(due) = closed(engine, held, &refund).await {
                return engine.hand_back(held, due).await;
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
    if planted::is(Bug::SentBeforeCommit) {
        let request = call::submission(engine, merchant, &refund);
        drop(engine.call(merchant, request).await);
    }
    let begun = engine
        .ledger()
        .act(
            &refund.id,
            &By::engine(Source::Engine),
            Beside::under(guard),
            door,
        )
        .await;
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

/// Waits until the lane is open, without taking a permit. `Some`: the lease would not outlast a call
/// any more, or the service stops; the job is handed back until then.
async fn closed(engine: &Engine, held: &Held, refund: &Refund) -> Option<Timestamp> {
    while let Some(due) = engine
        .lanes()
        .submit_wait(refund.mch_id.as_str(), engine.now())
    {
        if engine.stopping() || !engine.outlasts_call(held, due) {
            return Some(due);
        }
        engine.sleep_until(due).await;
    }
    let now = engine.now();
    (engine.stopping() || !engine.outlasts_call(held, now)).then_some(now)
}

/// Takes the permit for the bytes that are about to leave; `None` when the lease would not outlast
/// the call any more: somebody else may be at it then, so nothing leaves (INV-24).
async fn permit(engine: &Engine, held: &Held, refund: &Refund) -> Option<Place> {
    // Orders older than a month have a limit of their own; the pay time is in the payment.
    let paid_at = engine.paid_at(refund).await;
    let _waiting = engine.waiting(&refund.mch_id, Counted::Submits);
    loop {
        if !engine.outlasts_call(held, engine.now()) {
            return None;
        }
        match engine.submit_permit(&refund.mch_id, paid_at).await {
            Permit::Granted(place) => return Some(place),
            Permit::At(due) if engine.outlasts_call(held, due) => engine.sleep_until(due).await,
            Permit::At(_) => return None,
        }
    }
}

async fn not_built(
    engine: &Engine,
    held: &Held,
    refund: &Refund,
    error: &tuikuan_wechat::BuildError,
) -> Result<(), LedgerError> {
    let note = verdict::not_configured(error);
    let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
        Ok(observe(
            refund,
            payment,
            Observation::NotBuilt(note.clone()),
            context,
        ))
    };
    let beside = Beside::under(&held.guard);
    let acted = engine
        .ledger()
        .act(&refund.id, &By::engine(Source::Engine), beside, door)
        .await?;
    if acted.transition.plan == Plan::Keep {
        return mend_plan(engine, &held.guard, &acted.refund).await;
    }
    Ok(())
}

async fn send(
    engine: &Engine,
    held: &Held,
    merchant: &Merchant,
    (refund, attempt): (&Refund, u32),
) -> Result<(), LedgerError> {
    let place = permit(engine, held, refund).await;
    let call = match &place {
        None => Call::withheld(engine.now()),
        Some(_) => {
            engine
                .call(merchant, call::submission(engine, merchant, refund))
                .await
        }
    };
    let outcome = call.submit_outcome(merchant, refund);
    if place.is_some() {
        engine.note_heard(merchant, &outcome);
    }
    if let Some(place) = place {
        let answer = answer(&outcome, &call);
        place.end(engine.now(), answer);
        if matches!(answer, Answer::Error | Answer::Closing) {
            engine.tell_error(&refund.mch_id).await;
        }
    }
    let beside = Beside {
        guard: Some(held.guard.clone()),
        exchange: Some(call.exchange("submit", Some(attempt))),
        ..Beside::default()
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
        .act(&refund.id, &By::engine(Source::Reply), beside, door)
        .await?;
    Ok(())
}

/// What the answer means for the merchant's lane.
fn answer(outcome: &Outcome, call: &Call) -> Answer {
    match outcome {
        Outcome::Accepted(_) => Answer::Good,
        Outcome::NotSent(_) => Answer::Silence,
        Outcome::Unknown(_) if !call.answered() => Answer::Silence,
        Outcome::NotNow(Wait::Balance | Wait::RateLimit | Wait::Merchant, _) => Answer::Closing,
        Outcome::Unknown(_)
        | Outcome::Refused(_)
        | Outcome::RefusedUnconfirmed(_)
        | Outcome::NotNow(Wait::OrderNotReady, _)
        | Outcome::OrderMissing(_) => Answer::Error,
    }
}

/// The job no longer fits the refund: give it the plan that does, so that nothing is stuck (INV-13).
pub(crate) async fn mend_plan(
    engine: &Engine,
    guard: &Guard,
    refund: &Refund,
) -> Result<(), LedgerError> {
    let Some(refund) = engine.ledger().load(&refund.id).await?.refund else {
        return Err(LedgerError::NotFound);
    };
    let now = engine.now();
    let plan = match refund.status {
        Status::Queued if refund.payment_id.is_none() => Plan::At(Step::LookUpPayment, now),
        Status::Queued | Status::Submitting => Plan::At(Step::Submit, now),
        Status::Unknown | Status::Processing | Status::Abnormal => Plan::At(Step::Query, now),
        Status::AwaitingApproval => {
            Plan::At(Step::ExpireApproval, refund.approval.until().unwrap_or(now))
        }
        Status::Succeeded
        | Status::SettledOffline
        | Status::Closed
        | Status::Rejected
        | Status::Cancelled => Plan::Done,
    };
    engine.ledger().replan(&refund.id, guard, plan).await
}
