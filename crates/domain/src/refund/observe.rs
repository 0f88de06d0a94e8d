//! The second door: what WeChat says. Total and pure: any observation at any time gives a
//! transition, and a duplicate, a late or a contradictory one is handled here once for all sources.

use jiff::{SignedDuration, Timestamp};

use crate::after;
use crate::outcome::{ErrorNote, Finding, Outcome, Wait};
use crate::payment::Payment;
use crate::planted::{self, Bug};
use crate::refund::elsewhere::sent_elsewhere;
use crate::refund::lookup::lookup;
use crate::refund::report::{apply, ask_later};
use crate::refund::transition::Draft;
use crate::refund::{
    AttemptEnd, AttemptMark, AttentionReason, Context, Observation, PendingReason, Plan, Refund,
    Refusal, Status, Step, Transition,
};

/// After so many attempts without a trace a person is told.
pub(super) const ATTEMPTS_BEFORE_ATTENTION: u32 = 5;
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
        Observation::Elsewhere(end) => {
            sent_elsewhere(Draft::change(refund, payment, context), refund, &end)
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
pub(super) fn sure(transition: Result<Transition, Refusal>) -> Transition {
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

pub(super) fn unknown(draft: &mut Draft<'_>, note: Option<ErrorNote>, context: &Context<'_>) {
    draft.enter(Status::Unknown);
    if note.is_some() {
        draft.refund.error = note;
    }
    draft.plan = Plan::At(
        Step::Query,
        after(context.now, context.schedule.first_query),
    );
    if planted::is(Bug::NoQuery) {
        draft.plan = Plan::Done;
    }
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

fn query(
    mut draft: Draft<'_>,
    refund: &Refund,
    (finding, asked): (Finding, Timestamp),
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    match finding {
        Finding::Found(report) => {
            apply(&mut draft, refund, &report, context);
            if refund.elsewhere_at.is_some_and(|at| at < asked) {
                draft.refund.elsewhere_open = false;
            }
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
            if asked < visible && !planted::is(Bug::NotFoundTooEarly) {
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
        // Why WeChat refused it stays, until it is known whether that counts.
        if !refund.refusal_unconfirmed {
            draft.refund.error = Some(note);
        }
        draft.need(AttentionReason::UnknownForLong);
    }
}
