//! Asks WeChat about a difference that a bill has shown. The answer goes through the door like every
//! other and heals the record (INV-16); then it settles the difference, or changes what is proposed.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::reconcile::{
    BillKind, DayState, DifferenceState, Healing, Repair, Settled, settle,
};
use tuikuan_domain::refund::{Context, observe};
use tuikuan_domain::{DifferenceId, Finding, Observation, Payment, Refund, RefundId, Source};
use tuikuan_store::{Bill, BillAct, BillChange, Difference, Merchants};
use tuikuan_terms::OutRefundNo;

use crate::adoption::Adoption;
use crate::by::By;
use crate::engine::{Engine, Held};
use crate::error::EngineError;
use crate::job::query::permitted;
use crate::ledger::{Beside, LedgerError};
use crate::merchant::Merchant;

/// Without an answer it is asked again after half of the time passed, but not sooner ...
const AGAIN_MIN: SignedDuration = SignedDuration::from_secs(30);
/// ... and not later than this.
const AGAIN_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now.
pub(crate) async fn run(
    engine: &Engine,
    held: &Held,
    id: &DifferenceId,
) -> Result<(), LedgerError> {
    let found = engine
        .store()
        .difference(Merchants::All, id.clone())
        .await?;
    let open = found.filter(|difference| difference.state == DifferenceState::Open);
    let Some(difference) = open else {
        return close(engine, held, settle_act(id, None, Repair::Nothing, None)).await;
    };
    let (Some(merchant), Ok(number)) = (
        engine.merchant(&difference.merchant).cloned(),
        difference.out_refund_no.parse::<OutRefundNo>(),
    ) else {
        return close(engine, held, settle_act(id, None, Repair::AskWechat, None)).await;
    };
    if !permitted(engine, held, &merchant.mch_id).await {
        return engine.hand_back(held, engine.now()).await;
    }
    let asked = engine.now();
    let request = merchant.account.query_refund(&number, &engine.stamp());
    let call = engine.call(&merchant, request).await;
    let finding = call.stranger_finding(&merchant, &number);
    let beside = Beside {
        exchange: Some(call.exchange("query", None)),
        ..Beside::under(&held.guard)
    };
    let taken = take_in(engine, &merchant, &difference, (&finding, asked), beside).await?;
    let settled = settled(&difference, &taken, &finding);
    engine.tally().count("differences", label(settled));
    match settled {
        Settled::Healed(healing) => {
            let refund = match taken {
                Taken::Refund(refund) => Some(refund.id.clone()),
                Taken::Nothing | Taken::Contradicted => None,
            };
            let act = settle_act(id, Some(healing), Repair::Nothing, refund);
            close(engine, held, act).await
        }
        Settled::Open(repair) => {
            let repair = proposed(engine, &difference, repair).await?;
            close(engine, held, settle_act(id, None, repair, None)).await
        }
        Settled::Again => {
            let passed = engine.now().duration_since(difference.found_at);
            let half = passed.checked_div(2).unwrap_or(AGAIN_MIN);
            let due = engine.after(half.clamp(AGAIN_MIN, AGAIN_MAX));
            engine.hand_back(held, due).await
        }
    }
}

/// What becomes of the difference.
fn settled(difference: &Difference, taken: &Taken, finding: &Finding) -> Settled {
    let said = (difference.class, difference.facts.bill_amount);
    let settled = match taken {
        Taken::Refund(refund) => settle(said, Some(refund), finding),
        Taken::Nothing => settle(said, None, finding),
        Taken::Contradicted => Settled::Open(Repair::ReviewRefund),
    };
    match settled {
        Settled::Open(_) if planted::is(Bug::HealedUnproved) => {
            Settled::Healed(Healing::QueryAgrees)
        }
        settled => settled,
    }
}

/// What the answer became.
enum Taken {
    /// This refund, after the answer.
    Refund(Box<Refund>),
    /// There is no record.
    Nothing,
    /// WeChat's number of it belongs to another record of ours.
    Contradicted,
}

/// Takes the answer into our records: through the door where there is one, as an adopted refund
/// where there is none.
async fn take_in(
    engine: &Engine,
    merchant: &Merchant,
    difference: &Difference,
    (finding, asked): (&Finding, Timestamp),
    beside: Beside,
) -> Result<Taken, LedgerError> {
    let Ok(number) = difference.out_refund_no.parse::<OutRefundNo>() else {
        return Ok(Taken::Nothing);
    };
    let store = engine.store();
    if let Some(refund) = store.refund_by_number(&merchant.mch_id, &number).await? {
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            let finding = finding.clone();
            let observation = Observation::Query { finding, asked };
            Ok(observe(refund, payment, observation, context))
        };
        let by = By::engine(Source::Query);
        let acted = engine.ledger().act(&refund.id, &by, beside, door).await?;
        return Ok(Taken::Refund(Box::new(acted.refund)));
    }
    let Finding::Found(report) = finding else {
        return Ok(Taken::Nothing);
    };
    if let Some(id) = &report.refund_id
        && store
            .refund_by_wechat_id(&merchant.mch_id, id)
            .await?
            .is_some()
    {
        return Ok(Taken::Contradicted);
    }
    let by = By::engine(Source::Bill);
    match engine.adopt_stranger(merchant, report, &by, &beside).await {
        Ok(Adoption::Adopted(_) | Adoption::Known) => {
            let refund = store.refund_by_number(&merchant.mch_id, &number).await?;
            Ok(refund.map_or(Taken::Nothing, |refund| Taken::Refund(Box::new(refund))))
        }
        Ok(Adoption::Incomplete | Adoption::DoesNotFit) => Ok(Taken::Nothing),
        Err(EngineError::StoreUnavailable(error)) => Err(*error),
        // Nothing was written; the lease brings the job again.
        Err(_) => Err(LedgerError::Contended),
    }
}

/// What waits for the next bill waits in vain when that bill is there already.
async fn proposed(
    engine: &Engine,
    difference: &Difference,
    repair: Repair,
) -> Result<Repair, LedgerError> {
    let Ok(day) = difference.day.tomorrow() else {
        return Ok(repair);
    };
    if repair != Repair::WaitForNextBill {
        return Ok(repair);
    }
    let next = Bill {
        merchant: difference.merchant.clone(),
        day,
        kind: BillKind::Refunds,
    };
    let state = engine.store().bill_day(next).await?.map(|next| next.state);
    Ok(match state {
        Some(DayState::Fetched | DayState::Empty) => Repair::AskWechat,
        Some(DayState::Wanted | DayState::Missing | DayState::Failed) | None => repair,
    })
}

const fn label(settled: Settled) -> &'static str {
    match settled {
        Settled::Healed(_) => "healed",
        Settled::Open(_) => "open",
        Settled::Again => "unanswered",
    }
}

fn settle_act(
    id: &DifferenceId,
    healing: Option<Healing>,
    repair: Repair,
    refund_id: Option<RefundId>,
) -> BillAct {
    BillAct::Settle {
        id: id.clone(),
        healing,
        repair,
        refund_id,
    }
}

/// Writes what became of it and ends the job.
async fn close(engine: &Engine, held: &Held, act: BillAct) -> Result<(), LedgerError> {
    let change = BillChange {
        guard: Some(held.guard.clone()),
        act,
        audit: None,
        at: engine.now(),
    };
    engine.store().change_bills(change).await?;
    Ok(())
}
