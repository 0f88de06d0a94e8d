//! The second door: what WeChat says. Total and pure: any observation at any time gives a
//! transition, and a duplicate, a late or a contradictory one is handled here once for all sources.

use jiff::{SignedDuration, Timestamp};

use crate::after;
use crate::event::Source;
use crate::outcome::{
    ErrorNote, Finding, Outcome, PaymentFinding, PaymentReport, Report, Wait, WechatState,
};
use crate::payment::Payment;
use crate::refund::decide::{check_order, check_room, complete, engine_note, start};
use crate::refund::transition::Draft;
use crate::refund::{
    AttemptEnd, AttemptMark, AttentionReason, Context, Observation, PendingReason, Plan, Refund,
    Refusal, Status, Step, Transition,
};

/// After so many attempts without a trace a person is told.
const ATTEMPTS_BEFORE_ATTENTION: u32 = 5;
/// After so many connections that could not be made a person is told.
const WAITS_BEFORE_ATTENTION: u32 = 8;
/// "No such refund" about an accepted refund contradicts it only after this time.
const ACCEPTED_VISIBLE: SignedDuration = SignedDuration::from_hours(1);

/// Applies what WeChat says to the present records.
///
/// # Panics
/// When the sums of the payment do not hold the refund: then our own record is wrong, and stopping
/// is right (INV-1).
#[must_use]
pub fn observe(
    refund: &Refund,
    payment: Option<&Payment>,
    observation: Observation,
    context: &Context<'_>,
) -> Transition {
    let transition = match observation {
        Observation::Hint => return hint(refund),
        Observation::Reply { attempt, outcome } => {
            let draft = Draft::change(refund, payment, context);
            reply(draft, refund, attempt, outcome, context)
        }
        Observation::NotBuilt(note) => {
            let mut draft = Draft::change(refund, payment, context);
            if refund.status == Status::Queued {
                not_now(&mut draft, Wait::Merchant, note, context);
            }
            draft.finish()
        }
        Observation::Query { finding, asked } => {
            let draft = Draft::change(refund, payment, context);
            query(draft, refund, (finding, asked), context)
        }
        Observation::Notification(report) => {
            let mut draft = Draft::change(refund, payment, context);
            apply(&mut draft, refund, &report, context);
            draft.finish()
        }
        Observation::PaymentLookup {
            finding,
            payment: found,
        } => {
            return lookup(refund, payment, finding, found.as_deref(), context);
        }
    };
    sure(transition)
}

/// An observation never takes new reserve, so the sums always hold it.
#[expect(
    clippy::panic,
    reason = "sums that do not hold their own refund are our bug: stop"
)]
fn sure(transition: Result<Transition, Refusal>) -> Transition {
    match transition {
        Ok(transition) => transition,
        Err(refusal) => panic!("the payment does not hold its own refund: {refusal}"),
    }
}

fn hint(refund: &Refund) -> Transition {
    if refund.status.can_query() {
        Transition::plan(Plan::Forward)
    } else {
        Transition::unchanged()
    }
}

