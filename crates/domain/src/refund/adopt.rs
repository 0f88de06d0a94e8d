//! A refund that was made elsewhere (in WeChat's merchant site, by another system) and that verified
//! evidence tells us of: it becomes a record of its own, so that it counts against its payment from
//! that moment on (INV-39), is followed to its end, and is seen by everybody.

use crate::approval::ApprovalState;
use crate::outcome::{Report, WechatState};
use crate::payment::Payment;
use crate::refund::transition::Draft;
use crate::refund::{
    AttentionReason, Context, NewRefund, Plan, Refund, Refusal, Status, Step, Transition,
};

/// Makes the record of a refund that was made elsewhere. `new` carries the numbers of the report;
/// the payment is as stored, or new (version 0) as the report names it.
///
/// # Errors
/// [`Refusal`] when the payment cannot hold it beside what is reserved: then somebody has to look,
/// because WeChat will refuse one of ours.
pub fn adopt(
    new: NewRefund,
    payment: &Payment,
    report: &Report,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    let refund = Refund {
        id: new.id,
        merchant: new.merchant,
        mch_id: new.mch_id,
        sub_mch_id: new.sub_mch_id,
        out_refund_no: new.out_refund_no,
        content: new.content,
        origin: context.source,
        requested_by: Some(new.requested_by),
        approval: ApprovalState::NotRequired,
        payment_id: Some(payment.id.clone()),
        total: Some(payment.total),
        status: Status::Processing,
        pending_reason: None,
        refund_id: report.refund_id.clone(),
        user_received_account: report.user_received_account.clone(),
        attention: None,
        error: None,
        refusal_unconfirmed: false,
        contradictions: None,
        attempts: 0,
        waits: 0,
        created_at: context.now,
        submitted_at: Some(context.now),
        last_attempt_at: Some(context.now),
        elsewhere_at: None,
        elsewhere_open: false,
        succeeded_at: None,
        ended_at: None,
        version: 0,
    };
    let mut draft = Draft::create(refund, Some(payment), context);
    draft.note("note.adopted", "made elsewhere, known from WeChat");
    match report.state {
        WechatState::Success => {
            draft.refund.succeeded_at = Some(report.success_time.unwrap_or(context.now));
            draft.enter(Status::Succeeded);
        }
        WechatState::Closed => draft.enter(Status::Closed),
        WechatState::Abnormal => {
            draft.enter(Status::Abnormal);
            draft.need(AttentionReason::Abnormal);
        }
        WechatState::Processing => draft.enter(Status::Processing),
    }
    if draft.refund.status.can_query() {
        let due = context
            .schedule
            .next_query(context.now, context.now)
            .unwrap_or(context.now);
        draft.plan = Plan::At(Step::Query, due);
    }
    draft.finish()
}
