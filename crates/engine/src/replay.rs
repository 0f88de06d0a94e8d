//! A stored notification is taken in once more, with the keys of today: after a key was mended, or
//! the refund it is about became known. It goes through the same door as the first time, so that
//! one whose effect is there already changes nothing (INV-19).

use tuikuan_domain::refund::Context;
use tuikuan_domain::{Observation, Payment, PaymentFinding, Refund, RefundId, Source};
use tuikuan_store::{Action, AdminChange, Administered, InboxRecord, Replayed as Stored};
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::v2::notification as v2;
use tuikuan_wechat::v3::notification::{self as v3, Subject};
use tuikuan_wechat::{Format, RefundReport, sniff};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::Beside;
use crate::merchant::Merchant;
use crate::payment::Said;
use crate::verdict::{payment_of, report_of};

/// What came of taking a notification in once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It was taken in; the inbox says so.
    Done {
        /// The outcome, as the inbox shows it.
        outcome: &'static str,
    },
    /// Headers and body were removed with age.
    Gone,
    /// It cannot be verified or opened with the keys of today.
    NotUnderstood {
        /// Why not, as the tally counts it.
        reason: &'static str,
    },
}

/// What a notification said this time.
struct Effect {
    outcome: &'static str,
    refund: Option<RefundId>,
    /// The line of history it caused.
    seq: Option<i64>,
}

impl Effect {
    const fn none(outcome: &'static str) -> Self {
        Self {
            outcome,
            refund: None,
            seq: None,
        }
    }
}

impl Engine {
    /// Takes a stored notification in once more.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::UnknownMerchant`] when its merchant left the
    /// configuration, or the store's.
    pub async fn replay(&self, number: i64, by: &By) -> Result<Replayed, EngineError> {
        let row = self
            .store()
            .inbox(number)
            .await?
            .ok_or(EngineError::NotFound)?;
        let merchant = self.merchant(&row.entry.merchant).cloned();
        let merchant = merchant.ok_or(EngineError::UnknownMerchant)?;
        if row.entry.body.is_empty() {
            return Ok(Replayed::Gone);
        }
        // The act is in the log before anything comes of it (INV-35).
        let detail = serde_json::json!({
            "merchant": merchant.name.as_str(),
            "before": row.entry.outcome,
        });
        let subject = number.to_string();
        self.audit(by, Action::NOTIFICATION_REPLAYED, &subject, detail)
            .await?;
        let effect = match self.effect(&merchant, &row).await? {
            Ok(effect) => effect,
            Err(reason) => return Ok(Replayed::NotUnderstood { reason }),
        };
        let outcome = effect.outcome;
        let detail = serde_json::json!({
            "merchant": merchant.name.as_str(),
            "before": row.entry.outcome,
            "after": outcome,
        });
        let action = Action::NOTIFICATION_SETTLED;
        let audit = by.entry(self.now(), action, (&subject, detail));
        let act = Administered::Replayed(Stored {
            number,
            outcome: outcome.to_owned(),
            refund_id: effect.refund,
            seq: effect.seq,
        });
        self.store().administer(AdminChange { act, audit }).await?;
        self.tally().count("notifications", "replayed");
        self.wake();
        Ok(Replayed::Done { outcome })
    }