fn reply(
    mut draft: Draft<'_>,
    refund: &Refund,
    attempt: u32,
    outcome: Outcome,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    let current = refund.status == Status::Submitting && attempt == refund.attempts;
    if let Outcome::Accepted(report) = &outcome {
        apply(&mut draft, refund, report, context);
        if current {
            draft.attempt = Some(AttemptMark::End {
                attempt,
                end: AttemptEnd::Accepted,
            });
            if draft.refund.status == Status::Submitting {
                // The reply contradicts our record: WeChat is asked.
                unknown(&mut draft, None, context);
            }
        }
        return draft.finish();
    }
    if !current {
        return Ok(Transition::unchanged());
    }
    let end = match outcome {
        Outcome::Accepted(_) | Outcome::Unknown(_) => AttemptEnd::Unknown,
        Outcome::NotSent(_) => AttemptEnd::NotSent,
        Outcome::Refused(_)
        | Outcome::RefusedUnconfirmed(_)
        | Outcome::NotNow(..)
        | Outcome::OrderMissing(_) => AttemptEnd::Refused,
    };
    match outcome {
        Outcome::Accepted(_) => {}
        Outcome::Refused(note) if attempt == 1 => {
            draft.need(AttentionReason::Refused);
            draft.reject(note);
        }
        // An earlier attempt may have moved the money: only a query can tell.
        Outcome::Refused(note) | Outcome::RefusedUnconfirmed(note) => {
            unknown(&mut draft, Some(note), context);
            draft.refund.refusal_unconfirmed = true;
        }
        Outcome::NotNow(wait, note) => not_now(&mut draft, wait, note, context),
        Outcome::OrderMissing(note) => {
            draft.refund.error = Some(note);
            let due = after(context.now, context.schedule.first_query);
            draft.queue(Some(PendingReason::PaymentLookup), Step::LookUpPayment, due);
        }
        Outcome::NotSent(note) => not_sent(&mut draft, refund, note, context),
        Outcome::Unknown(note) => unknown(&mut draft, Some(note), context),
    }
    draft.attempt = Some(AttemptMark::End { attempt, end });
    draft.finish()
}

fn unknown(draft: &mut Draft<'_>, note: Option<ErrorNote>, context: &Context<'_>) {
    draft.enter(Status::Unknown);
    if note.is_some() {
        draft.refund.error = note;
    }
    draft.plan = Plan::At(
        Step::Query,
        after(context.now, context.schedule.first_query),
    );
}

fn not_now(draft: &mut Draft<'_>, wait: Wait, note: ErrorNote, context: &Context<'_>) {
    draft.refund.waits = draft.refund.waits.saturating_add(1);
    draft.refund.error = Some(note);
    let due = context.schedule.wait(wait, draft.refund.waits, context.now);
    let reason = match wait {
        Wait::Balance => PendingReason::InsufficientBalance,
        Wait::RateLimit => PendingReason::RateLimit,
        Wait::OrderNotReady => PendingReason::Spacing,
        Wait::Merchant => PendingReason::MerchantHold,
    };
    draft.queue(Some(reason), Step::Submit, due);
    match wait {
        Wait::Balance => draft.need(AttentionReason::InsufficientBalance),
        Wait::Merchant => draft.need(AttentionReason::Configuration),
        Wait::RateLimit | Wait::OrderNotReady => {}
    }
}

fn not_sent(draft: &mut Draft<'_>, refund: &Refund, note: ErrorNote, context: &Context<'_>) {
    draft.refund.waits = refund.waits.saturating_add(1);
    draft.refund.error = Some(note);
    // Nothing left: if this was the first attempt, the refund was never submitted.
    if refund.submitted_at == refund.last_attempt_at {
        draft.refund.submitted_at = None;
    }
    let due = context
        .schedule
        .reach_again(draft.refund.waits, context.now);
    draft.queue(None, Step::Submit, due);
    if draft.refund.waits >= WAITS_BEFORE_ATTENTION {
        draft.need(AttentionReason::Configuration);
    }
}

/// Why a statement is not about this refund, if it is not (INV-21).
fn mismatch(refund: &Refund, report: &Report) -> Option<&'static str> {
    let differs = |same: Option<bool>| same == Some(false);
    let order = &refund.content.order;
    let both = |a: Option<&str>, b: Option<&str>| Some(a? == b?);
    if report.mch_id != refund.mch_id {
        return Some("mch_id");
    }
    if differs(both(
        report.sub_mch_id.as_ref().map(AsRef::as_ref),
        refund.sub_mch_id.as_ref().map(AsRef::as_ref),
    )) {
        return Some("sub_mch_id");
    }
    if report.out_refund_no != refund.out_refund_no {
        return Some("out_refund_no");
    }
    if differs(both(
        report.refund_id.as_ref().map(AsRef::as_ref),
        refund.refund_id.as_ref().map(AsRef::as_ref),
    )) {
        return Some("refund_id");
    }
    if differs(both(
        report.out_trade_no.as_ref().map(AsRef::as_ref),
        order.out_trade_no.as_ref().map(AsRef::as_ref),
    )) {
        return Some("out_trade_no");
    }
    if differs(both(
        report.transaction_id.as_ref().map(AsRef::as_ref),
        order.transaction_id.as_ref().map(AsRef::as_ref),
    )) {
        return Some("transaction_id");
    }
    if report.amount != refund.content.amount {
        return Some("amount");
    }
    if differs(report.total.zip(refund.total).map(|(a, b)| a == b)) {
        return Some("total");
    }
    None
}

