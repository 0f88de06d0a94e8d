//! WeChat tells us. A notification is answered with success only after it, or its equal, is durably
//! stored (INV-20); whatever cannot be opened is answered alike (INV-23). A v3 notification is
//! evidence; a v2 one only brings a query forward (INV-18).

use aws_lc_rs::digest::{SHA256, digest};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::{Context, observe};
use tuikuan_domain::{
    MerchantName, Observation, OrderRef, Payment, PaymentFinding, PaymentReport, Refund, Source,
    WechatState,
};
use tuikuan_store::{Change, Inbox, InboxEntry};
use tuikuan_wechat::v2::notification as v2;
use tuikuan_wechat::v3::notification::{self as v3, NotificationError, Subject};
use tuikuan_wechat::v3::sign::VerifyError;
use tuikuan_wechat::{Format, RefundReport, sniff};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::{Beside, Loaded};
use crate::merchant::Merchant;
use crate::payment::Said;
use crate::verdict::{payment_of, report_of};

mod refusal;
mod stranger;

use refusal::told_at;
pub(crate) use refusal::{reason_v2, reason_v3};

/// At which door a notification arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `/notify/{merchant}/v2/refund`
    V2Refund,
    /// `/notify/{merchant}/v2/payment`
    V2Payment,
    /// `/notify/{merchant}/v3`; a refund told in v2 format may arrive here too.
    V3,
}

/// A notification as it arrived.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// At which door.
    pub channel: Channel,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

/// What the sender is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is stored, or its equal was: success.
    Stored,
    /// It could not be understood: failure, for whatever reason the same.
    NotUnderstood,
    /// It could not be stored: failure, send it again.
    NotStored,
}

/// The tally's name for refused notifications; its labels are merchant and reason.
const REFUSED: &str = "notifications_refused";

/// Headers that are kept with a notification.
const KEPT_HEADERS: [&str; 5] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-signature-type",
];

impl Engine {
    /// Takes a notification in.
    pub async fn receive(&self, merchant: &MerchantName, incoming: Incoming) -> Received {
        let Some(merchant) = self.merchant(merchant).cloned() else {
            self.tally().count("notifications", "not_understood");
            return Received::NotUnderstood;
        };
        let taken = match (incoming.channel, sniff(&incoming.body)) {
            (Channel::V3, Format::Json) => self.receive_v3(&merchant, &incoming).await,
            (Channel::V3 | Channel::V2Refund, _) => self.receive_v2(&merchant, &incoming).await,
            (Channel::V2Payment, _) => self.receive_v2_payment(&merchant, &incoming).await,
        };
        let (received, label) = match taken {
            Some(Ok(())) => (Received::Stored, "stored"),
            Some(Err(_)) => (Received::NotStored, "not_stored"),
            None => (Received::NotUnderstood, "not_understood"),
        };
        self.tally().count("notifications", label);
        received
    }

    async fn receive_v3(
        &self,
        merchant: &Merchant,
        incoming: &Incoming,
    ) -> Option<Result<(), EngineError>> {
        let credentials = &merchant.account.credentials;
        let key = credentials.api_v3_key()?;
        let now = self.clock().wall().as_second();
        let keys = credentials.trusted();
        let opened = v3::open(&incoming.headers, &incoming.body, &keys, key, now);
        let notification = match opened {
            Ok(notification) => notification,
            Err(error) => {
                if matches!(
                    error,
                    NotificationError::Verify(VerifyError::UnknownSerial { .. })
                ) {
                    self.want_certificates(&merchant.name);
                }
                self.refused(merchant, reason_v3(&error));
                tracing::debug!(merchant = %merchant.name, %error, "notification refused");
                return None;
            }
        };
        let entry =
            |outcome: &str| self.entry(merchant, incoming, (&notification.plain, "v3"), outcome);
        Some(match &notification.subject {
            Subject::Refund(report) => self.refund_told(merchant, report, entry).await,
            Subject::Payment(report) => match payment_of(merchant, (**report).clone()) {
                PaymentFinding::Paid(facts) => self.payment_told(merchant, &facts, entry).await,
                PaymentFinding::NotPaid(_)
                | PaymentFinding::NotFound(_)
                | PaymentFinding::MerchantFault(_)
                | PaymentFinding::Unanswered(_) => self.keep_some(Some(entry("not_paid"))).await,
            },
            Subject::Other => self.keep_some(Some(entry("other"))).await,
        })
    }

