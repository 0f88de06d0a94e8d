//! The first door: what somebody on our side wants. Total and pure.

use tuikuan_terms::{OutTradeNo, TransactionId};

use crate::after;
use crate::ids::RefundId;
use crate::outcome::{ErrorNote, ErrorSource};
use crate::payment::{OrderRef, Payment, REFUNDS_PER_PAYMENT_MAX};
use crate::refund::transition::Draft;
use crate::refund::{
    Approval, AttemptEnd, AttemptMark, AttentionReason, Command, Content, Context, NewRefund,
    PendingReason, Plan, Refund, Refusal, Situation, Status, Step, Transition,
};

/// Decides a command against the present records.
///
/// The empty transition means "nothing to do": a request that exists with the same content, or an
/// act that was already done.
///
/// # Errors
/// A [`Refusal`] when the command is not possible; then nothing changes.
pub fn decide(
    situation: Situation<'_>,
    command: Command,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    let refund = match (command, situation.refund) {
        (Command::Request(new), None) => return create(*new, situation, context),
        (Command::Request(new), Some(existing)) => return repeat(&new, existing),
        (_, None) => return Err(Refusal::NotFound),
        (other, Some(refund)) => (other, refund),
    };
    let (command, refund) = refund;
    let payment = situation.payment;
    match command {
        Command::Request(_) => Err(Refusal::NotFound),
        Command::Approve => approve(refund, payment, context),
        Command::Cancel => cancel(refund, payment, context),
        Command::Retry => retry(refund, payment, context),
        Command::Resolve { note } => resolve(refund, payment, &note, context),
        Command::Query => query(refund),
        Command::Submit => submit(refund, payment, context),
        Command::Rescue => rescue(refund, payment, context),
    }
}

fn create(
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
    check_replaced(&new, situation)?;
    if let Some(payment) = situation.payment {
        check_order(&new.content.order, payment)?;
        check_room(&new.content, payment, context)?;
    }
    let refund = first_record(new, situation.payment, context);
    let mut draft = Draft::create(refund, situation.payment, context);
    match context.approval {
        Approval::Needed => {
            draft.enter(Status::AwaitingApproval);
            draft.need(AttentionReason::Approval);
            draft.plan = Plan::Done;
        }
        Approval::NotNeeded => start(&mut draft),
    }
    draft.finish()
}

/// Queues a refund for its first or next step.
pub(super) fn start(draft: &mut Draft<'_>) {
    let now = draft.now();
    if draft.refund.payment_id.is_none() {
        draft.queue(Some(PendingReason::PaymentLookup), Step::LookUpPayment, now);
        return;
    }
    match draft.refund.content.not_before {
        Some(due) if due > now => draft.queue(Some(PendingReason::Scheduled), Step::Submit, due),
        Some(_) | None => draft.queue(None, Step::Submit, now),
    }
}

fn first_record(new: NewRefund, payment: Option<&Payment>, context: &Context<'_>) -> Refund {
    let mut content = new.content;
    if let Some(payment) = payment {
        content.order = complete(&content.order, payment);
    }
    Refund {
        id: new.id,
        merchant: new.merchant,
        mch_id: new.mch_id,
        sub_mch_id: new.sub_mch_id,
        out_refund_no: new.out_refund_no,
        content,
        origin: context.source,
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
        succeeded_at: None,
        ended_at: None,
        version: 0,
    }
}

