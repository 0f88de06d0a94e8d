//! Asks WeChat for the order of a refund whose payment nobody registered. Only then amount and
//! reserve are decided, in the same commit that stores the payment (INV-1).

use tuikuan_domain::refund::observe;
use tuikuan_domain::{
    Observation, Payment, PaymentFinding, PaymentReport, Plan, Refund, Source, Step,
};
use tuikuan_store::CommitError;

use crate::by::By;
use crate::call;
use crate::clock::payment_id;
use crate::engine::{Engine, Held};
use crate::job::query::permitted;
use crate::job::submit::mend_plan;
use crate::ledger::{Beside, LedgerError, ROUNDS_MAX, after};
use crate::merchant::Merchant;

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now.
pub(crate) async fn run(engine: &Engine, held: &Held, refund: Refund) -> Result<(), LedgerError> {
    let guard = &held.guard;
    let Some(merchant) = engine.merchant(&refund.merchant) else {
        let due = engine.after(engine.settings().schedule.spacing);
        let plan = Plan::At(Step::LookUpPayment, due);
        return engine.ledger().replan(&refund.id, guard, plan).await;
    };
    if !permitted(engine, held, &refund.mch_id).await {
        return engine.hand_back(held, engine.now()).await;
    }
    let call = engine
        .call(merchant, call::payment_query(engine, merchant, &refund))
        .await;
    let finding = call.payment_finding(merchant, &refund);
    engine.note_heard(merchant, &finding);
    let mut beside = Beside {
        guard: Some(guard.clone()),
        exchange: Some(call.exchange("look_up_payment", None)),
        ..Beside::default()
    };
    let ledger = engine.ledger();
    let by = By::engine(Source::Query);
    // Another refund of the same order may store the payment first: then it is loaded and used.
    for _ in 0..ROUNDS_MAX {
        let loaded = ledger.load(&refund.id).await?;
        let refund = loaded.refund.ok_or(LedgerError::NotFound)?;
        let found = match &finding {
            PaymentFinding::Paid(report) => Some(Box::new(record(engine, merchant, report).await?)),
            PaymentFinding::NotPaid(_)
            | PaymentFinding::NotFound(_)
            | PaymentFinding::MerchantFault(_)
            | PaymentFinding::Unanswered(_) => None,
        };
        let observation = Observation::PaymentLookup {
            finding: finding.clone(),
            payment: found,
        };
        let context = ledger.context(&by);
        let transition = observe(&refund, loaded.payment.as_ref(), observation, &context);
        let written = ledger.commit(transition, &refund.id, beside).await;
        match written.outcome {
            Ok(_) => {
                let acted = after(refund, written.transition);
                return match acted.transition.plan {
                    Plan::Keep => mend_plan(engine, guard, &acted.refund).await,
                    Plan::At(..) | Plan::Forward | Plan::Done => Ok(()),
                };
            }
            Err(CommitError::Conflict) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
        beside = written.beside;
    }
    Err(LedgerError::Contended)
}

/// The payment as stored, or a new record of what WeChat reports. The merchant's number decides:
/// WeChat's number may stand, by somebody's mistake, in the record of another order.
pub(crate) async fn record(
    engine: &Engine,
    merchant: &Merchant,
    report: &PaymentReport,
) -> Result<Payment, LedgerError> {
    let (mch_id, sub) = (&merchant.mch_id, merchant.sub_mch_id.as_ref());
    let store = engine.store();
    if let Some(stored) = store
        .payment_by_trade_no(mch_id, sub, &report.out_trade_no)
        .await?
    {
        return Ok(stored);
    }
    let mut payment = new_payment(engine, merchant, report);
    if let Some(id) = &payment.transaction_id
        && store.payment_by_transaction(mch_id, id).await?.is_some()
    {
        payment.transaction_id = None;
    }
    Ok(payment)
}

/// A payment nobody has drawn on yet.
pub(crate) fn new_payment(engine: &Engine, merchant: &Merchant, report: &PaymentReport) -> Payment {
    Payment {
        id: payment_id(engine.ids()),
        merchant: merchant.name.clone(),
        mch_id: merchant.mch_id.clone(),
        sub_mch_id: merchant.sub_mch_id.clone(),
        out_trade_no: report.out_trade_no.clone(),
        transaction_id: report.transaction_id.clone(),
        total: report.total,
        paid_at: report.paid_at,
        reserved: tuikuan_terms::Fen::ZERO,
        spent: tuikuan_terms::Fen::ZERO,
        external: tuikuan_terms::Fen::ZERO,
        refunds: 0,
        in_flight: None,
        last_submit: None,
        created_at: engine.now(),
        version: 0,
    }
}
