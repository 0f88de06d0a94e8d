//! A store to test, and short ways to say what happens in it. Changes come from the real doors.

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tuikuan_domain::refund::{
    Approval, Changed, Command, Content, Context, NewRefund, Situation as Held, decide, observe,
};
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{
    Actor, MerchantName, Observation, OrderRef, Outcome, Payment, PaymentId, Refund, RefundId,
    Report, Source, Step, WechatState,
};
use tuikuan_store::{
    Change, Claim, Claimed, CommitError, Committed, Guard, Lane, Options, Situation, Store, Writing,
};
use tuikuan_terms::{Fen, MchId, OutRefundNo};

pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(30);

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) schedule: Schedule,
    /// What new refunds need.
    pub(crate) approval: Approval,
    pub(crate) url: String,
    _dir: TempDir,
}

pub(crate) async fn sqlite(options: &Options) -> World {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("test.db").display());
    let store = Store::open(&url, options).await.unwrap();
    World {
        store,
        schedule: Schedule::default(),
        approval: Approval::NotNeeded,
        url,
        _dir: dir,
    }
}

/// Without a thread and without a disk.
pub(crate) async fn memory() -> World {
    let options = Options {
        writing: Writing::Inline,
        ..Options::default()
    };
    World {
        store: Store::open("sqlite::memory:", &options).await.unwrap(),
        schedule: Schedule::default(),
        approval: Approval::NotNeeded,
        url: "sqlite::memory:".to_owned(),
        _dir: tempfile::tempdir().unwrap(),
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub(crate) fn fen(amount: i64) -> Fen {
    Fen::new(amount).unwrap()
}

pub(crate) fn mch_id() -> MchId {
    "1900000109".parse().unwrap()
}

pub(crate) fn merchant(name: &str) -> MerchantName {
    name.parse().unwrap()
}

pub(crate) fn refund_id(n: u32) -> RefundId {
    format!("rf_{n:020}").parse().unwrap()
}

pub(crate) fn payment_id(n: u32) -> PaymentId {
    format!("pay_{n:020}").parse().unwrap()
}

pub(crate) fn number(n: u32) -> OutRefundNo {
    format!("R-{n:08}").parse().unwrap()
}

pub(crate) fn order(n: u32) -> OrderRef {
    OrderRef {
        out_trade_no: Some(format!("T-{n:08}").parse().unwrap()),
        transaction_id: None,
    }
}

pub(crate) fn payment(n: u32, total: i64) -> Payment {
    Payment {
        id: payment_id(n),
        merchant: merchant("main"),
        mch_id: mch_id(),
        sub_mch_id: None,
        out_trade_no: order(n).out_trade_no.unwrap(),
        transaction_id: Some(format!("4200{n:024}").parse().unwrap()),
        total: fen(total),
        paid_at: Some(at(-3600)),
        reserved: Fen::ZERO,
        spent: Fen::ZERO,
        external: Fen::ZERO,
        refunds: 0,
        in_flight: None,
        last_submit: None,
        created_at: at(-60),
        version: 1,
    }
}

/// Registers a payment.
pub(crate) fn registered(payment: Payment) -> Change {
    Change {
        payment: Some(Changed {
            record: payment,
            replaces: None,
        }),
        ..Change::empty(at(-60))
    }
}

/// A refund `n` of order `of`.
pub(crate) fn wanted(n: u32, of: u32, amount: i64) -> NewRefund {
    NewRefund {
        id: refund_id(n),
        merchant: merchant("main"),
        mch_id: mch_id(),
        sub_mch_id: None,
        out_refund_no: number(n),
        content: Content {
            order: order(of),
            amount: fen(amount),
            reason: Some("商品已售完".parse().unwrap()),
            funds_account: None,
            goods_detail: None,
            not_before: None,
            expected_refundable: None,
            replaces: None,
            metadata: Some(r#"{"ticket":7}"#.to_owned()),
        },
        requested_by: person(1),
    }
}

pub(crate) fn person(n: u32) -> Actor {
    format!("usr_{n:016}").parse().unwrap()
}

pub(crate) fn report(refund: &Refund, state: WechatState) -> Report {
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
        user_received_account: Some("招商银行信用卡0403".to_owned()),
        success_time: None,
    }
}

impl World {
    /// Around a store that somebody else made.
    pub(crate) fn around(store: Store, url: String) -> Self {
        Self {
            store,
            schedule: Schedule::default(),
            approval: Approval::NotNeeded,
            url,
            _dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn context(&self, now: Timestamp) -> Context<'_> {
        Context {
            now,
            source: Source::Api,
            actor: &Actor::Engine,
            schedule: &self.schedule,
            total_max: Fen::MAX,
            approval: self.approval.clone(),
        }
    }

    /// The change of a request against what is stored now.
    pub(crate) async fn request(&self, new: NewRefund, now: Timestamp) -> Change {
        let held = self.situation(&new).await;
        self.request_against(new, &held, now)
    }

    pub(crate) async fn situation(&self, new: &NewRefund) -> Situation {
        self.store
            .situation(&new.mch_id, None, &new.out_refund_no, &new.content.order)
            .await
            .unwrap()
    }

    pub(crate) fn request_against(
        &self,
        new: NewRefund,
        held: &Situation,
        now: Timestamp,
    ) -> Change {
        let id = new.id.clone();
        let transition = decide(
            Held {
                refund: held.refund.as_ref(),
                payment: held.payment.as_ref(),
                replaced: None,
            },
            Command::Request(Box::new(new)),
            &self.context(now),
        )
        .unwrap();
        Change::of(transition, id, now)
    }

    pub(crate) async fn command(&self, id: &RefundId, command: Command, now: Timestamp) -> Change {
        let held = self.store.refund_and_payment(id).await.unwrap();
        let transition = decide(
            Held {
                refund: held.refund.as_ref(),
                payment: held.payment.as_ref(),
                replaced: None,
            },
            command,
            &self.context(now),
        )
        .unwrap();
        Change::of(transition, id.clone(), now)
    }

    pub(crate) async fn seen(&self, id: &RefundId, what: Observation, now: Timestamp) -> Change {
        let held = self.store.refund_and_payment(id).await.unwrap();
        let refund = held.refund.unwrap();
        let transition = observe(&refund, held.payment.as_ref(), what, &self.context(now));
        Change::of(transition, id.clone(), now)
    }

    pub(crate) async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        self.store.commit(change).await
    }

    /// A payment `n` with one queued refund `n` of all of it.
    pub(crate) async fn queued(&self, n: u32, now: Timestamp) -> RefundId {
        self.commit(registered(payment(n, 100))).await.unwrap();
        let change = self.request(wanted(n, n, 100), now).await;
        self.commit(change).await.unwrap();
        refund_id(n)
    }

    pub(crate) async fn claim(&self, step: Step, now: Timestamp) -> Vec<Claimed> {
        self.claim_lane(Lane::of_step(step, &mch_id(), Source::Api), now)
            .await
    }

    pub(crate) async fn claim_lane(&self, lane: Lane, now: Timestamp) -> Vec<Claimed> {
        let claim = Claim {
            lane,
            limit: 100,
            now,
            lease: LEASE,
        };
        self.store.claim(claim).await.unwrap()
    }

    /// Claims the only due job of a step.
    pub(crate) async fn lease(&self, step: Step, now: Timestamp) -> Guard {
        let claimed = self.claim(step, now).await;
        assert_eq!(claimed.len(), 1, "one job of {step:?} should be due");
        claimed.into_iter().next().unwrap().guard
    }

    /// A queued refund is claimed and its attempt begun.
    pub(crate) async fn submitting(&self, n: u32, now: Timestamp) -> (RefundId, Guard) {
        let id = self.queued(n, now).await;
        let guard = self.lease(Step::Submit, now).await;
        let change = Change {
            guard: Some(guard.clone()),
            ..self.command(&id, Command::Submit, now).await
        };
        self.commit(change).await.unwrap();
        (id, guard)
    }

    /// WeChat has taken the refund; its query is due some seconds later.
    pub(crate) async fn processing(&self, n: u32, now: Timestamp) -> RefundId {
        let (id, guard) = self.submitting(n, now).await;
        self.taken(&id, guard, now).await;
        id
    }

    /// A queued refund is sent under this lease, and taken.
    pub(crate) async fn accepted(&self, n: u32, guard: Guard, now: Timestamp) {
        let id = refund_id(n);
        let change = Change {
            guard: Some(guard.clone()),
            ..self.command(&id, Command::Submit, now).await
        };
        self.commit(change).await.unwrap();
        self.taken(&id, guard, now).await;
    }

    async fn taken(&self, id: &RefundId, guard: Guard, now: Timestamp) {
        let refund = self.store.refund(id).await.unwrap().unwrap();
        let reply = Observation::Reply {
            attempt: 1,
            outcome: Outcome::Accepted(report(&refund, WechatState::Processing)),
        };
        let change = Change {
            guard: Some(guard),
            ..self.seen(id, reply, now).await
        };
        self.commit(change).await.unwrap();
    }

    /// A whole life.
    pub(crate) async fn succeeded(&self, n: u32, now: Timestamp) -> RefundId {
        let id = self.processing(n, now).await;
        let refund = self.store.refund(&id).await.unwrap().unwrap();
        let told = Observation::Notification(report(&refund, WechatState::Success));
        let change = self.seen(&id, told, now).await;
        self.commit(change).await.unwrap();
        id
    }
}
