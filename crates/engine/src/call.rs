//! One conversation with WeChat, from the request that is built to what the answer proves. Every
//! attempt of a refund carries the same business parameters (INV-9).

use jiff::Timestamp;
use tuikuan_domain::outcome::ErrorNote;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::ElsewhereEnd;
use tuikuan_domain::{Finding, FundsAccount, OrderRef, Outcome, PaymentFinding, Refund};
use tuikuan_store::Exchange;
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::error_code::Interface;
use tuikuan_wechat::http::{Request, Response};
use tuikuan_wechat::{AbnormalRefund, BuildError, RefundSubmission, Stamp};

use crate::clock::nonce;
use crate::engine::Engine;
use crate::merchant::Merchant;
use crate::network::CallError;
use crate::redact;
use crate::verdict::{
    Treatment, not_configured, note_of, own, payment_of, read_treatment, refused, report_of,
    transport,
};

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
                if let Ok(response) = &result {
                    self.note_answer(merchant, response);
                }
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
    let submission = RefundSubmission {
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
    };
    Ok(spoiled(submission, refund))
}

/// The submission, unless a test wants it spoiled.
fn spoiled(mut submission: RefundSubmission, refund: &Refund) -> RefundSubmission {
    if refund.attempts > 1 && planted::is(Bug::NewNumber) {
        let number = format!("{}A{}", refund.out_refund_no, refund.attempts);
        submission.out_refund_no = number.parse().unwrap_or(submission.out_refund_no);
    }
    if refund.attempts > 1 && planted::is(Bug::OtherReason) {
        submission.reason = Some(format!("attempt {}", refund.attempts));
    }
    if refund.attempts > 1 && planted::is(Bug::OtherTotal) {
        submission.total = submission.refund;
    }
    submission
}

/// The order as it is named at every attempt: by WeChat's number where the caller or WeChat itself
/// named it, else by the merchant's. Once WeChat's number is learned from a refund, that refund is
/// with WeChat and no attempt follows.
fn order(order: &OrderRef) -> tuikuan_wechat::OrderRef {
    let transaction_id = order.transaction_id.clone();
    let out_trade_no = order
        .out_trade_no
        .clone()
        .filter(|_| transaction_id.is_none());
    tuikuan_wechat::OrderRef {
        transaction_id,
        out_trade_no,
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
                let note = transport("TIMEOUT_NO_RESPONSE", reason);
                if planted::is(Bug::SilenceIsRefusal) {
                    return Outcome::Refused(note);
                }
                return Outcome::Unknown(note);
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

    /// What the call that sends an abnormal refund elsewhere came to.
    pub(crate) fn elsewhere_end(
        &self,
        merchant: &Merchant,
        abnormal: Option<&AbnormalRefund>,
    ) -> ElsewhereEnd {
        let response = match &self.result {
            Ok(response) => response,
            Err(Failure::Network(CallError::Lost { reason })) => {
                return ElsewhereEnd::Unknown(transport("TIMEOUT_NO_RESPONSE", reason));
            }
            Err(Failure::Network(CallError::NotSent { reason })) => {
                return ElsewhereEnd::NotSent(transport("CONNECT_FAILED", reason));
            }
            Err(Failure::NotBuilt(error)) => return ElsewhereEnd::NotSent(not_configured(error)),
            Err(Failure::Withheld) => {
                return ElsewhereEnd::NotSent(transport("LEASE_EXPIRED", ""));
            }
        };
        let Some(abnormal) = abnormal else {
            return ElsewhereEnd::Unknown(transport("RESPONSE_UNVERIFIABLE", ""));
        };
        let account = &merchant.account;
        match account.read_abnormal_refund(abnormal, response, self.seconds()) {
            Ok(_) => ElsewhereEnd::Accepted,
            Err(error) => match refused(&error) {
                Outcome::Refused(note)
                | Outcome::RefusedUnconfirmed(note)
                | Outcome::NotNow(_, note)
                | Outcome::OrderMissing(note) => ElsewhereEnd::Refused(note),
                Outcome::Accepted(_) | Outcome::NotSent(_) | Outcome::Unknown(_) => {
                    ElsewhereEnd::Unknown(note_of(&error))
                }
            },
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
