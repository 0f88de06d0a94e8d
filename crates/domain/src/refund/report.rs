//! Applying a verified statement about a refund, whichever way it came: whether it is about this
//! refund at all, what it changes, and what it contradicts.

use crate::event::Source;
use crate::outcome::{Report, WechatState};
use crate::planted::{self, Bug};
use crate::refund::transition::Draft;
use crate::refund::{AttentionReason, Context, Plan, Refund, Status, Step};

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
    if report.amount != refund.content.amount && !planted::is(Bug::AmountUnchecked) {
        return Some("amount");
    }
    if differs(report.total.zip(refund.total).map(|(a, b)| a == b)) {
        return Some("total");
    }
    None
}

/// Applies a verified statement. Ends stay (INV-12); what does not fit is a conflict (INV-21).
pub(super) fn apply(
    draft: &mut Draft<'_>,
    refund: &Refund,
    report: &Report,
    context: &Context<'_>,
) {
    if let Some(field) = mismatch(refund, report) {
        if draft.contradict(&format!("mismatch:{field}")) {
            draft.note("note.reported_amount", report.amount.to_string());
            draft.note("note.reported_number", report.out_refund_no.as_str());
        }
        return;
    }
    if refund.status.is_end() && !planted::is(Bug::EndOverwritten) {
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
            let again = planted::is(Bug::EventRepeated) && refund.status == Status::Processing;
            if again {
                draft.refund.waits = refund.waits.saturating_add(1);
                draft.enter(Status::Processing);
            }
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
pub(super) fn ask_later(draft: &mut Draft<'_>, context: &Context<'_>) {
    let since = draft
        .refund
        .last_attempt_at
        .max(draft.refund.elsewhere_at)
        .unwrap_or(draft.refund.created_at);
    match context.schedule.next_query(since, context.now) {
        Some(due) => draft.plan = Plan::At(Step::Query, due),
        None => {
            draft.need(AttentionReason::QueriesExhausted);
            draft.plan = Plan::Done;
        }
    }
}
