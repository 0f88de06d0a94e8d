//! What WeChat says about the order of a refund: only now amount and reserve are decided (INV-1).

use crate::after;
use crate::outcome::{PaymentFinding, PaymentReport, Wait};
use crate::payment::Payment;
use crate::refund::observe::{ATTEMPTS_BEFORE_ATTENTION, sure, unknown};
use crate::refund::request::{check_order, check_room, complete, engine_note, start};
use crate::refund::transition::Draft;
use crate::refund::{
    AttentionReason, Context, PendingReason, Plan, Refund, Status, Step, Transition,
};

pub(super) fn lookup(
    refund: &Refund,
    payment: Option<&Payment>,
    finding: PaymentFinding,
    found: Option<&Payment>,
    context: &Context<'_>,
) -> Transition {
    let waiting = refund.status == Status::Queued
        && refund.pending_reason == Some(PendingReason::PaymentLookup);
    if !waiting {
        return Transition::unchanged();
    }
    let mut draft = Draft::change(
        refund,
        found.filter(|_| payment.is_none()).or(payment),
        context,
    );
    match finding {
        PaymentFinding::NotPaid(note) | PaymentFinding::NotFound(note) => {
            draft.need(AttentionReason::Refused);
            if refund.submitted_at.is_some() {
                // An earlier attempt may have moved the money: only a query of the refund can tell.
                unknown(&mut draft, Some(note), context);
                draft.refund.refusal_unconfirmed = true;
            } else {
                draft.reject(note);
            }
        }
        PaymentFinding::MerchantFault(note) => {
            draft.refund.waits = refund.waits.saturating_add(1);
            draft.refund.error = Some(note);
            draft.need(AttentionReason::Configuration);
            let due = context
                .schedule
                .wait(Wait::Merchant, draft.refund.waits, context.now);
            draft.plan = Plan::At(Step::LookUpPayment, due);
        }
        PaymentFinding::Unanswered(note) => {
            draft.refund.waits = refund.waits.saturating_add(1);
            draft.refund.error = Some(note);
            let due = context
                .schedule
                .reach_again(draft.refund.waits, context.now);
            draft.plan = Plan::At(Step::LookUpPayment, due);
        }
        PaymentFinding::Paid(report) => paid(&mut draft, refund, &report, context),
    }
    sure(draft.finish())
}

fn paid(draft: &mut Draft<'_>, refund: &Refund, report: &PaymentReport, context: &Context<'_>) {
    if refund.payment_id.is_some() {
        // The order was known and WeChat once denied it: the same request again, a little later.
        draft.refund.waits = refund.waits.saturating_add(1);
        let due = context
            .schedule
            .wait(Wait::OrderNotReady, draft.refund.waits, context.now);
        draft.queue(Some(PendingReason::Spacing), Step::Submit, due);
        if refund.attempts >= ATTEMPTS_BEFORE_ATTENTION {
            draft.need(AttentionReason::ManyAttempts);
        }
        return;
    }
    let Some(found) = draft.payment.clone() else {
        let due = after(context.now, context.schedule.first_query);
        draft.plan = Plan::At(Step::LookUpPayment, due);
        return;
    };
    let checked = if found.total == report.total {
        check_order(&refund.content.order, &found)
            .and_then(|()| check_room(&refund.content, &found, context))
            .map_err(|refusal| engine_note(refusal.code(), &refusal.to_string()))
    } else {
        Err(engine_note(
            "total_mismatch",
            "WeChat's total differs from the registered one",
        ))
    };
    match checked {
        Err(note) => {
            draft.need(AttentionReason::Refused);
            draft.reject(note);
        }
        Ok(()) => {
            let approved = refund.approved();
            draft.refund.payment_id = Some(found.id.clone());
            draft.refund.total = Some(found.total);
            draft.refund.content.order = complete(&refund.content.order, &found);
            if report.transaction_id.is_some() {
                draft
                    .refund
                    .content
                    .order
                    .transaction_id
                    .clone_from(&report.transaction_id);
            }
            if approved {
                // The same order under its other name: what was agreed to is agreed to.
                draft.refund.rebind_approval();
            }
            draft.refund.error = None;
            draft.refund.waits = 0;
            start(draft);
        }
    }
}
