//! What WeChat said -> what it proves. The only place where the vocabulary of the wire and that of
//! the domain meet: every row of the error catalogue gets exactly one [`Treatment`], and a code that
//! nobody knows proves nothing (INV-5).

use jiff::Timestamp;
use tuikuan_domain::outcome::{ErrorNote, ErrorSource, Wait};
use tuikuan_domain::{
    Finding, FundsAccount, OrderRef, Outcome, PaymentFinding, PaymentReport, Refund, Report,
    WechatState,
};
use tuikuan_store::Exchange;
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::error_code::{Class, Entry, Interface, Money, lookup};
use tuikuan_wechat::http::{Request, Response};
use tuikuan_wechat::{
    BuildError, RefundReport, RefundStatus, RefundSubmission, ReplyError, Stamp, Verified,
};

use crate::clock::nonce;
use crate::engine::Engine;
use crate::merchant::Merchant;
use crate::network::CallError;
use crate::redact;

/// What an error code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It proves nothing: ask WeChat, then send the same again if it knows nothing.
    Ask,
    /// Not accepted now: wait for this, then the same again.
    Wait(Wait),
    /// The order is said not to exist: look it up.
    OrderMissing,
    /// Refused for good, if the answer is signed; else a query has to confirm it.
    Refused,
    /// Refused, but an earlier try may have moved the money: a query has to confirm it.
    RefusedUnconfirmed,
    /// What was asked about does not exist.
    NotFound,
    /// Somebody must mend the merchant's keys, certificate or permissions.
    MerchantFault,
    /// A read that failed: simply again, later.
    AgainLater,
    /// There is nothing for that day.
    NothingThere,
}

/// Codes that say the merchant's set-up is wrong, whatever the interface.
const MERCHANT_FAULTS: [&str; 12] = [
    "SIGNERROR",
    "SIGN_ERROR",
    "SIGN ERROR (20001)",
    "NOAUTH",
    "NO_AUTH",
    "CERT_ERROR",
    "APPID_NOT_EXIST",
    "MCHID_NOT_EXIST",
    "MCH_NOT_EXISTS",
    "APPID_MCHID_NOT_MATCH",
    "RULE_LIMIT",
    "V2_RETURN_CODE_FAIL",
];

/// The treatment of a row of the catalogue.
#[must_use]
pub fn treatment(entry: &Entry) -> Treatment {
    match entry.interface {
        Interface::Transport
        | Interface::V2Refund
        | Interface::V3RefundCreate
        | Interface::V3RefundAbnormal
        | Interface::V3Common => of_submit(entry),
        Interface::V2RefundQuery | Interface::V3RefundQuery => {
            of_read(entry, &["REFUNDNOTEXIST", "RESOURCE_NOT_EXISTS"])
        }
        Interface::V2OrderQuery | Interface::V3OrderQuery => {
            of_read(entry, &["ORDERNOTEXIST", "ORDER_NOT_EXIST"])
        }
        Interface::V2DownloadBill
        | Interface::V2DownloadFundFlow
        | Interface::V3BillTrade
        | Interface::V3BillFundFlow
        | Interface::V3BillDownload => match entry.code {
            "No Bill Exist (20002)" | "NO_BILL_EXIST" | "NO_STATEMENT_EXIST" => {
                Treatment::NothingThere
            }
            _ => of_read(entry, &[]),
        },
    }
}

