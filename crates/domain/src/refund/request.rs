//! A new refund, or the same again: what is checked against the payment, and what makes two requests
//! the same (INV-1, INV-15).

use tuikuan_terms::{OutTradeNo, TransactionId};

use crate::after;
use crate::approval::{ApprovalState, EXPIRES};
use crate::outcome::{ErrorNote, ErrorSource};
use crate::payment::{OrderRef, Payment, REFUNDS_PER_PAYMENT_MAX};
use crate::person::Actor;
use crate::planted::{self, Bug};
use crate::refund::transition::Draft;
use crate::refund::{
    Approval, AttentionReason, Content, Context, NewRefund, PendingReason, Plan, Refund, Refusal,
    Situation, Status, Step, Transition,
};

pub(super) fn create(
    new: NewRefund,
    situation: Situation<'_>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if new.content.amount.is_zero() {
        return Err(Refusal::AmountZero);
    }
    if new.content.amount > context.total_max {
        let requested = new.content.amount;
        return Err(Refusal::AmountAboveMaximum {
            requested,
            maximum: context.total_max,
        });
    }
    if let Approval::Given { by, .. } = &context.approval {
        check_second(&new.requested_by, by)?;
    }
    check_replaced(&new, situation)?;
    if let Some(payment) = situation.payment {
        check_order(&new.content.order, payment)?;
        check_room(&new.content, payment, context)?;
    }
    let refund = first_record(new, situation.payment, context);
    let mut draft = Draft::create(refund, situation.payment, context);
    start(&mut draft);
    draft.finish()
}

/// Queues a refund for its first or next step: WeChat is asked for an unknown order, then a second
/// person for what needs one, who so sees facts.
pub(super) fn start(draft: &mut Draft<'_>) {
    let now = draft.now();
    if draft.refund.payment_id.is_none() {
        draft.queue(Some(PendingReason::PaymentLookup), Step::LookUpPayment, now);
        return;
    }
    if awaits_second(&draft.refund) {
        await_approval(draft);
        return;
    }
    match draft.refund.content.not_before {
        Some(due) if due > now => draft.queue(Some(PendingReason::Scheduled), Step::Submit, due),
        Some(_) | None => draft.queue(None, Step::Submit, now),
    }
}

/// The second person is one, and another one (INV-32).
pub(super) fn check_second(first: &Actor, second: &Actor) -> Result<(), Refusal> {
    if !matches!(second, Actor::Person(_)) {
        return Err(Refusal::NotAPerson);
    }
    if first == second && !planted::is(Bug::OwnApproval) {
        return Err(Refusal::SamePerson);
    }
    Ok(())
}

/// Whether it may not be sent as it is. What was sent before is sent again as it was (INV-9).
pub(super) fn awaits_second(refund: &Refund) -> bool {
    !refund.approved() && !planted::is(Bug::SentUnapproved)
}

/// Waits for a second person. What was agreed to before is void when it is not what stands here now
/// (INV-32).
pub(super) fn await_approval(draft: &mut Draft<'_>) {
    let now = draft.now();
    let until = match draft.refund.approval {
        ApprovalState::Required { until } if until > now => until,
        ApprovalState::Required { .. } => {
            // The time the rules give ran out while the order was looked up.
            withdraw_late(draft);
            return;
        }
        ApprovalState::Given { .. } | ApprovalState::NotRequired => after(now, EXPIRES),
    };
    draft.refund.approval = ApprovalState::Required { until };
    draft.enter(Status::AwaitingApproval);
    draft.need(AttentionReason::Approval);
    draft.plan = Plan::At(Step::ExpireApproval, until);
}

/// Nobody agreed in time.
pub(super) fn withdraw_late(draft: &mut Draft<'_>) {
    withdraw(draft, "approval_expired", "nobody agreed to it in time");
}

/// Nobody agrees to it: it ends without money.
pub(super) fn withdraw(draft: &mut Draft<'_>, code: &str, message: &str) {
    draft.relieve();
    draft.refund.error = Some(engine_note(code, message));
    draft.enter(Status::Cancelled);
}

fn first_record(new: NewRefund, payment: Option<&Payment>, context: &Context<'_>) -> Refund {
    let mut content = new.content;
    if let Some(payment) = payment {
        content.order = complete(&content.order, payment);
    }
    let mut refund = Refund {
        id: new.id,
        merchant: new.merchant,
        mch_id: new.mch_id,
        sub_mch_id: new.sub_mch_id,
        out_refund_no: new.out_refund_no,
        content,
        origin: context.source,
        requested_by: Some(new.requested_by),
        approval: ApprovalState::NotRequired,
        payment_id: payment.map(|p| p.id.clone()),
        total: payment.map(|p| p.total),
        status: Status::Queued,
        pending_reason: None,
        refund_id: None,
        user_received_account: None,
        attention: None,
        error: None,
        refusal_unconfirmed: false,
        contradictions: None,
        attempts: 0,
        waits: 0,
        created_at: context.now,
        submitted_at: None,
        last_attempt_at: None,
        elsewhere_at: None,
        elsewhere_open: false,
        succeeded_at: None,
        ended_at: None,
        version: 0,
    };
    refund.approval = match &context.approval {
        Approval::NotNeeded => ApprovalState::NotRequired,
        Approval::Needed { until } => ApprovalState::Required { until: *until },
        Approval::Given { by, at } => ApprovalState::Given {
            by: by.clone(),
            at: *at,
            content: refund.content_text(),
        },
    };
    refund
}