    /// A verified refund notification: applied directly, after it is checked against our record.
    async fn refund_told(
        &self,
        merchant: &Merchant,
        report: &RefundReport,
        entry: impl Fn(&str) -> InboxEntry,
    ) -> Result<(), EngineError> {
        let Some(report) = report_of(merchant, report.clone()) else {
            return self.keep_some(Some(entry("unreadable"))).await;
        };
        let nameless = OrderRef {
            out_trade_no: None,
            transaction_id: None,
        };
        let sub = merchant.sub_mch_id.as_ref();
        let number = &report.out_refund_no;
        let found = self
            .store()
            .situation(&merchant.mch_id, sub, number, &nameless)
            .await?;
        let Some(refund) = found.refund else {
            return self.adopt(merchant, &report, Some(entry("adopted"))).await;
        };
        if planted::is(Bug::AbnormalNotTaken) && report.state == WechatState::Abnormal {
            return Err(EngineError::NotFound);
        }
        if planted::is(Bug::AnsweredUnstored) {
            return Ok(());
        }
        let mut inbox = entry("applied");
        inbox.refund_id = Some(refund.id.clone());
        inbox.told_at = report.success_time;
        let beside = Beside {
            inbox: Some(inbox),
            ..Beside::default()
        };
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            Ok(observe(
                refund,
                payment,
                Observation::Notification(report.clone()),
                context,
            ))
        };
        self.ledger()
            .act_on(
                Loaded {
                    refund: Some(refund),
                    payment: found.payment,
                },
                &By::engine(Source::Notification),
                beside,
                door,
            )
            .await?;
        Ok(())
    }

    async fn receive_v2(
        &self,
        merchant: &Merchant,
        incoming: &Incoming,
    ) -> Option<Result<(), EngineError>> {
        let key = merchant.account.credentials.api_v2_key()?;
        let hint = match v2::open_refund(&incoming.body, merchant.mch_id.as_str(), key) {
            Ok(hint) => hint,
            Err(error) => {
                self.refused(merchant, reason_v2(&error));
                tracing::debug!(merchant = %merchant.name, %error, "notification refused");
                return None;
            }
        };
        let entry = |outcome: &str| self.entry(merchant, incoming, (&hint.plain, "v2"), outcome);
        let number = &hint.report.out_refund_no;
        let found = match self
            .store()
            .refund_by_number(&merchant.mch_id, number)
            .await
        {
            Ok(found) => found,
            Err(error) => return Some(Err(error.into())),
        };
        let Some(refund) = found else {
            return Some(self.ask_about(merchant, number, entry("unmatched")).await);
        };
        let mut inbox = entry("hint");
        inbox.refund_id = Some(refund.id.clone());
        inbox.told_at = told_at(&hint.report);
        let beside = Beside {
            inbox: Some(inbox),
            ..Beside::default()
        };
        let door = |refund: &Refund, payment: Option<&Payment>, context: &Context<'_>| {
            let told = match planted::is(Bug::HintTrusted) {
                true => report_of(merchant, hint.report.clone()).map(Observation::Notification),
                false => None,
            };
            let told = told.unwrap_or(Observation::Hint);
            Ok(observe(refund, payment, told, context))
        };
        let acted = self
            .ledger()
            .act(&refund.id, &By::engine(Source::Notification), beside, door)
            .await;
        Some(acted.map(|_| ()).map_err(EngineError::from))
    }

    async fn receive_v2_payment(
        &self,
        merchant: &Merchant,
        incoming: &Incoming,
    ) -> Option<Result<(), EngineError>> {
        let key = merchant.account.credentials.api_v2_key()?;
        let opened = v2::open_payment(&incoming.body, merchant.mch_id.as_str(), key);
        let report = match opened {
            Ok(report) => report,
            Err(error) => {
                self.refused(merchant, reason_v2(&error));
                return None;
            }
        };
        let entry = |outcome: &str| self.entry(merchant, incoming, (&incoming.body, "v2"), outcome);
        Some(match payment_of(merchant, report) {
            PaymentFinding::Paid(facts) => self.payment_told(merchant, &facts, entry).await,
            PaymentFinding::NotPaid(_)
            | PaymentFinding::NotFound(_)
            | PaymentFinding::MerchantFault(_)
            | PaymentFinding::Unanswered(_) => self.keep_some(Some(entry("not_paid"))).await,
        })
    }

    /// A verified payment. One that contradicts what is registered is kept and answered with success
    /// all the same: sending it again would not mend it.
    async fn payment_told(
        &self,
        merchant: &Merchant,
        facts: &PaymentReport,
        entry: impl Fn(&str) -> InboxEntry,
    ) -> Result<(), EngineError> {
        match self
            .store_payment(merchant, (facts, Said::ByWechat), Some(entry("payment")))
            .await
        {
            Ok(_) => Ok(()),
            Err(EngineError::PaymentDiffers { fields }) => {
                self.tally().count("notifications", "payment_conflict");
                tracing::warn!(
                    merchant = %merchant.name, out_trade_no = %facts.out_trade_no,
                    fields = fields.join(","),
                    "a payment notification differs from the registered payment"
                );
                self.keep_some(Some(entry("conflict"))).await
            }
            Err(error) => Err(error),
        }
    }

    /// Counts, for people, why a notification of a merchant was refused.
    fn refused(&self, merchant: &Merchant, reason: &str) {
        let label = format!("{}/{reason}", merchant.name);
        self.tally().count(REFUSED, label);
    }

    pub(crate) async fn keep_some(&self, entry: Option<InboxEntry>) -> Result<(), EngineError> {
        match entry {
            Some(entry) => self.keep(entry).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Stores a notification that changes nothing.
    async fn keep(&self, entry: InboxEntry) -> Result<Inbox, EngineError> {
        let mut change = Change::empty(self.now());
        change.inbox = Some(entry);
        Ok(self.store().commit(change).await?.inbox)
    }

    fn entry(
        &self,
        merchant: &Merchant,
        incoming: &Incoming,
        (plain, generation): (&[u8], &str),
        outcome: &str,
    ) -> InboxEntry {
        let mut identity = format!("{}\0{generation}\0", merchant.name).into_bytes();
        identity.extend_from_slice(plain);
        let hash = digest(&SHA256, &identity);
        let mut dedupe = [0; 32];
        dedupe
            .iter_mut()
            .zip(hash.as_ref())
            .for_each(|(to, from)| *to = *from);
        let kept = |name: &str| {
            KEPT_HEADERS
                .iter()
                .any(|kept| name.eq_ignore_ascii_case(kept))
        };
        let headers: Vec<String> = incoming
            .headers
            .iter()
            .filter(|(name, _)| kept(name))
            .map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()))
            .collect();
        InboxEntry {
            dedupe,
            merchant: merchant.name.clone(),
            generation: generation.to_owned(),
            headers: headers.join("\n"),
            body: incoming.body.clone(),
            refund_id: None,
            received_at: self.now(),
            outcome: outcome.to_owned(),
            told_at: None,
        }
    }
}