fn of_submit(entry: &Entry) -> Treatment {
    match (entry.class, entry.code) {
        // A connection that was never made is told apart by the transport itself.
        (Class::RetrySameRequest, _) => Treatment::Ask,
        (Class::QueryFirst, "ORDERNOTEXIST") => Treatment::OrderMissing,
        (Class::QueryFirst, "RESOURCE_NOT_EXISTS")
            if entry.interface == Interface::V3RefundCreate && entry.money == Money::Unmoved =>
        {
            Treatment::OrderMissing
        }
        (Class::QueryFirst, _) => Treatment::Ask,
        (Class::RetryLater, "NOTENOUGH" | "NOT_ENOUGH") => Treatment::Wait(Wait::Balance),
        (Class::RetryLater, "ORDER_NOT_READY") => Treatment::Wait(Wait::OrderNotReady),
        (Class::RetryLater, _) => Treatment::Wait(Wait::RateLimit),
        (Class::NeedsHuman, code) if MERCHANT_FAULTS.contains(&code) => {
            Treatment::Wait(Wait::Merchant)
        }
        (Class::NeedsHuman, _) => Treatment::RefusedUnconfirmed,
        (Class::FinalFailure, _) => Treatment::Refused,
    }
}

fn of_read(entry: &Entry, absent: &[&str]) -> Treatment {
    if absent.contains(&entry.code) {
        Treatment::NotFound
    } else if entry.class == Class::NeedsHuman && MERCHANT_FAULTS.contains(&entry.code) {
        Treatment::MerchantFault
    } else {
        Treatment::AgainLater
    }
}

/// One conversation, whatever came of it.
pub(crate) struct Call {
    request: Option<Request>,
    result: Result<Response, Failure>,
    begun: Timestamp,
    ended: Timestamp,
    /// WeChat's seconds at the end, as far as our wall clock knows.
    wall: i64,
}

enum Failure {
    NotBuilt(BuildError),
    Withheld,
    Network(CallError),
}

impl Engine {
    /// Has a conversation with WeChat.
    pub(crate) async fn call(
        &self,
        merchant: &Merchant,
        request: Result<Request, BuildError>,
    ) -> Call {
        let begun = self.now();
        match request {
            Err(error) => Call {
                request: None,
                result: Err(Failure::NotBuilt(error)),
                begun,
                ended: begun,
                wall: self.clock().wall().as_second(),
            },
            Ok(request) => {
                let result = self.network().call(merchant, request.clone()).await;
                let label = match &result {
                    Ok(_) => "answered",
                    Err(CallError::NotSent { .. }) => "not_sent",
                    Err(CallError::Lost { .. }) => "lost",
                };
                self.tally().count("wechat_calls", label);
                self.watch_serial(merchant, &result);
                let result = result.map_err(Failure::Network);
                let wall = self.clock().wall().as_second();
                Call {
                    request: Some(request),
                    result,
                    begun,
                    ended: self.now(),
                    wall,
                }
            }
        }
    }

    /// An answer signed with a key that nobody knows yet brings a new download of certificates.
    fn watch_serial(&self, merchant: &Merchant, result: &Result<Response, CallError>) {
        let serial = result
            .as_ref()
            .ok()
            .and_then(|r| r.header("Wechatpay-Serial"));
        let keys = merchant.account.credentials.trusted();
        if serial.is_some_and(|serial| keys.get(serial, self.clock().wall().as_second()).is_none())
        {
            self.want_certificates(&merchant.name);
        }
    }

    /// Time and nonce for a signature.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            unix_seconds: self.clock().wall().as_second(),
            nonce: nonce(self.ids()),
        }
    }
}

/// The request that submits a refund; the same business parameters at every attempt (INV-9).
pub(crate) fn submission(
    engine: &Engine,
    merchant: &Merchant,
    refund: &Refund,
) -> Result<Request, BuildError> {
    merchant
        .account
        .submit_refund(&submission_of(merchant, refund)?, &engine.stamp())
}

fn submission_of(merchant: &Merchant, refund: &Refund) -> Result<RefundSubmission, BuildError> {
    let total = refund.total.ok_or(BuildError::Missing {
        what: "total of the payment",
    })?;
    Ok(RefundSubmission {
        order: order(&refund.content.order),
        out_refund_no: refund.out_refund_no.clone(),
        refund: refund.content.amount,
        total,
        reason: refund.content.reason.as_ref().map(ToString::to_string),
        funds_account: refund.content.funds_account.map(|account| match account {
            FundsAccount::Available => tuikuan_wechat::FundsAccount::Available,
            FundsAccount::Unsettled => tuikuan_wechat::FundsAccount::Unsettled,
        }),
        goods_detail: refund.content.goods_detail.clone(),
        notify_url: merchant.notify_url(),
    })
}