pub(super) fn complete(order: &OrderRef, payment: &Payment) -> OrderRef {
    OrderRef {
        out_trade_no: Some(payment.out_trade_no.clone()),
        // A registered number of WeChat's is only a claim: what counts is what the caller names for
        // this refund, and what WeChat says.
        transaction_id: order.transaction_id.clone(),
    }
}

/// Whether the payment is the order that was named.
pub(super) fn check_order(order: &OrderRef, payment: &Payment) -> Result<(), Refusal> {
    let trade_no: Option<&OutTradeNo> = order.out_trade_no.as_ref();
    let transaction: Option<&TransactionId> = order.transaction_id.as_ref();
    let agrees = trade_no.is_none_or(|no| *no == payment.out_trade_no)
        && match (transaction, payment.transaction_id.as_ref()) {
            (Some(asked), Some(known)) => asked == known,
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
    if agrees {
        Ok(())
    } else {
        Err(Refusal::OrderNumbersDisagree)
    }
}

/// Whether the payment can carry this refund now.
pub(super) fn check_room(
    content: &Content,
    payment: &Payment,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let refundable = payment.refundable();
    if let Some(expected) = content.expected_refundable.filter(|e| *e != refundable) {
        return Err(Refusal::RefundableChanged {
            expected,
            actual: refundable,
        });
    }
    check_capacity(content, payment, context)
}

pub(super) fn check_capacity(
    content: &Content,
    payment: &Payment,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    if let Some(paid_at) = payment
        .paid_at
        .filter(|_| payment.window_closed(context.now))
    {
        return Err(Refusal::WindowClosed { paid_at });
    }
    if payment.refunds >= REFUNDS_PER_PAYMENT_MAX {
        return Err(Refusal::TooManyRefunds);
    }
    let refundable = payment.refundable();
    if content.amount > refundable {
        let requested = content.amount;
        return Err(Refusal::AmountExceedsRefundable {
            requested,
            refundable,
        });
    }
    Ok(())
}

fn check_replaced(new: &NewRefund, situation: Situation<'_>) -> Result<(), Refusal> {
    let Some(wanted) = new.content.replaces.as_ref() else {
        return Ok(());
    };
    let fits = |old: &&Refund| {
        let same = |a: Option<&str>, b: Option<&str>| a.is_some() && a == b;
        let (order, before) = (&new.content.order, &old.content.order);
        let out_trade_no = |o: &OrderRef| o.out_trade_no.as_ref().map(|n| n.as_str().to_owned());
        let transaction = |o: &OrderRef| o.transaction_id.as_ref().map(|n| n.as_str().to_owned());
        old.id == *wanted
            && old.merchant == new.merchant
            && (same(
                out_trade_no(order).as_deref(),
                out_trade_no(before).as_deref(),
            ) || same(
                transaction(order).as_deref(),
                transaction(before).as_deref(),
            ))
    };
    match situation.replaced.filter(fits) {
        None => Err(Refusal::ReplacesUnknown),
        Some(old) if old.status != Status::Closed => {
            Err(Refusal::ReplacesNotClosed { status: old.status })
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn repeat(new: &NewRefund, existing: &Refund) -> Result<Transition, Refusal> {
    let fields = differing(new, existing);
    if fields.is_empty() {
        Ok(Transition::unchanged())
    } else {
        Err(Refusal::ContentDiffers { fields })
    }
}

/// The fields in which a repeated request differs from what was accepted (INV-15).
fn differing(new: &NewRefund, existing: &Refund) -> Vec<&'static str> {
    let (asked, held) = (&new.content, &existing.content);
    let mut fields = Vec::new();
    let mut compare = |name, same: bool| {
        if !same {
            fields.push(name);
        }
    };
    compare("merchant", new.merchant == existing.merchant);
    compare("out_refund_no", new.out_refund_no == existing.out_refund_no);
    compare("sub_mch_id", new.sub_mch_id == existing.sub_mch_id);
    // A number that was not given agrees with whatever became known later.
    let (order, known) = (&asked.order, &held.order);
    compare(
        "out_trade_no",
        order.out_trade_no.is_none() || order.out_trade_no == known.out_trade_no,
    );
    compare(
        "transaction_id",
        order.transaction_id.is_none() || order.transaction_id == known.transaction_id,
    );
    compare("amount", asked.amount == held.amount);
    compare("reason", asked.reason == held.reason);
    compare("funds_account", asked.funds_account == held.funds_account);
    compare("goods_detail", asked.goods_detail == held.goods_detail);
    compare("not_before", asked.not_before == held.not_before);
    compare(
        "expected_refundable",
        asked.expected_refundable == held.expected_refundable,
    );
    compare("replaces", asked.replaces == held.replaces);
    compare("metadata", asked.metadata == held.metadata);
    fields
}

/// A note of our own.
pub(super) fn engine_note(code: &str, message: &str) -> ErrorNote {
    ErrorNote {
        code: code.to_owned(),
        message: message.to_owned(),
        source: ErrorSource::Engine,
        advice: String::new(),
    }
}
