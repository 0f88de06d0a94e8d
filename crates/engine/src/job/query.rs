//! Asks WeChat about a refund. The answer is the highest evidence there is (INV-16).

use tuikuan_domain::quota::Counted;
use tuikuan_domain::refund::{Context, observe};
use tuikuan_domain::{Observation, Payment, Plan, Refund, Source, Step};
use tuikuan_terms::MchId;

use crate::by::By;
use crate::call;
use crate::engine::{Engine, Held};
use crate::job::submit::mend_plan;
use crate::ledger::{Beside, LedgerError};

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now.
pub(crate) async fn run(engine: &Engine, held: &Held, refund: Refund) -> Result<(), LedgerError> {
    let guard = &held.guard;
    if !refund.status.can_query() {
        return mend_plan(engine, guard, &refund).await;
    }
    let Some(merchant) = engine.merchant(&refund.merchant) else {
        let due = engine.after(engine.settings().schedule.spacing);
        return engine
            .ledger()
            .replan(&refund.id, guard, Plan::At(Step::Query, due))
            .await;
    };
    if !permitted(engine, held, &refund.mch_id).await {
        return engine.hand_back(held, engine.now()).await;
    }
    let asked = engine.now();
    let call = engine
        .call(merchant, call::query(engine, merchant, &refund))
        .await;
    let finding = call.query_finding(merchant, &refund);
    engine.note_heard(merchant, &finding);
    let beside = Beside {
        guard: Some(guard.clone()),
        exchange: Some(call.exchange("query", None)),
        ..Beside::default()
    };
    let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
        Ok(observe(
            refund,
            payment,
            Observation::Query {
                finding: finding.clone(),
                asked,
            },
            context,
        ))
    };
    let acted = engine
        .ledger()
        .act(&refund.id, &By::engine(Source::Query), beside, door)
        .await?;
    if acted.transition.plan == Plan::Keep {
        // The refund moved on while the answer was under way.
        return mend_plan(engine, guard, &acted.refund).await;
    }
    Ok(())
}

/// Waits for the quota of queries; `false` when the lease would not outlast a call any more.
pub(crate) async fn permitted(engine: &Engine, held: &Held, mch_id: &MchId) -> bool {
    let _waiting = engine.waiting(mch_id, Counted::Queries);
    loop {
        if engine.stopping() || !engine.outlasts_call(held, engine.now()) {
            return false;
        }
        match engine.query_permit(mch_id).await {
            None => return true,
            Some(due) => engine.sleep_until(due).await,
        }
    }
}