/// The order as it is named at every attempt: by its own number where there is one, because that
/// never changes, while WeChat's may become known between two attempts.
fn order(order: &OrderRef) -> tuikuan_wechat::OrderRef {
    let transaction_id = order
        .transaction_id
        .clone()
        .filter(|_| order.out_trade_no.is_none());
    tuikuan_wechat::OrderRef {
        transaction_id,
        out_trade_no: order.out_trade_no.clone(),
    }
}

pub(crate) fn query(
    engine: &Engine,
    merchant: &Merchant,
    refund: &Refund,
) -> Result<Request, BuildError> {
    merchant
        .account
        .query_refund(&refund.out_refund_no, &engine.stamp())
}

pub(crate) fn payment_query(
    engine: &Engine,
    merchant: &Merchant,
    refund: &Refund,
) -> Result<Request, BuildError> {
    merchant
        .account
        .query_payment(&order(&refund.content.order), &engine.stamp())
}

impl Call {
    /// A call that was not made because its lease had run out.
    pub(crate) fn withheld(now: Timestamp) -> Self {
        Self {
            request: None,
            result: Err(Failure::Withheld),
            begun: now,
            ended: now,
            wall: now.as_second(),
        }
    }

    /// Whether WeChat answered anything.
    pub(crate) const fn answered(&self) -> bool {
        self.result.is_ok()
    }

    fn seconds(&self) -> i64 {
        self.wall
    }

    /// What the answer to a submit proves.
    pub(crate) fn submit_outcome(&self, merchant: &Merchant, refund: &Refund) -> Outcome {
        let response = match &self.result {
            Ok(response) => response,
            Err(Failure::Withheld) => {
                return Outcome::NotSent(transport("LEASE_EXPIRED", "the lease ran out first"));
            }
            Err(Failure::NotBuilt(error)) => return Outcome::NotSent(not_configured(error)),
            Err(Failure::Network(CallError::NotSent { reason })) => {
                return Outcome::NotSent(transport("CONNECT_FAILED", reason));
            }
            Err(Failure::Network(CallError::Lost { reason })) => {
                return Outcome::Unknown(transport("TIMEOUT_NO_RESPONSE", reason));
            }
        };
        let submission = match submission_of(merchant, refund) {
            Ok(submission) => submission,
            Err(error) => return Outcome::Unknown(not_configured(&error)),
        };
        match merchant
            .account
            .read_submit_refund(&submission, response, self.seconds())
        {
            Ok(report) => match report_of(merchant, report) {
                Some(report) => Outcome::Accepted(report),
                None => {
                    Outcome::Unknown(transport("RESPONSE_UNVERIFIABLE", "a time is impossible"))
                }
            },
            Err(error) => refused(&error),
        }
    }

    /// What the answer to a query found.
    pub(crate) fn query_finding(&self, merchant: &Merchant, refund: &Refund) -> Finding {
        self.stranger_finding(merchant, &refund.out_refund_no)
    }

    /// The same for a number without a record of ours.
    pub(crate) fn stranger_finding(&self, merchant: &Merchant, number: &OutRefundNo) -> Finding {
        let response = match self.response() {
            Ok(response) => response,
            Err((note, Fault::Merchant)) => return Finding::MerchantFault(note),
            Err((note, Fault::Network)) => return Finding::Unanswered(note),
        };
        let read = merchant
            .account
            .read_query_refund(number, response, self.seconds());
        match read {
            Ok(report) => report_of(merchant, report).map_or_else(
                || Finding::Unanswered(transport("RESPONSE_UNVERIFIABLE", "a time is impossible")),
                Finding::Found,
            ),
            Err(error) => {
                let note = note_of(&error);
                match read_treatment(&error, Interface::V2RefundQuery) {
                    Treatment::NotFound => Finding::NotFound,
                    Treatment::MerchantFault => Finding::MerchantFault(note),
                    _ => Finding::Unanswered(note),
                }
            }
        }
    }

