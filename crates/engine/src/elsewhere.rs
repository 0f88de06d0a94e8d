//! An abnormal refund is sent elsewhere. An act of a person, never a job: the card's fields exist in
//! memory while the call lasts and nowhere else (INV-36), so nothing could repeat it. The intention
//! is durable before a byte leaves (INV-4); whatever the answer, WeChat is asked what became of the
//! refund, and only that changes its status (INV-5).

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tuikuan_domain::refund::{
    Command, Context, ELSEWHERE, ELSEWHERE_OUTCOME, Elsewhere, ElsewhereEnd, Situation, observe,
};
use tuikuan_domain::{Observation, Payment, Refund, RefundId, Refusal, Source};
use tuikuan_wechat::{AbnormalRefund, AbnormalTarget, BuildError};

use crate::audit;
use crate::behind::decide_behind;
use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::Beside;
use crate::merchant::Merchant;

/// Debit cards of these banks are taken (v3 section 9 of the documentation), with their names.
pub const BANKS: [(&str, &str); 15] = [
    ("ICBC_DEBIT", "工商银行"),
    ("ABC_DEBIT", "农业银行"),
    ("BOC_DEBIT", "中国银行"),
    ("CCB_DEBIT", "建设银行"),
    ("COMM_DEBIT", "交通银行"),
    ("PSBC_DEBIT", "邮储银行"),
    ("CMB_DEBIT", "招商银行"),
    ("CITIC_DEBIT", "中信银行"),
    ("CEB_DEBIT", "光大银行"),
    ("CMBC_DEBIT", "民生银行"),
    ("PAB_DEBIT", "平安银行"),
    ("SPDB_DEBIT", "浦发银行"),
    ("CIB_DEBIT", "兴业银行"),
    ("GDB_DEBIT", "广发银行"),
    ("NBCB_DEBIT", "宁波银行"),
];

/// While nothing is known of one call, another waits so long.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(60);

/// How often an intention is decided again after the refund has moved on.
const INTEND_TRIES_MAX: u32 = 5;

/// Events that are looked at for a call under way: more do not happen within [`UNDER_WAY`].
const EVENTS: u32 = 100;

/// Where the money goes instead.
#[derive(Debug)]
pub enum Receiver {
    /// A debit card of the buyer.
    BuyerCard {
        /// One of [`BANKS`].
        bank: &'static str,
        /// The card's number.
        account: SecretString,
        /// The holder's name.
        name: SecretString,
    },
    /// The merchant's settlement account.
    Merchant,
}

impl Receiver {
    const fn place(&self) -> Elsewhere {
        match self {
            Self::BuyerCard { .. } => Elsewhere::BuyerCard,
            Self::Merchant => Elsewhere::Merchant,
        }
    }

    fn target(self) -> AbnormalTarget {
        match self {
            Self::BuyerCard {
                bank,
                account,
                name,
            } => AbnormalTarget::UserBankCard {
                bank_type: bank.to_owned(),
                bank_account: account,
                real_name: name,
            },
            Self::Merchant => AbnormalTarget::MerchantBankCard,
        }
    }
}

