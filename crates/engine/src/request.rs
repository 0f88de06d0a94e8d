//! A caller asks for a refund. Same identity and same content is the same refund, however often it
//! is asked (INV-15); the answer comes after the commit is durable (INV-14).

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::{Command, Content, Money, NewRefund, Reason, Situation, decide};
use tuikuan_domain::{
    FundsAccount, MerchantName, OrderRef, Plan, Refund, RefundId, Refusal, Step, Transition,
};
use tuikuan_store::CommitError;
use tuikuan_terms::{Fen, MchId, OutRefundNo};

use crate::audit;
use crate::by::By;
use crate::clock::refund_id;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::{Beside, LedgerError, ROUNDS_MAX};

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct RefundRequest {
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// The order, by one or both numbers.
    pub order: OrderRef,
    /// What to refund.
    pub amount: Fen,
    /// The refund's number, if the caller has one: then it is the identity.
    pub out_refund_no: Option<OutRefundNo>,
    /// Else the number is computed from this key.
    pub idempotency_key: Option<String>,
    /// Shown to the buyer.
    pub reason: Option<Reason>,
    /// Where WeChat takes the money from.
    pub funds_account: Option<FundsAccount>,
    /// Item list, as JSON text.
    pub goods_detail: Option<String>,
    /// Not to be submitted before.
    pub not_before: Option<Timestamp>,
    /// Refuse unless exactly this is left.
    pub expected_refundable: Option<Fen>,
    /// The closed refund that this one replaces.
    pub replaces: Option<RefundId>,
    /// The caller's own data, as JSON text.
    pub metadata: Option<String>,
}

/// The refund that was asked for.
#[derive(Debug, Clone)]
pub struct Requested {
    /// The refund, durable.
    pub refund: Refund,
    /// Whether this request made it, or it existed.
    pub created: bool,
    /// What was planned for one that was made; of others the store knows.
    pub planned: Option<(Step, Timestamp)>,
}

/// The number that an idempotency key gives for a merchant: the same key gives the same number even
/// on an empty or restored database (INV-2).
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "two letters and 40 hex digits are a refund number"
)]
pub fn number_of(mch_id: &MchId, idempotency_key: &str) -> OutRefundNo {
    let text = format!("{mch_id}\0{idempotency_key}");
    let hash = digest(&SHA256, text.as_bytes());
    let hex: String = hash
        .as_ref()
        .iter()
        .take(20)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("TK{hex}")
        .parse()
        .expect("two letters and 40 hex digits are a refund number")
}

impl Engine {
    /// Asks for a refund.
    ///
    /// # Errors
    /// [`EngineError`]; nothing was written then.
    pub async fn request(&self, ask: RefundRequest, by: &By) -> Result<Requested, EngineError> {
        let merchant = self
            .merchant(&ask.merchant)
            .ok_or(EngineError::UnknownMerchant)?;
        if ask.order.out_trade_no.is_none() && ask.order.transaction_id.is_none() {
            return Err(EngineError::NoOrder);
        }
        let number = match (ask.out_refund_no, &ask.idempotency_key) {
            (Some(number), _) => number,
            (None, Some(key)) if planted::is(Bug::KeyForgotten) => {
                number_of(&merchant.mch_id, &format!("{key}{}", self.ids().random()))
            }
            (None, Some(key)) => number_of(&merchant.mch_id, key),
            (None, None) => return Err(EngineError::NoIdentity),
        };
        let new = NewRefund {
            id: refund_id(self.ids()),
            merchant: ask.merchant,
            mch_id: merchant.mch_id.clone(),
            sub_mch_id: merchant.sub_mch_id.clone(),
            out_refund_no: number,
            content: Content {
                order: ask.order,
                amount: ask.amount,
                reason: ask.reason,
                funds_account: ask.funds_account,
                goods_detail: ask.goods_detail,
                not_before: ask.not_before.map(crate::clock::whole_micros),
                expected_refundable: ask.expected_refundable,
                replaces: ask.replaces,
                metadata: ask.metadata,
            },
            requested_by: by.actor.clone(),
        };
        for _ in 0..ROUNDS_MAX {
            match self.try_request(&new, by).await? {
                Some(requested) => return Ok(requested),
                None => tokio::task::yield_now().await,
            }
        }
        Err(LedgerError::Contended.into())
    }