    /// What the answer to an order query found.
    pub(crate) fn payment_finding(&self, merchant: &Merchant, refund: &Refund) -> PaymentFinding {
        let response = match self.response() {
            Ok(response) => response,
            Err((note, Fault::Merchant)) => return PaymentFinding::MerchantFault(note),
            Err((note, Fault::Network)) => return PaymentFinding::Unanswered(note),
        };
        let order = order(&refund.content.order);
        match merchant
            .account
            .read_query_payment(&order, response, self.seconds())
        {
            Ok(report) => payment_of(merchant, report),
            Err(error) => {
                let note = note_of(&error);
                match read_treatment(&error, Interface::V2OrderQuery) {
                    Treatment::NotFound => PaymentFinding::NotFound(own(
                        "order_not_found",
                        "WeChat does not know this order",
                    )),
                    Treatment::MerchantFault => PaymentFinding::MerchantFault(note),
                    _ => PaymentFinding::Unanswered(note),
                }
            }
        }
    }

    fn response(&self) -> Result<&Response, (ErrorNote, Fault)> {
        match &self.result {
            Ok(response) => Ok(response),
            Err(Failure::NotBuilt(error)) => Err((not_configured(error), Fault::Merchant)),
            Err(Failure::Withheld) => Err((transport("LEASE_EXPIRED", ""), Fault::Network)),
            Err(Failure::Network(CallError::NotSent { reason })) => {
                Err((transport("CONNECT_FAILED", reason), Fault::Network))
            }
            Err(Failure::Network(CallError::Lost { reason })) => {
                Err((transport("TIMEOUT_NO_RESPONSE", reason), Fault::Network))
            }
        }
    }

    /// The conversation for support, redacted.
    pub(crate) fn exchange(&self, kind: &str, attempt: Option<u32>) -> Exchange {
        let request = self.request.as_ref().map_or_else(String::new, |request| {
            format!(
                "{} {}\n{}",
                request.method.as_str(),
                request.path,
                redact::body(&request.body)
            )
        });
        let reply = match &self.result {
            Ok(response) => Some(redact::body(&response.body)),
            Err(Failure::NotBuilt(error)) => Some(format!("not sent: {error}")),
            Err(Failure::Withheld) => Some("not sent: the lease ran out first".to_owned()),
            Err(Failure::Network(error)) => Some(error.to_string()),
        };
        let elapsed = self.ended.duration_since(self.begun).as_millis();
        Exchange {
            kind: kind.to_owned(),
            attempt,
            at: self.begun,
            elapsed_ms: i64::try_from(elapsed).unwrap_or(i64::MAX),
            request,
            reply,
            status: self.result.as_ref().ok().map(|response| response.status),
        }
    }
}

enum Fault {
    Merchant,
    Network,
}

/// What an answer that is no report proves about a submit.
fn refused(error: &ReplyError) -> Outcome {
    let note = note_of(error);
    let ReplyError::Refused {
        code,
        http_status,
        interface,
        verified,
        ..
    } = error
    else {
        return match error {
            // Unsigned, and the business was not reached: nearly always our signature.
            ReplyError::ProtocolFail { .. } => Outcome::NotNow(Wait::Merchant, note),
            _ => Outcome::Unknown(note),
        };
    };
    // Every 5xx and every 429 is judged by its status, whatever the code (errors, "how to read").
    if *http_status >= 500 || *http_status == 429 {
        return Outcome::Unknown(note);
    }
    match lookup(*interface, code).map_or(Treatment::Ask, treatment) {
        Treatment::Refused if *verified == Verified::Yes => Outcome::Refused(note),
        Treatment::Refused | Treatment::RefusedUnconfirmed => Outcome::RefusedUnconfirmed(note),
        Treatment::Wait(wait) => Outcome::NotNow(wait, note),
        Treatment::OrderMissing => Outcome::OrderMissing(note),
        Treatment::MerchantFault => Outcome::NotNow(Wait::Merchant, note),
        Treatment::Ask | Treatment::NotFound | Treatment::AgainLater | Treatment::NothingThere => {
            Outcome::Unknown(note)
        }
    }
}