pub(super) fn complete(order: &OrderRef, payment: &Payment) -> OrderRef {
    OrderRef {
        out_trade_no: Some(payment.out_trade_no.clone()),
        transaction_id: payment
            .transaction_id
            .clone()
            .or_else(|| order.transaction_id.clone()),
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

fn check_capacity(
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

fn repeat(new: &NewRefund, existing: &Refund) -> Result<Transition, Refusal> {
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

fn approve(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if refund.status != Status::AwaitingApproval {
        return Err(Refusal::NotIn {
            status: refund.status,
            wanted: "approved",
        });
    }
    let mut draft = Draft::change(refund, payment, context);
    draft.relieve();
    start(&mut draft);
    draft.finish()
}

fn cancel(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    match refund.status {
        Status::Cancelled => Ok(Transition::unchanged()),
        Status::AwaitingApproval | Status::Queued if refund.submitted_at.is_none() => {
            let mut draft = Draft::change(refund, payment, context);
            draft.relieve();
            draft.enter(Status::Cancelled);
            draft.finish()
        }
        Status::Queued | Status::Submitting | Status::Unknown | Status::Processing => {
            Err(Refusal::AlreadySubmitted)
        }
        Status::AwaitingApproval
        | Status::Abnormal
        | Status::Succeeded
        | Status::SettledOffline
        | Status::Closed
        | Status::Rejected => Err(Refusal::NotIn {
            status: refund.status,
            wanted: "cancelled",
        }),
    }
}

fn retry(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if refund.status != Status::Rejected {
        return Err(Refusal::NotIn {
            status: refund.status,
            wanted: "retried",
        });
    }
    if refund
        .contradictions
        .as_deref()
        .is_some_and(|known| known.contains("released:"))
    {
        return Err(Refusal::Contradicted);
    }
    if let Some(payment) = payment {
        check_capacity(&refund.content, payment, context)?;
    }
    let mut draft = Draft::change(refund, payment, context);
    draft.relieve();
    draft.refund.waits = 0;
    draft.refund.refusal_unconfirmed = false;
    start(&mut draft);
    draft.finish()
}

fn resolve(
    refund: &Refund,
    payment: Option<&Payment>,
    note: &str,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    let mut draft = Draft::change(refund, payment, context);
    draft.note("note.resolution", note);
    if refund.status == Status::Abnormal {
        draft.refund.attention = None;
        draft.enter(Status::SettledOffline);
        return draft.finish();
    }
    if refund.attention.is_none() || refund.status == Status::AwaitingApproval {
        return Err(Refusal::NotIn {
            status: refund.status,
            wanted: "resolved",
        });
    }
    draft.refund.attention = None;
    // Without its attention a refund that has not ended must have a job again (INV-13).
    if refund.status.can_query() {
        draft.plan = Plan::At(Step::Query, context.now);
    }
    draft.finish()
}

fn query(refund: &Refund) -> Result<Transition, Refusal> {
    if refund.status.can_query() {
        Ok(Transition::plan(Plan::Forward))
    } else {
        Err(Refusal::NotIn {
            status: refund.status,
            wanted: "queried",
        })
    }
}

/// The engine is about to send: either the attempt begins, or the refund waits on.
fn submit(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if refund.status != Status::Queued {
        return Err(Refusal::NotIn {
            status: refund.status,
            wanted: "submitted",
        });
    }
    let mut draft = Draft::change(refund, payment, context);
    let Some(payment) = payment.filter(|_| refund.payment_id.is_some()) else {
        draft.queue(
            Some(PendingReason::PaymentLookup),
            Step::LookUpPayment,
            context.now,
        );
        return draft.finish();
    };
    if let Some(due) = refund.content.not_before.filter(|due| *due > context.now) {
        draft.queue(Some(PendingReason::Scheduled), Step::Submit, due);
        return draft.finish();
    }
    if refund.submitted_at.is_none() && payment.window_closed(context.now) {
        draft.reject(engine_note(
            "refund_window_closed",
            "the payment is older than one year, WeChat no longer refunds it",
        ));
        return draft.finish();
    }
    if let Some(due) = spaced(refund, payment, context) {
        draft.queue(Some(PendingReason::Spacing), Step::Submit, due);
        return draft.finish();
    }
    draft.enter(Status::Submitting);
    draft.plan = Plan::Keep;
    draft.refund.attempts = refund.attempts.saturating_add(1);
    draft.refund.last_attempt_at = Some(context.now);
    draft.refund.submitted_at = refund.submitted_at.or(Some(context.now));
    draft.refund.refusal_unconfirmed = false;
    draft.attempt = Some(AttemptMark::Begin {
        attempt: draft.refund.attempts,
    });
    if let Some(payment) = draft.payment.as_mut() {
        payment.in_flight = Some(refund.id.clone());
        payment.last_submit = Some((refund.id.clone(), context.now));
    }
    draft.finish()
}

/// When the refund may start beside the others of its order (INV-9); `None`: now. The minute does
/// not apply to a resend of the same number.
fn spaced(refund: &Refund, payment: &Payment, context: &Context<'_>) -> Option<jiff::Timestamp> {
    let other = |id: &RefundId| *id != refund.id;
    if payment.in_flight.as_ref().is_some_and(other) {
        return Some(after(context.now, context.schedule.first_query));
    }
    let (last, at) = payment.last_submit.as_ref()?;
    let free = after(*at, context.schedule.spacing);
    (other(last) && free > context.now).then_some(free)
}

fn rescue(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if refund.status != Status::Submitting {
        return Ok(Transition::unchanged());
    }
    let mut draft = Draft::change(refund, payment, context);
    draft.enter(Status::Unknown);
    draft.plan = Plan::At(
        Step::Query,
        after(context.now, context.schedule.first_query),
    );
    draft.attempt = Some(AttemptMark::End {
        attempt: refund.attempts,
        end: AttemptEnd::Lost,
    });
    draft.note(
        "note.rescue",
        "the attempt was begun by a process that is gone",
    );
    draft.finish()
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
