//! Notifications about refunds that nobody here knows: WeChat is asked, and what it confirms becomes a
//! record that counts against its order (INV-39).

use tuikuan_domain::refund::{Content, adopt};
use tuikuan_domain::{Actor, Finding, NewRefund, OrderRef, PaymentReport, Report, Source};
use tuikuan_store::{CommitError, Inbox, InboxEntry};
use tuikuan_terms::OutRefundNo;

use crate::by::By;
use crate::clock::refund_id;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::job::look_up::record;
use crate::ledger::{Beside, LedgerError, ROUNDS_MAX};
use crate::merchant::Merchant;

impl Engine {
    /// A v2 notification about a refund we do not know: stored, and once, within the merchant's
    /// budget, WeChat is asked; only that answer counts (INV-18, INV-39).
    pub(super) async fn ask_about(
        &self,
        merchant: &Merchant,
        number: &OutRefundNo,
        entry: InboxEntry,
    ) -> Result<(), EngineError> {
        if self.keep(entry).await? == Inbox::Repeat {
            return Ok(());
        }
        self.ask_stranger(merchant, number).await
    }

    /// Asks WeChat, within the merchant's budget, about a refund nobody here knows.
    pub(crate) async fn ask_stranger(
        &self,
        merchant: &Merchant,
        number: &OutRefundNo,
    ) -> Result<(), EngineError> {
        let now = self.now();
        if self
            .lanes()
            .stranger(merchant.mch_id.as_str(), now)
            .is_some()
        {
            self.tally().count("notifications_unmatched", "over_budget");
            return Ok(());
        }
        let request = merchant.account.query_refund(number, &self.stamp());
        match self
            .call(merchant, request)
            .await
            .stranger_finding(merchant, number)
        {
            Finding::Found(report) => self.adopt(merchant, &report, None).await,
            Finding::NotFound | Finding::Unanswered(_) | Finding::MerchantFault(_) => {
                self.tally().count("notifications_unmatched", "unconfirmed");
                Ok(())
            }
        }
    }

    /// Verified evidence of a refund that was made elsewhere: it becomes a record (INV-39).
    pub(crate) async fn adopt(
        &self,
        merchant: &Merchant,
        report: &Report,
        inbox: Option<InboxEntry>,
    ) -> Result<(), EngineError> {
        for _ in 0..ROUNDS_MAX {
            let found = self
                .store()
                .refund_by_number(&merchant.mch_id, &report.out_refund_no)?;
            let order = OrderRef {
                out_trade_no: report.out_trade_no.clone(),
                transaction_id: report.transaction_id.clone(),
            };
            let facts = report.out_trade_no.clone().zip(report.total);
            let (None, Some((out_trade_no, total))) = (found, facts) else {
                return self.keep_some(inbox).await;
            };
            let transaction_id = report.transaction_id.clone();
            let named = PaymentReport {
                out_trade_no,
                transaction_id,
                total,
                paid_at: None,
            };
            let payment = record(self, merchant, &named)?;
            let new = self.stranger(merchant, report, order);
            let id = new.id.clone();
            let by = By::engine(Source::Notification);
            let context = self.ledger().context(&by);
            let transition = match adopt(new, &payment, report, &context) {
                Ok(transition) if payment.total == total => transition,
                Ok(_) | Err(_) => {
                    self.tally()
                        .count("notifications_unmatched", "does_not_fit");
                    tracing::warn!(
                        merchant = %merchant.name, number = %report.out_refund_no,
                        "a refund made elsewhere does not fit into its payment"
                    );
                    return self.keep_some(inbox).await;
                }
            };
            let beside = Beside {
                inbox: inbox.clone(),
                ..Beside::default()
            };
            match self.ledger().commit(&transition, &id, &beside).await {
                Ok(_) => {
                    self.tally().count("notifications_unmatched", "adopted");
                    return Ok(());
                }
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(LedgerError::Contended.into())
    }

    fn stranger(&self, merchant: &Merchant, report: &Report, order: OrderRef) -> NewRefund {
        NewRefund {
            id: refund_id(self.ids()),
            merchant: merchant.name.clone(),
            mch_id: merchant.mch_id.clone(),
            sub_mch_id: merchant.sub_mch_id.clone(),
            out_refund_no: report.out_refund_no.clone(),
            content: Content {
                order,
                amount: report.amount,
                reason: None,
                funds_account: None,
                goods_detail: None,
                not_before: None,
                expected_refundable: None,
                replaces: None,
                metadata: None,
            },
            requested_by: Actor::Engine,
        }
    }
}