impl Engine {
    /// Sends an abnormal refund elsewhere, and says what WeChat answered. The refund is asked about
    /// at once afterwards.
    ///
    /// # Errors
    /// [`EngineError`]; nothing was sent then, unless the store failed after the call: then the
    /// intention is in the history, and WeChat is asked.
    pub async fn send_elsewhere(
        &self,
        id: &RefundId,
        receiver: Receiver,
        by: &By,
    ) -> Result<(Refund, ElsewhereEnd), EngineError> {
        let found = self
            .store()
            .refund(id)
            .await?
            .ok_or(EngineError::NotFound)?;
        let merchant = self.merchant(&found.merchant);
        let merchant = merchant.ok_or(EngineError::UnknownMerchant)?;
        while let Some(due) = self.query_permit(&found.mch_id).await {
            self.sleep_until(due).await;
        }
        let refund = self.intend(id, receiver.place(), by).await?;
        let (end, exchange) = self.call_elsewhere(merchant, &refund, receiver).await;
        let beside = Beside {
            exchange,
            ..Beside::default()
        };
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            let told = Observation::Elsewhere(end.clone());
            Ok(observe(refund, payment, told, context))
        };
        let engine = By::engine(Source::Reply);
        let acted = self.ledger().act(id, &engine, beside, door).await?;
        self.wake();
        Ok((acted.refund, end))
    }

    /// Commits the intention, unless another one is still without an end. Whoever else has one
    /// changed the refund, so that one of two commits is lost and decides again.
    async fn intend(
        &self,
        id: &RefundId,
        place: Elsewhere,
        by: &By,
    ) -> Result<Refund, EngineError> {
        for _ in 1..INTEND_TRIES_MAX {
            let moved = AtomicBool::new(false);
            let intended = self.intend_once(id, place, by, &moved).await;
            if !moved.load(Ordering::Relaxed) {
                return intended;
            }
        }
        self.intend_once(id, place, by, &AtomicBool::new(false))
            .await
    }

    /// The history is read before the door; `moved` says that the refund has changed since.
    async fn intend_once(
        &self,
        id: &RefundId,
        place: Elsewhere,
        by: &By,
        moved: &AtomicBool,
    ) -> Result<Refund, EngineError> {
        let loaded = self.ledger().load(id).await?;
        let refund = loaded.refund.as_ref().ok_or(EngineError::NotFound)?;
        let behind = self.behind(refund.requested_by.as_ref(), by).await?;
        let (version, open) = (refund.version, self.under_way(refund, self.now()).await);
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            if refund.version != version {
                moved.store(true, Ordering::Relaxed);
                return Err(Refusal::ElsewhereUnderWay { since: context.now });
            }
            if let Some(since) = open {
                return Err(Refusal::ElsewhereUnderWay { since });
            }
            let situation = Situation {
                refund: Some(refund),
                payment,
                replaced: None,
            };
            decide_behind(
                behind.as_ref(),
                situation,
                Command::SendElsewhere(place),
                context,
            )
        };
        let command = Command::SendElsewhere(place);
        let beside = Beside {
            audit: audit::of_command(by, self.now(), refund, &command),
            ..Beside::default()
        };
        let acted = self.ledger().act_on(loaded, by, beside, door).await?;
        Ok(acted.refund)
    }

    /// Since when a call is under way of which nothing is known. A history that cannot be read lets
    /// nothing through.
    async fn under_way(&self, refund: &Refund, now: Timestamp) -> Option<Timestamp> {
        let first = refund.version.saturating_sub(i64::from(EVENTS));
        let Ok(events) = self.store().events_of(&refund.id, first, EVENTS).await else {
            return Some(now);
        };
        let mut since = None;
        for event in events {
            let value = |name: &str| {
                let found = event.detail.iter().find(|(known, _)| known == name);
                found.and_then(|(_, value)| value.as_deref())
            };
            if value(ELSEWHERE).is_some() {
                since = Some(event.at);
            }
            match value(ELSEWHERE_OUTCOME) {
                None => {}
                Some("unknown") => since = Some(event.at),
                Some(_) => since = None,
            }
        }
        since.filter(|at| now < tuikuan_domain::after(*at, UNDER_WAY))
    }

    async fn call_elsewhere(
        &self,
        merchant: &Merchant,
        refund: &Refund,
        receiver: Receiver,
    ) -> (ElsewhereEnd, Option<tuikuan_store::Exchange>) {
        let abnormal = refund.refund_id.clone().map(|refund_id| AbnormalRefund {
            refund_id,
            out_refund_no: refund.out_refund_no.clone(),
            target: receiver.target(),
        });
        let request = match &abnormal {
            Some(abnormal) => merchant.account.abnormal_refund(abnormal, &self.stamp()),
            None => Err(BuildError::Missing {
                what: "WeChat's number of the refund",
            }),
        };
        let call = self.call(merchant, request).await;
        let end = call.elsewhere_end(merchant, abnormal.as_ref());
        (end, Some(call.exchange("abnormal", None)))
    }
}
