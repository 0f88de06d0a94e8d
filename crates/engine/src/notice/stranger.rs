//! Notifications about refunds that nobody here knows: WeChat is asked, and what it confirms becomes a
//! record that counts against its order (INV-39).

use tuikuan_domain::{Finding, Report, Source};
use tuikuan_store::{Inbox, InboxEntry};
use tuikuan_terms::OutRefundNo;

use crate::adoption::Adoption;
use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::Beside;
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
        if self.stranger_permit(&merchant.mch_id).await.is_some() {
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

    /// Verified evidence of a refund that was made elsewhere, told by a notification.
    pub(crate) async fn adopt(
        &self,
        merchant: &Merchant,
        report: &Report,
        inbox: Option<InboxEntry>,
    ) -> Result<(), EngineError> {
        let by = By::engine(Source::Notification);
        let beside = Beside {
            inbox: inbox.clone(),
            ..Beside::default()
        };
        let adoption = self.adopt_stranger(merchant, report, &by, &beside);
        match adoption.await? {
            Adoption::Adopted(_) => {
                self.tally().count("notifications_unmatched", "adopted");
                Ok(())
            }
            Adoption::DoesNotFit => {
                self.tally()
                    .count("notifications_unmatched", "does_not_fit");
                self.keep_some(inbox).await
            }
            Adoption::Known | Adoption::Incomplete => self.keep_some(inbox).await,
        }
    }
}