/// Applies a verified statement. Ends stay (INV-12); what does not fit is a conflict (INV-21).
fn apply(draft: &mut Draft<'_>, refund: &Refund, report: &Report, context: &Context<'_>) {
    if let Some(field) = mismatch(refund, report) {
        if draft.contradict(&format!("mismatch:{field}")) {
            draft.note("note.reported_amount", report.amount.to_string());
            draft.note("note.reported_number", report.out_refund_no.as_str());
        }
        return;
    }
    if refund.status.is_end() {
        apply_to_end(draft, refund, report);
        return;
    }
    learn(draft, report);
    if refund.submitted_at.is_none() {
        // WeChat knows a refund of ours that we never sent: somebody else used its number.
        draft.contradict("not_ours");
    }
    match report.state {
        WechatState::Success => {
            draft.relieve();
            draft.refund.succeeded_at = Some(report.success_time.unwrap_or(context.now));
            draft.refund.error = None;
            draft.enter(Status::Succeeded);
        }
        WechatState::Closed => {
            draft.relieve();
            draft.enter(Status::Closed);
        }
        WechatState::Abnormal if refund.status != Status::Abnormal => {
            draft.relieve();
            draft.need(AttentionReason::Abnormal);
            draft.enter(Status::Abnormal);
            ask_later(draft, context);
        }
        WechatState::Abnormal => {}
        WechatState::Processing => {
            // Only a query is current enough to take an abnormal refund back into process: an
            // old notification must not (INV-19).
            let steps_back = refund.status == Status::Abnormal && context.source != Source::Query;
            if refund.status != Status::Processing && !steps_back {
                draft.relieve();
                draft.refund.waits = 0;
                draft.refund.error = None;
                draft.enter(Status::Processing);
                ask_later(draft, context);
            }
        }
    }
}

fn learn(draft: &mut Draft<'_>, report: &Report) {
    draft.refund.refusal_unconfirmed = false;
    if report.refund_id.is_some() {
        draft.refund.refund_id.clone_from(&report.refund_id);
    }
    if report.user_received_account.is_some() {
        draft
            .refund
            .user_received_account
            .clone_from(&report.user_received_account);
    }
    let order = &mut draft.refund.content.order;
    if order.transaction_id.is_none() {
        order.transaction_id.clone_from(&report.transaction_id);
    }
}

fn apply_to_end(draft: &mut Draft<'_>, refund: &Refund, report: &Report) {
    let contradiction = match (refund.status, report.state) {
        (Status::Succeeded, WechatState::Closed) => "succeeded:closed",
        (Status::SettledOffline, WechatState::Success) => "settled_offline:success",
        (Status::Closed, WechatState::Success) => "closed:success",
        (Status::Rejected | Status::Cancelled, WechatState::Success) => "released:success",
        (Status::Rejected | Status::Cancelled, WechatState::Processing | WechatState::Abnormal) => {
            "released:accepted"
        }
        _ => return,
    };
    if !draft.contradict(contradiction) {
        return;
    }
    draft.note(
        "note.reported_state",
        format!("{:?}", report.state).to_lowercase(),
    );
    // The order is held at the larger refunded sum (INV-12): what was released is taken again, as
    // refunded outside our record, as far as the payment allows. Once for each refund.
    let released = matches!(
        refund.status,
        Status::Closed | Status::Rejected | Status::Cancelled
    );
    let held_before = refund
        .contradictions
        .as_deref()
        .is_some_and(|c| c.contains("released:"));
    if let Some(payment) = draft.payment.as_mut().filter(|_| released && !held_before) {
        let amount = refund.content.amount.min(payment.refundable());
        if let Some(external) = payment.external.checked_add(amount) {
            payment.external = external;
        }
    }
}