fn read_treatment(error: &ReplyError, protocol: Interface) -> Treatment {
    match error {
        ReplyError::Refused {
            code,
            http_status,
            interface,
            ..
        } => {
            if *http_status >= 500 || *http_status == 429 {
                return Treatment::AgainLater;
            }
            match lookup(*interface, code).map_or(Treatment::AgainLater, treatment) {
                Treatment::Wait(Wait::Merchant) => Treatment::MerchantFault,
                other => other,
            }
        }
        ReplyError::ProtocolFail { .. } if protocol != Interface::V2OrderQuery => {
            Treatment::MerchantFault
        }
        ReplyError::ProtocolFail { .. }
        | ReplyError::Unverified { .. }
        | ReplyError::Unreadable { .. }
        | ReplyError::ServerFault { .. }
        | ReplyError::NotFinished
        | ReplyError::Mismatch { .. } => Treatment::AgainLater,
    }
}

fn note_of(error: &ReplyError) -> ErrorNote {
    match error {
        ReplyError::Refused {
            code,
            message,
            interface,
            ..
        } => ErrorNote {
            code: code.clone(),
            message: message.clone(),
            source: ErrorSource::Wechat,
            advice: lookup(*interface, code).map_or_else(
                || "this code is not documented: WeChat is asked before anything else".to_owned(),
                |entry| entry.advice.to_owned(),
            ),
        },
        ReplyError::ProtocolFail { message } => ErrorNote {
            code: "V2_RETURN_CODE_FAIL".to_owned(),
            message: message.clone(),
            source: ErrorSource::Wechat,
            advice: "check API v2 key, appid and merchant number".to_owned(),
        },
        ReplyError::Unverified { .. } | ReplyError::Mismatch { .. } => {
            transport("RESPONSE_UNVERIFIABLE", &error.to_string())
        }
        ReplyError::Unreadable { .. } => transport("RESPONSE_UNREADABLE", &error.to_string()),
        ReplyError::ServerFault { .. } => transport("HTTP_5XX_WITHOUT_CODE", &error.to_string()),
        ReplyError::NotFinished => transport("HTTP_202", &error.to_string()),
    }
}

fn transport(code: &str, message: &str) -> ErrorNote {
    let advice = lookup(Interface::Transport, code).map_or("", |entry| entry.advice);
    ErrorNote {
        code: code.to_owned(),
        message: message.chars().take(300).collect(),
        source: ErrorSource::Transport,
        advice: advice.to_owned(),
    }
}

/// A request that could not be built: the configuration lacks something.
pub(crate) fn not_configured(error: &BuildError) -> ErrorNote {
    own("not_configured", &error.to_string())
}

fn own(code: &str, message: &str) -> ErrorNote {
    ErrorNote {
        code: code.to_owned(),
        message: message.to_owned(),
        source: ErrorSource::Engine,
        advice: String::new(),
    }
}

