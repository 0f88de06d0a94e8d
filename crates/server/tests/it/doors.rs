//! What happens to refunds, through the real doors, without WeChat.

use jiff::Timestamp;
use tuikuan_domain::outcome::{ErrorNote, ErrorSource};
use tuikuan_domain::refund::{Approval, Command, Context, decide, observe};
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{
    Actor, Observation, Outcome, Refund, RefundId, Report, Situation, Source, WechatState,
};
use tuikuan_store::{Change, InboxEntry};
use tuikuan_terms::Fen;

use crate::world::World;

/// Text that must never become a part of a page.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>";

impl World {
    /// The present time in whole microseconds, as stored.
    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_microsecond(self.engine.now().as_microsecond()).unwrap()
    }

    async fn found(&self, id: &str) -> (Refund, Option<tuikuan_domain::Payment>) {
        let id: RefundId = id.parse().unwrap();
        let held = self.engine.store().refund_and_payment(&id).await.unwrap();
        (held.refund.unwrap(), held.payment)
    }

    /// The attempt of a queued refund begins.
    pub(crate) async fn submit(&self, id: &str) {
        let (refund, payment) = self.found(id).await;
        let situation = Situation {
            refund: Some(&refund),
            payment: payment.as_ref(),
            replaced: None,
        };
        let (schedule, now) = (Schedule::default(), self.time());
        let transition = decide(situation, Command::Submit, &context(&schedule, now)).unwrap();
        let change = Change::of(transition, refund.id, now);
        self.engine.store().commit(change).await.unwrap();
    }

    /// WeChat says something about a refund.
    pub(crate) async fn hear(&self, id: &str, what: Observation) {
        let (refund, payment) = self.found(id).await;
        let (schedule, now) = (Schedule::default(), self.time());
        let context = context(&schedule, now);
        let transition = observe(&refund, payment.as_ref(), what, &context);
        let change = Change::of(transition, refund.id, now);
        self.engine.store().commit(change).await.unwrap();
    }

    /// A refund that WeChat took and then brought to an end.
    pub(crate) async fn ended(&self, merchant: &str, number: &str, state: WechatState) -> String {
        let id = self.refund(merchant, number).await;
        self.submit(&id).await;
        let (refund, _) = self.found(&id).await;
        let accepted = report(&refund, WechatState::Processing, None);
        let outcome = Outcome::Accepted(accepted);
        self.hear(
            &id,
            Observation::Reply {
                attempt: 1,
                outcome,
            },
        )
        .await;
        let told = report(&refund, state, Some(self.time()));
        self.hear(&id, Observation::Notification(told)).await;
        id
    }

    /// A refund that WeChat refused, with hostile words.
    pub(crate) async fn refused(&self, merchant: &str, number: &str) -> String {
        let id = self.refund(merchant, number).await;
        self.submit(&id).await;
        let note = ErrorNote {
            code: "TRADE_OVERDUE".to_owned(),
            message: HOSTILE.to_owned(),
            source: ErrorSource::Wechat,
            advice: "give_up".to_owned(),
        };
        let outcome = Outcome::Refused(note);
        self.hear(
            &id,
            Observation::Reply {
                attempt: 1,
                outcome,
            },
        )
        .await;
        id
    }

    /// A notification in the inbox.
    pub(crate) async fn noted(&self, merchant: &str, mark: u8, outcome: &str) -> i64 {
        let mut change = Change::empty(self.time());
        change.inbox = Some(InboxEntry {
            dedupe: [mark; 32],
            merchant: merchant.parse().unwrap(),
            generation: "v2".to_owned(),
            headers: format!("wechatpay-signature: c2VjcmV0\nwechatpay-nonce: {HOSTILE}"),
            body: format!("<xml><note>{HOSTILE}</note><req_info>hidden</req_info></xml>").into(),
            refund_id: None,
            received_at: self.time(),
            outcome: outcome.to_owned(),
            told_at: None,
        });
        self.engine.store().commit(change).await.unwrap();
        let all = tuikuan_store::Merchants::All;
        self.engine.store().list_inbox(&all, None, 1).await.unwrap()[0].number
    }
}

fn context(schedule: &Schedule, now: Timestamp) -> Context<'_> {
    Context {
        now,
        source: Source::Reply,
        actor: &Actor::Engine,
        schedule,
        total_max: Fen::MAX,
        approval: Approval::NotNeeded,
    }
}

fn report(refund: &Refund, state: WechatState, success_time: Option<Timestamp>) -> Report {
    Report {
        mch_id: refund.mch_id.clone(),
        sub_mch_id: None,
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: Some("50300806962023112412345678".parse().unwrap()),
        out_trade_no: refund.content.order.out_trade_no.clone(),
        transaction_id: None,
        amount: refund.content.amount,
        total: refund.total,
        state,
        user_received_account: None,
        success_time,
    }
}