    async fn effect(
        &self,
        merchant: &Merchant,
        row: &InboxRecord,
    ) -> Result<Result<Effect, &'static str>, EngineError> {
        let body = &row.entry.body;
        if sniff(body) == Format::Json {
            return self.effect_v3(merchant, row).await;
        }
        let Some(key) = merchant.account.credentials.api_v2_key() else {
            return Ok(Err("no_key"));
        };
        let mch_id = merchant.mch_id.as_str();
        match v2::open_refund(body, mch_id, key) {
            Ok(hint) => Ok(Ok(self
                .hinted(merchant, &hint.report.out_refund_no)
                .await?)),
            Err(refused) => match v2::open_payment(body, mch_id, key) {
                Ok(report) => Ok(Ok(self.paid(merchant, report).await?)),
                Err(_) => Ok(Err(crate::notice::reason_v2(&refused))),
            },
        }
    }

    async fn effect_v3(
        &self,
        merchant: &Merchant,
        row: &InboxRecord,
    ) -> Result<Result<Effect, &'static str>, EngineError> {
        let credentials = &merchant.account.credentials;
        let Some(key) = credentials.api_v3_key() else {
            return Ok(Err("no_key"));
        };
        // Its own time was looked at when it came; the signature is judged as of then.
        let then = row.entry.received_at.as_second();
        let headers = headers_of(&row.entry.headers);
        let opened = v3::open(&headers, &row.entry.body, &credentials.trusted(), key, then);
        let notification = match opened {
            Ok(notification) => notification,
            Err(error) => return Ok(Err(crate::notice::reason_v3(&error))),
        };
        Ok(Ok(match notification.subject {
            Subject::Refund(report) => self.told(merchant, *report).await?,
            Subject::Payment(report) => self.paid(merchant, *report).await?,
            Subject::Other => Effect::none("other"),
        }))
    }

    async fn told(&self, merchant: &Merchant, report: RefundReport) -> Result<Effect, EngineError> {
        let Some(report) = report_of(merchant, report) else {
            return Ok(Effect::none("unreadable"));
        };
        let Some(refund) = self.named(merchant, &report.out_refund_no).await? else {
            self.adopt(merchant, &report, None).await?;
            return self.adopted(merchant, &report.out_refund_no).await;
        };
        let seen = Observation::Notification(report);
        self.seen(&refund, seen, "applied").await
    }

    /// A v2 notification is a hint, the second time too (INV-18).
    async fn hinted(
        &self,
        merchant: &Merchant,
        number: &OutRefundNo,
    ) -> Result<Effect, EngineError> {
        if let Some(refund) = self.named(merchant, number).await? {
            return self.seen(&refund, Observation::Hint, "hint").await;
        }
        self.ask_stranger(merchant, number).await?;
        self.adopted(merchant, number).await
    }

    async fn seen(
        &self,
        refund: &Refund,
        what: Observation,
        outcome: &'static str,
    ) -> Result<Effect, EngineError> {
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            Ok(tuikuan_domain::refund::observe(
                refund,
                payment,
                what.clone(),
                context,
            ))
        };
        let acted = self
            .ledger()
            .act(
                &refund.id,
                &By::engine(Source::Notification),
                Beside::default(),
                door,
            )
            .await?;
        Ok(Effect {
            outcome,
            refund: Some(refund.id.clone()),
            seq: acted.transition.event.map(|event| event.seq),
        })
    }

    async fn paid(
        &self,
        merchant: &Merchant,
        report: tuikuan_wechat::PaymentReport,
    ) -> Result<Effect, EngineError> {
        let facts = match payment_of(merchant, report) {
            PaymentFinding::Paid(facts) => facts,
            PaymentFinding::NotPaid(_)
            | PaymentFinding::NotFound(_)
            | PaymentFinding::MerchantFault(_)
            | PaymentFinding::Unanswered(_) => return Ok(Effect::none("not_paid")),
        };
        let stored = self.store_payment(merchant, (&facts, Said::ByWechat), None);
        match stored.await {
            Ok(_) => Ok(Effect::none("payment")),
            Err(EngineError::PaymentDiffers { .. }) => Ok(Effect::none("conflict")),
            Err(error) => Err(error),
        }
    }

    async fn named(
        &self,
        merchant: &Merchant,
        number: &OutRefundNo,
    ) -> Result<Option<Refund>, EngineError> {
        Ok(self
            .store()
            .refund_by_number(&merchant.mch_id, number)
            .await?)
    }

    /// Whether the refund of a stranger is known by now.
    async fn adopted(
        &self,
        merchant: &Merchant,
        number: &OutRefundNo,
    ) -> Result<Effect, EngineError> {
        Ok(match self.named(merchant, number).await? {
            Some(refund) => Effect {
                outcome: "adopted",
                refund: Some(refund.id),
                seq: Some(1),
            },
            None => Effect::none("unmatched"),
        })
    }
}

/// The headers as they were kept, one on a line.
fn headers_of(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
