//! Refunds that were made elsewhere (in WeChat's merchant site, by another system) and that verified
//! evidence tells us of: they become records, whoever brought the evidence (INV-39).

use tuikuan_domain::refund::{Content, adopt};
use tuikuan_domain::{NewRefund, OrderRef, PaymentReport, RefundId, Report};
use tuikuan_store::CommitError;

use crate::by::By;
use crate::clock::refund_id;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::job::look_up::record;
use crate::ledger::{Beside, LedgerError, ROUNDS_MAX};
use crate::merchant::Merchant;

/// What came of the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// It is a record now.
    Adopted(RefundId),
    /// It was one already.
    Known,
    /// The evidence does not name the order or its total.
    Incomplete,
    /// The payment cannot hold it beside what is reserved, or has another total: a person must look.
    DoesNotFit,
}

impl Engine {
    /// Makes a record of a refund that was made elsewhere. What is beside it, such as the notification
    /// that told of it, is written in the same commit; nothing is written unless it is adopted.
    pub(crate) async fn adopt_stranger(
        &self,
        merchant: &Merchant,
        report: &Report,
        by: &By,
        beside: &Beside,
    ) -> Result<Adoption, EngineError> {
        let number = &report.out_refund_no;
        let Some((out_trade_no, total)) = report.out_trade_no.clone().zip(report.total) else {
            return Ok(Adoption::Incomplete);
        };
        let named = PaymentReport {
            out_trade_no,
            transaction_id: report.transaction_id.clone(),
            total,
            paid_at: None,
        };
        for _ in 0..ROUNDS_MAX {
            let known = self
                .store()
                .refund_by_number(&merchant.mch_id, number)
                .await?;
            if known.is_some() {
                return Ok(Adoption::Known);
            }
            let payment = record(self, merchant, &named).await?;
            let new = self.stranger(merchant, report, by);
            let id = new.id.clone();
            let transition = match adopt(new, &payment, report, &self.ledger().context(by)) {
                Ok(transition) if payment.total == total => transition,
                Ok(_) | Err(_) => {
                    tracing::warn!(
                        merchant = %merchant.name, %number,
                        "a refund made elsewhere does not fit into its payment"
                    );
                    return Ok(Adoption::DoesNotFit);
                }
            };
            let beside = beside.clone();
            let written = self.ledger().commit(transition, &id, beside).await;
            match written.outcome {
                Ok(_) => return Ok(Adoption::Adopted(id)),
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(LedgerError::Contended.into())
    }

    fn stranger(&self, merchant: &Merchant, report: &Report, by: &By) -> NewRefund {
        NewRefund {
            id: refund_id(self.ids()),
            merchant: merchant.name.clone(),
            mch_id: merchant.mch_id.clone(),
            sub_mch_id: merchant.sub_mch_id.clone(),
            out_refund_no: report.out_refund_no.clone(),
            content: Content {
                order: OrderRef {
                    out_trade_no: report.out_trade_no.clone(),
                    transaction_id: report.transaction_id.clone(),
                },
                amount: report.amount,
                reason: None,
                funds_account: None,
                goods_detail: None,
                not_before: None,
                expected_refundable: None,
                replaces: None,
                metadata: None,
            },
            requested_by: by.actor.clone(),
        }
    }
}