    /// One round; `None` when the records changed in between.
    async fn try_request(
        &self,
        new: &NewRefund,
        by: &By,
    ) -> Result<Option<Requested>, EngineError> {
        let order = &new.content.order;
        let sub = new.sub_mch_id.as_ref();
        let mut found = self
            .store()
            .situation(&new.mch_id, sub, &new.out_refund_no, order)
            .await?;
        let replaced = match &new.content.replaces {
            Some(id) => self.store().refund(id).await?,
            None => None,
        };
        // Somebody else's is as unknown as none.
        let replaced = replaced.filter(|old| same_merchant(old, new));
        if let (None, Some(old)) = (&found.refund, &replaced) {
            if let Some(id) = &old.payment_id {
                found.payment = self.store().payment(id).await?;
            }
            self.check_replacement(old).await?;
        }
        let situation = Situation {
            refund: found.refund.as_ref(),
            payment: found.payment.as_ref(),
            replaced: replaced.as_ref(),
        };
        let mut context = self.ledger().context(by);
        let mut beside = Beside::default();
        if found.refund.is_none() {
            let judgment = match self.judge(new, by, found.payment.as_ref()).await {
                // The same request may have been accepted in between, and have used the limit up.
                Err(LedgerError::Refused(refusal)) => return self.again_or(new, refusal).await,
                judgment => judgment?,
            };
            beside.rules = Some(judgment.version);
            beside.usage = judgment.judged.claims;
            context.approval = judgment.judged.approval;
        }
        let command = Command::Request(Box::new(new.clone()));
        let transition = decide(situation, command, &context)?;
        if transition == Transition::unchanged() {
            return Ok(found.refund.map(|refund| Requested {
                refund,
                created: false,
                planned: None,
            }));
        }
        let changed = transition.refund.as_ref();
        beside.audit = changed.and_then(|changed| audit::of_request(by, &changed.record));
        let written = self.ledger().commit(transition, &new.id, beside).await;
        match written.outcome {
            Ok(_) => Ok(written.transition.refund.map(|changed| Requested {
                refund: changed.record,
                created: true,
                planned: match written.transition.plan {
                    Plan::At(step, due) => Some((step, due)),
                    Plan::Keep | Plan::Forward | Plan::Done => None,
                },
            })),
            Err(CommitError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Another round where the refund exists by now, else the refusal.
    async fn again_or(
        &self,
        new: &NewRefund,
        refusal: Refusal,
    ) -> Result<Option<Requested>, EngineError> {
        let store = self.store();
        match store
            .refund_by_number(&new.mch_id, &new.out_refund_no)
            .await?
        {
            Some(_) => Ok(None),
            None => Err(refusal.into()),
        }
    }

    /// One closed refund is replaced by one refund at a time. The new one concerns the payment of the old
    /// one, whatever numbers it names; so two that race for it also race for the version of that payment,
    /// read before this is asked, and the later one sees the earlier.
    async fn check_replacement(&self, old: &Refund) -> Result<(), EngineError> {
        let Some(payment) = &old.payment_id else {
            return Ok(());
        };
        let stands_in = |other: &&Refund| {
            other.content.replaces.as_ref() == Some(&old.id)
                && other.status.money() != Money::Released
        };
        let siblings = self.store().refunds_of(payment).await?;
        match siblings.iter().find(stands_in) {
            Some(other) => Err(Refusal::AlreadyReplaced {
                by: other.id.clone(),
            }
            .into()),
            None => Ok(()),
        }
    }
}

fn same_merchant(old: &Refund, new: &NewRefund) -> bool {
    old.merchant == new.merchant && old.mch_id == new.mch_id && old.sub_mch_id == new.sub_mch_id
}
