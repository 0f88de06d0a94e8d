//! Payments: registered by a caller, by WeChat's payment notification, or asked from WeChat at first
//! use. Whatever says it first, the facts must agree (INV-8).

use jiff::Timestamp;
use tuikuan_domain::refund::Changed;
use tuikuan_domain::{Actor, MerchantName, OrderRef, Payment, PaymentReport};
use tuikuan_store::{Action, Change, CommitError, InboxEntry, NewAudit};
use tuikuan_terms::{Fen, OutTradeNo, TransactionId};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::job::look_up::new_payment;
use crate::ledger::{LedgerError, ROUNDS_MAX};
use crate::merchant::Merchant;

/// A payment as a caller registers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRegistration {
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// The merchant's order number.
    pub out_trade_no: OutTradeNo,
    /// WeChat's order number, if known.
    pub transaction_id: Option<TransactionId>,
    /// What was paid, at least 1 fen.
    pub total: Fen,
    /// When, if known.
    pub paid_at: Option<Timestamp>,
}

/// Who says it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said<'a> {
    /// A caller: a claim.
    ByCaller(&'a By),
    /// WeChat, verified: its pay time is the right one.
    ByWechat,
}

/// The payment that was registered.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The payment, durable.
    pub payment: Payment,
    /// Whether this made it, or it existed.
    pub created: bool,
}

impl Engine {
    /// Registers a payment by Tuikuan itself: no entry of the audit log.
    ///
    /// # Errors
    /// As for [`Engine::register_payment_by`].
    pub async fn register_payment(
        &self,
        new: PaymentRegistration,
    ) -> Result<Registered, EngineError> {
        let by = By::engine(tuikuan_domain::Source::Engine);
        self.register_payment_by(new, &by).await
    }

    /// Registers a payment, or completes a registered one with facts that were not known.
    ///
    /// # Errors
    /// [`EngineError::PaymentDiffers`] when it is registered with other facts.
    pub async fn register_payment_by(
        &self,
        new: PaymentRegistration,
        by: &By,
    ) -> Result<Registered, EngineError> {
        let merchant = self
            .merchant(&new.merchant)
            .ok_or(EngineError::UnknownMerchant)?
            .clone();
        if new.total.is_zero() {
            return Err(tuikuan_domain::Refusal::AmountZero.into());
        }
        let maximum = self.settings().total_max;
        if new.total > maximum {
            let requested = new.total;
            return Err(tuikuan_domain::Refusal::AmountAboveMaximum { requested, maximum }.into());
        }
        let report = PaymentReport {
            out_trade_no: new.out_trade_no,
            transaction_id: new.transaction_id,
            total: new.total,
            paid_at: new.paid_at.map(crate::clock::whole_micros),
        };
        self.store_payment(&merchant, (&report, Said::ByCaller(by)), None)
            .await
    }

    /// Stores what is known of a payment, with the notification that said so.
    pub(crate) async fn store_payment(
        &self,
        merchant: &Merchant,
        (report, said): (&PaymentReport, Said<'_>),
        inbox: Option<InboxEntry>,
    ) -> Result<Registered, EngineError> {
        for _ in 0..ROUNDS_MAX {
            self.check_transaction(merchant, report).await?;
            let order = OrderRef {
                out_trade_no: Some(report.out_trade_no.clone()),
                transaction_id: report.transaction_id.clone(),
            };
            let stored = self.payment_of(merchant, &order).await?;
            let created = stored.is_none();
            let (record, replaces) = match stored {
                None => (
                    Payment {
                        version: 1,
                        ..new_payment(self, merchant, report)
                    },
                    None,
                ),
                Some(stored) => {
                    let merged = merge(&stored, (report, said))?;
                    let replaces = Some(stored.version);
                    if merged == stored && inbox.is_none() {
                        return Ok(Registered {
                            payment: stored,
                            created: false,
                        });
                    }
                    (
                        Payment {
                            version: stored.version.saturating_add(1),
                            ..merged
                        },
                        replaces,
                    )
                }
            };
            let mut change = Change::empty(self.now());
            change.payment = Some(Changed {
                record: record.clone(),
                replaces,
            });
            change.inbox.clone_from(&inbox);
            change.audit = entry(&record, said, self.now());
            match self.store().commit(change).await {
                Ok(_) => {
                    return Ok(Registered {
                        payment: record,
                        created,
                    });
                }
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(error) => return Err(LedgerError::from(error).into()),
            }
        }
        Err(LedgerError::Contended.into())
    }

    /// WeChat's number of an order belongs to one order: a second claim to it is somebody's mistake.
    async fn check_transaction(
        &self,
        merchant: &Merchant,
        report: &PaymentReport,
    ) -> Result<(), EngineError> {
        let Some(id) = &report.transaction_id else {
            return Ok(());
        };
        let holder = self
            .store()
            .payment_by_transaction(&merchant.mch_id, id)
            .await?;
        match holder.filter(|holder| holder.out_trade_no != report.out_trade_no) {
            Some(_) => Err(EngineError::PaymentDiffers {
                fields: vec!["transaction_id"],
            }),
            None => Ok(()),
        }
    }
}

/// The entry of the audit log: what WeChat says, and what Tuikuan does by itself, has none (INV-35).
fn entry(payment: &Payment, said: Said<'_>, at: Timestamp) -> Option<NewAudit> {
    let Said::ByCaller(by) = said else {
        return None;
    };
    if by.actor == Actor::Engine {
        return None;
    }
    let detail = serde_json::json!({
        "merchant": payment.merchant.as_str(),
        "out_trade_no": payment.out_trade_no.as_str(),
        "total": payment.total.get(),
        "version": payment.version,
    });
    Some(by.entry(
        at,
        Action::PAYMENT_REGISTERED,
        (payment.id.as_str(), detail),
    ))
}

/// The stored payment with what was not known yet.
fn merge(
    stored: &Payment,
    (report, said): (&PaymentReport, Said<'_>),
) -> Result<Payment, EngineError> {
    let mut fields = Vec::new();
    if stored.total != report.total {
        fields.push("total");
    }
    if stored.out_trade_no != report.out_trade_no {
        fields.push("out_trade_no");
    }
    let known = (
        stored.transaction_id.as_ref(),
        report.transaction_id.as_ref(),
    );
    if matches!(known, (Some(a), Some(b)) if a != b) {
        fields.push("transaction_id");
    }
    let times = (stored.paid_at, report.paid_at);
    let claimed = matches!(said, Said::ByCaller(_));
    if claimed && matches!(times, (Some(a), Some(b)) if a != b) {
        fields.push("paid_at");
    }
    if !fields.is_empty() {
        return Err(EngineError::PaymentDiffers { fields });
    }
    let mut merged = stored.clone();
    if merged.transaction_id.is_none() {
        merged.transaction_id.clone_from(&report.transaction_id);
    }
    merged.paid_at = match said {
        Said::ByCaller(_) => merged.paid_at.or(report.paid_at),
        Said::ByWechat => report.paid_at.or(merged.paid_at),
    };
    Ok(merged)
}