/// The next query of a refund that WeChat has.
fn ask_later(draft: &mut Draft<'_>, context: &Context<'_>) {
    let since = draft
        .refund
        .last_attempt_at
        .unwrap_or(draft.refund.created_at);
    match context.schedule.next_query(since, context.now) {
        Some(due) => draft.plan = Plan::At(Step::Query, due),
        None => {
            draft.need(AttentionReason::QueriesExhausted);
            draft.plan = Plan::Done;
        }
    }
}

fn query(
    mut draft: Draft<'_>,
    refund: &Refund,
    (finding, asked): (Finding, Timestamp),
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    match finding {
        Finding::Found(report) => {
            apply(&mut draft, refund, &report, context);
            if draft.refund.status.can_query() {
                ask_later(&mut draft, context);
            }
        }
        Finding::NotFound => not_found(&mut draft, refund, asked, context),
        Finding::Unanswered(note) => unanswered(&mut draft, refund, note, context),
        Finding::MerchantFault(note) => {
            if refund.status.can_query() {
                draft.need(AttentionReason::Configuration);
                unanswered(&mut draft, refund, note, context);
            }
        }
    }
    if refund.status.is_end() {
        draft.plan = Plan::Done;
    }
    draft.finish()
}

fn not_found(draft: &mut Draft<'_>, refund: &Refund, asked: Timestamp, context: &Context<'_>) {
    let last = refund.last_attempt_at.unwrap_or(refund.created_at);
    match refund.status {
        Status::Unknown => {
            let visible = after(last, context.schedule.visibility);
            if asked < visible {
                draft.plan = Plan::At(Step::Query, visible.max(context.now));
            } else if refund.refusal_unconfirmed {
                draft.refund.refusal_unconfirmed = false;
                draft.need(AttentionReason::Refused);
                draft.enter(Status::Rejected);
            } else {
                let due = context.schedule.send_again(refund.attempts, context.now);
                draft.queue(None, Step::Submit, due);
                if refund.attempts >= ATTEMPTS_BEFORE_ATTENTION {
                    draft.need(AttentionReason::ManyAttempts);
                }
            }
        }
        Status::Processing | Status::Abnormal => {
            if context.now > after(last, ACCEPTED_VISIBLE) {
                draft.contradict("accepted:not_found");
            }
            ask_later(draft, context);
        }
        Status::AwaitingApproval
        | Status::Queued
        | Status::Submitting
        | Status::Succeeded
        | Status::SettledOffline
        | Status::Closed
        | Status::Rejected
        | Status::Cancelled => {}
    }
}

/// No usable answer: ask again, ever more slowly, half of the time passed so far.
fn unanswered(draft: &mut Draft<'_>, refund: &Refund, note: ErrorNote, context: &Context<'_>) {
    if !refund.status.can_query() {
        return;
    }
    let last = refund.last_attempt_at.unwrap_or(refund.created_at);
    let elapsed = context.now.duration_since(last);
    let half = elapsed.checked_div(2).unwrap_or(SignedDuration::ZERO);
    let wait = half.clamp(SignedDuration::from_secs(2), SignedDuration::from_mins(30));
    draft.plan = Plan::At(Step::Query, after(context.now, wait));
    if refund.status == Status::Unknown && elapsed > context.schedule.unknown_attention {
        draft.refund.error = Some(note);
        draft.need(AttentionReason::UnknownForLong);
    }
}

fn lookup(
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
        Err(note) => draft.reject(note),
        Ok(()) => {
            draft.refund.payment_id = Some(found.id.clone());
            draft.refund.total = Some(found.total);
            draft.refund.content.order = complete(&refund.content.order, &found);
            draft.refund.error = None;
            draft.refund.waits = 0;
            start(draft);
        }
    }
}
