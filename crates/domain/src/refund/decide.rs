//! The first door: what somebody on our side wants. Total and pure.

use crate::after;
use crate::approval::{ApprovalState, EXPIRES};
use crate::ids::RefundId;
use crate::payment::Payment;
use crate::person::Actor;
use crate::planted::{self, Bug};
use crate::refund::elsewhere::send_elsewhere;
use crate::refund::request::{
    await_approval, awaits_second, check_capacity, check_second, create, engine_note, repeat,
    start, withdraw, withdraw_late,
};
use crate::refund::transition::Draft;
use crate::refund::{
    Approval, AttemptEnd, AttemptMark, AttentionReason, Command, Context, PendingReason, Plan,
    Refund, Refusal, Situation, Status, Step, Transition,
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
        Command::Approve { by, comment } => approve(refund, payment, (&by, comment), context),
        Command::Reject { by, comment } => reject(refund, payment, (&by, comment), context),
        Command::Expire => expire(refund, payment, context),
        Command::Note { text } => {
            let mut draft = Draft::change(refund, payment, context);
            draft.remark("note.remark", text);
            draft.finish()
        }
        Command::Cancel => cancel(refund, payment, context),
        Command::Retry => retry(refund, payment, context),
        Command::Resolve { note } => resolve(refund, payment, &note, context),
        Command::SendElsewhere(place) => send_elsewhere(refund, payment, place, context),
        Command::Query => query(refund),
        Command::Submit => submit(refund, payment, context),
        Command::Rescue => rescue(refund, payment, context),
    }
}

fn approve(
    refund: &Refund,
    payment: Option<&Payment>,
    (by, comment): (&Actor, Option<String>),
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    awaited(refund, "approved")?;
    // Older refunds do not say who asked; nobody is the engine.
    check_second(refund.requested_by.as_ref().unwrap_or(&Actor::Engine), by)?;
    if let Some(until) = refund.approval.until().filter(|due| *due <= context.now) {
        return Err(Refusal::ApprovalExpired { until });
    }
    let mut draft = Draft::change(refund, payment, context);
    draft.refund.approval = ApprovalState::Given {
        by: by.clone(),
        at: context.now,
        content: refund.content_text(),
    };
    if let Some(comment) = comment {
        draft.note("note.comment", comment);
    }
    draft.relieve();
    start(&mut draft);
    draft.finish()
}

fn reject(
    refund: &Refund,
    payment: Option<&Payment>,
    (by, comment): (&Actor, Option<String>),
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    awaited(refund, "rejected")?;
    if !matches!(by, Actor::Person(_)) {
        return Err(Refusal::NotAPerson);
    }
    let mut draft = Draft::change(refund, payment, context);
    if let Some(comment) = comment {
        draft.note("note.comment", comment);
    }
    withdraw(
        &mut draft,
        "approval_rejected",
        "a second person did not agree",
    );
    draft.finish()
}

/// What nobody agreed to in time is withdrawn; before that it waits on.
fn expire(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    awaited(refund, "expired")?;
    if let Some(until) = refund.approval.until().filter(|due| *due > context.now) {
        return Ok(Transition::plan(Plan::At(Step::ExpireApproval, until)));
    }
    let mut draft = Draft::change(refund, payment, context);
    withdraw_late(&mut draft);
    draft.finish()
}

fn awaited(refund: &Refund, wanted: &'static str) -> Result<(), Refusal> {
    if refund.status == Status::AwaitingApproval {
        return Ok(());
    }
    let status = refund.status;
    Err(Refusal::NotIn { status, wanted })
}

fn cancel(
    refund: &Refund,
    payment: Option<&Payment>,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    match refund.status {
        Status::Cancelled => Ok(Transition::unchanged()),
        Status::AwaitingApproval | Status::Queued
            if refund.submitted_at.is_none() || planted::is(Bug::CancelSubmitted) =>
        {
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
    let waits = matches!(
        refund.pending_reason,
        Some(PendingReason::InsufficientBalance | PendingReason::MerchantHold)
    );
    if refund.status == Status::Queued && waits {
        // Somebody topped up, or mended the keys: go on now.
        let mut draft = Draft::change(refund, payment, context);
        draft.refund.waits = 0;
        draft.queue(None, Step::Submit, context.now);
        return draft.finish();
    }
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
    ask_anew(&mut draft, refund, context);
    start(&mut draft);
    draft.finish()
}

/// What never left is asked for anew, and the rules hold for it as they do for a request, unless a
/// second person has already agreed to exactly this.
fn ask_anew(draft: &mut Draft<'_>, refund: &Refund, context: &Context<'_>) {
    let agreed = refund.approval.given().is_some() && refund.approved();
    if refund.submitted_at.is_some() || agreed {
        return;
    }
    let until = match (&context.approval, &refund.approval) {
        (Approval::Needed { until }, _) => *until,
        (_, ApprovalState::Required { .. }) => after(context.now, EXPIRES),
        _ => return,
    };
    draft.refund.approval = ApprovalState::Required { until };
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
        // What was sent elsewhere may arrive: settled beside it, it would be paid twice.
        if let Some(since) = refund.elsewhere_at.filter(|_| refund.elsewhere_open) {
            return Err(Refusal::ElsewhereUnderWay { since });
        }
        draft.refund.attention = None;
        draft.enter(Status::SettledOffline);
        return draft.finish();
    }
    // While it is open, only "nobody looks any more" can be resolved: then somebody looks again.
    // Everything else keeps its attention until WeChat says more.
    let looks_again = refund.attention.is_some_and(|attention| {
        matches!(
            attention.reason,
            AttentionReason::QueriesExhausted
                | AttentionReason::UnknownForLong
                | AttentionReason::ManyAttempts
        )
    });
    let resolvable = refund.attention.is_some() && (refund.status.is_end() || looks_again);
    if !resolvable {
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
    if refund.submitted_at.is_none() && awaits_second(refund) {
        await_approval(&mut draft);
        return draft.finish();
    }
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
    if planted::is(Bug::SpacingIgnored) {
        return None;
    }
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