/// A report in the domain's words; `None` when a time in it cannot be.
pub(crate) fn report_of(merchant: &Merchant, report: RefundReport) -> Option<Report> {
    let state = match report.status {
        RefundStatus::Accepted | RefundStatus::Processing => WechatState::Processing,
        RefundStatus::Success => WechatState::Success,
        RefundStatus::Abnormal => WechatState::Abnormal,
        RefundStatus::Closed => WechatState::Closed,
    };
    let success_time = match report.success_time {
        None => None,
        Some(seconds) => Some(Timestamp::from_second(seconds).ok()?),
    };
    Some(Report {
        mch_id: report.mch_id.unwrap_or_else(|| merchant.mch_id.clone()),
        sub_mch_id: report.sub_mch_id,
        out_refund_no: report.out_refund_no,
        refund_id: report.refund_id,
        out_trade_no: report.out_trade_no,
        transaction_id: report.transaction_id,
        amount: report.refund,
        total: report.total,
        state,
        user_received_account: report.user_received_account,
        success_time,
    })
}

/// A paid order in the domain's words, or why it is none.
pub(crate) fn payment_of(
    merchant: &Merchant,
    report: tuikuan_wechat::PaymentReport,
) -> PaymentFinding {
    let named = |ours: &str, theirs: Option<&str>| theirs.is_none_or(|theirs| theirs == ours);
    let sub = merchant.sub_mch_id.as_ref().map_or("", |id| id.as_str());
    if !named(
        merchant.mch_id.as_str(),
        report.mch_id.as_ref().map(|id| id.as_str()),
    ) || !named(sub, report.sub_mch_id.as_ref().map(|id| id.as_str()))
    {
        return PaymentFinding::NotFound(own("order_not_found", "the order is another merchant's"));
    }
    let paid = report.state.is_paid();
    match report.total.filter(|total| paid && !total.is_zero()) {
        Some(total) => PaymentFinding::Paid(PaymentReport {
            out_trade_no: report.out_trade_no,
            transaction_id: report.transaction_id,
            total,
            paid_at: report
                .paid_at
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        }),
        None => PaymentFinding::NotPaid(own("order_not_paid", "the order is not paid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tuikuan_wechat::error_code::all;

    #[test]
    fn every_row_has_its_treatment_and_none_ends_what_may_have_moved() {
        for entry in all() {
            let treatment = treatment(entry);
            let ends = matches!(treatment, Treatment::Refused);
            if ends {
                assert_eq!(
                    entry.money,
                    Money::Unmoved,
                    "{} {}",
                    entry.interface.as_str(),
                    entry.code
                );
                assert_eq!(entry.class, Class::FinalFailure);
            }
            if entry.money == Money::Unknown {
                assert_eq!(
                    treatment,
                    Treatment::Ask,
                    "{} {}",
                    entry.interface.as_str(),
                    entry.code
                );
            }
        }
    }

    fn error(code: &str, http_status: u16, verified: Verified, interface: Interface) -> ReplyError {
        ReplyError::Refused {
            code: code.to_owned(),
            message: String::new(),
            http_status,
            interface,
            verified,
        }
    }

    #[test]
    fn an_unknown_code_is_never_a_failure() {
        for verified in [Verified::Yes, Verified::No] {
            for interface in [Interface::V2Refund, Interface::V3RefundCreate] {
                let outcome = refused(&error("BRAND_NEW_CODE", 400, verified, interface));
                assert!(matches!(outcome, Outcome::Unknown(_)));
            }
        }
    }

    #[test]
    fn an_unsigned_refusal_needs_confirmation_and_a_5xx_proves_nothing() {
        let unsigned = error("PARAM_ERROR", 400, Verified::No, Interface::V3RefundCreate);
        assert!(matches!(refused(&unsigned), Outcome::RefusedUnconfirmed(_)));
        let fault = error("PARAM_ERROR", 500, Verified::Yes, Interface::V3RefundCreate);
        assert!(matches!(refused(&fault), Outcome::Unknown(_)));
        let signed = error("TRADE_OVERDUE", 200, Verified::Yes, Interface::V2Refund);
        assert!(matches!(refused(&signed), Outcome::Refused(_)));
        let balance = error("NOT_ENOUGH", 403, Verified::No, Interface::V3RefundCreate);
        assert!(matches!(
            refused(&balance),
            Outcome::NotNow(Wait::Balance, _)
        ));
    }
}
