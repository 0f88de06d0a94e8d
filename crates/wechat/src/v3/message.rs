//! The v3 messages of a merchant: create and query a refund, handle an abnormal one, query an order,
//! download certificates. Sources: v3 documentation 4013071036, 4013071041, 4013071193 and the order
//! query pages.

use serde::{Deserialize, Serialize};
use tuikuan_terms::{Fen, OutRefundNo};

use crate::Stamp;
use crate::account::Account;
use crate::error::{BuildError, ReplyError, Verified};
use crate::error_code::Interface;
use crate::http::{ClientCertificate, Method, Origin, Request, Response};
use crate::refund::{
    AbnormalRefund, AbnormalTarget, FundsAccount, OrderRef, PaymentReport, RefundReport,
    RefundStatus, RefundSubmission, TradeState,
};
use crate::time::from_rfc3339;
use crate::v2::fields::MESSAGE_BYTES_MAX;
use crate::v2::message::cut;
use crate::v3::sign::{Signer, verify};

#[derive(Serialize)]
struct CreateRefund<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_mchid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    funds_account: Option<&'static str>,
    amount: CreateAmount,
    #[serde(skip_serializing_if = "Option::is_none")]
    goods_detail: Option<Box<serde_json::value::RawValue>>,
}

#[derive(Serialize)]
struct CreateAmount {
    refund: i64,
    total: i64,
    currency: &'static str,
}

#[derive(Serialize)]
struct HandleAbnormal<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_mchid: Option<&'a str>,
    out_refund_no: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_name: Option<String>,
}

#[derive(Deserialize)]
struct RefundAnswer {
    refund_id: String,
    out_refund_no: String,
    transaction_id: Option<String>,
    out_trade_no: Option<String>,
    channel: Option<String>,
    user_received_account: Option<String>,
    success_time: Option<String>,
    status: String,
    amount: AmountAnswer,
    sub_mchid: Option<String>,
}

/// The amounts of a refund as v3 writes them.
#[derive(Deserialize)]
pub(crate) struct AmountAnswer {
    pub(crate) total: i64,
    pub(crate) refund: i64,
    pub(crate) payer_refund: Option<i64>,
    pub(crate) settlement_refund: Option<i64>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    code: String,
    #[serde(default)]
    message: String,
}

/// An order as v3 writes it, in answers and in notifications.
#[derive(Deserialize)]
pub(crate) struct TransactionAnswer {
    mchid: Option<String>,
    sp_mchid: Option<String>,
    sub_mchid: Option<String>,
    out_trade_no: String,
    transaction_id: Option<String>,
    trade_state: String,
    success_time: Option<String>,
    amount: Option<TransactionAmount>,
}

#[derive(Deserialize)]
struct TransactionAmount {
    total: Option<i64>,
}

impl Account {
    pub(crate) fn v3_request(
        &self,
        method: Method,
        path: String,
        body: Vec<u8>,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        let identity = self
            .credentials
            .identity
            .as_ref()
            .ok_or(BuildError::Missing {
                what: "certificate and private key",
            })?;
        let signer = Signer {
            mchid: self.mch_id.as_str(),
            serial_no: &identity.certificate.serial,
            key: &identity.key,
        };
        let authorization = signer
            .authorization(method, &path, stamp, &body)
            .ok_or(BuildError::Sign)?;
        let mut headers = vec![
            ("Authorization".to_owned(), authorization),
            ("Accept".to_owned(), "application/json".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        // The key the answer shall be signed with: one that is surely known here.
        if let Some((serial, _)) = self.credentials.trusted().preferred(stamp.unix_seconds) {
            headers.push(("Wechatpay-Serial".to_owned(), serial.to_owned()));
        }
        let client_certificate = ClientCertificate::NotUsed;
        Ok(Request {
            method,
            path,
            headers,
            body,
            client_certificate,
            origin: Origin::Endpoint,
        })
    }

    fn sub_mchid(&self) -> Option<&str> {
        self.sub.as_ref().map(|sub| sub.sub_mch_id.as_str())
    }

    pub(crate) fn v3_submit(
        &self,
        submission: &RefundSubmission,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        let goods_detail = submission
            .goods_detail
            .as_deref()
            .map(item_list)
            .transpose()?;
        let transaction_id = submission.order.transaction_id.as_ref().map(AsRef::as_ref);
        let out_trade_no = submission.order.out_trade_no.as_ref().map(AsRef::as_ref);
        let body = CreateRefund {
            sub_mchid: self.sub_mchid(),
            transaction_id,
            // One number is enough, always the same one for the same order.
            out_trade_no: out_trade_no.filter(|_| transaction_id.is_none()),
            out_refund_no: submission.out_refund_no.as_str(),
            reason: submission.reason.as_deref(),
            notify_url: submission.notify_url.as_deref(),
            funds_account: submission.funds_account.map(|account| match account {
                FundsAccount::Available => "AVAILABLE",
                FundsAccount::Unsettled => "UNSETTLED",
            }),
            amount: CreateAmount {
                refund: submission.refund.get(),
                total: submission.total.get(),
                currency: "CNY",
            },
            goods_detail,
        };
        let path = "/v3/refund/domestic/refunds".to_owned();
        self.v3_request(Method::Post, path, json(&body), stamp)
    }

    pub(crate) fn v3_query(
        &self,
        out_refund_no: &OutRefundNo,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        let mut path = format!(
            "/v3/refund/domestic/refunds/{}",
            segment(out_refund_no.as_str())
        );
        if let Some(sub) = self.sub_mchid() {
            path.push_str("?sub_mchid=");
            path.push_str(sub);
        }
        self.v3_request(Method::Get, path, Vec::new(), stamp)
    }

    pub(crate) fn v3_abnormal(
        &self,
        abnormal: &AbnormalRefund,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        use secrecy::ExposeSecret;
        let trusted = self.credentials.trusted();
        let key = trusted.preferred(stamp.unix_seconds).map(|(_, key)| key);
        let encrypt = |text: &secrecy::SecretString| -> Result<String, BuildError> {
            let key = key.ok_or(BuildError::Missing {
                what: "key of WeChat to encrypt to",
            })?;
            Ok(crate::v3::oaep::encrypt(
                key,
                text.expose_secret().as_bytes(),
            )?)
        };
        let (kind, bank_type, bank_account, real_name) = match &abnormal.target {
            AbnormalTarget::MerchantBankCard => ("MERCHANT_BANK_CARD", None, None, None),
            AbnormalTarget::UserBankCard {
                bank_type,
                bank_account,
                real_name,
            } => (
                "USER_BANK_CARD",
                Some(bank_type.as_str()),
                Some(encrypt(bank_account)?),
                Some(encrypt(real_name)?),
            ),
        };
        let body = HandleAbnormal {
            sub_mchid: self.sub_mchid(),
            out_refund_no: abnormal.out_refund_no.as_str(),
            kind,
            bank_type,
            bank_account,
            real_name,
        };
        let path = format!(
            "/v3/refund/domestic/refunds/{}/apply-abnormal-refund",
            segment(abnormal.refund_id.as_str())
        );
        self.v3_request(Method::Post, path, json(&body), stamp)
    }

    pub(crate) fn v3_query_payment(
        &self,
        order: &OrderRef,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        let number = match (&order.transaction_id, &order.out_trade_no) {
            (Some(id), _) => format!("id/{}", segment(id.as_str())),
            (None, Some(no)) => format!("out-trade-no/{}", segment(no.as_str())),
            (None, None) => {
                return Err(BuildError::Missing {
                    what: "number of the order",
                });
            }
        };
        let mch_id = &self.mch_id;
        let path = match self.sub_mchid() {
            None => format!("/v3/pay/transactions/{number}?mchid={mch_id}"),
            Some(sub) => {
                format!("/v3/pay/partner/transactions/{number}?sp_mchid={mch_id}&sub_mchid={sub}")
            }
        };
        self.v3_request(Method::Get, path, Vec::new(), stamp)
    }

    /// The download of the platform certificates.
    ///
    /// # Errors
    /// [`BuildError`] without certificate and private key.
    pub fn certificates(&self, stamp: &Stamp) -> Result<Request, BuildError> {
        self.v3_request(
            Method::Get,
            "/v3/certificates".to_owned(),
            Vec::new(),
            stamp,
        )
    }

    /// The verified body of a v3 answer, or why it is none.
    pub(crate) fn v3_open<'a>(
        &self,
        response: &'a Response,
        interface: Interface,
        now_unix: i64,
    ) -> Result<&'a [u8], ReplyError> {
        let status = response.status;
        if response.body.len() > MESSAGE_BYTES_MAX {
            return Err(ReplyError::Unreadable {
                http_status: status,
            });
        }
        let signed = || {
            verify(
                &response.headers,
                &response.body,
                &self.credentials.trusted(),
                now_unix,
            )
        };
        match status {
            202 => Err(ReplyError::NotFinished),
            200 | 204 => {
                signed().map_err(|why| ReplyError::Unverified { why: Some(why) })?;
                Ok(&response.body)
            }
            _ => {
                let Ok(error) = serde_json::from_slice::<ErrorAnswer>(&response.body) else {
                    return Err(match status {
                        500.. => ReplyError::ServerFault {
                            http_status: status,
                        },
                        _ => ReplyError::Unreadable {
                            http_status: status,
                        },
                    });
                };
                Err(ReplyError::Refused {
                    code: cut(&error.code),
                    message: cut(&error.message),
                    http_status: status,
                    interface,
                    verified: if signed().is_ok() {
                        Verified::Yes
                    } else {
                        Verified::No
                    },
                })
            }
        }
    }

    pub(crate) fn v3_read_refund(
        &self,
        response: &Response,
        interface: Interface,
        now_unix: i64,
    ) -> Result<RefundReport, ReplyError> {
        let body = self.v3_open(response, interface, now_unix)?;
        let unreadable = ReplyError::Unreadable {
            http_status: response.status,
        };
        let answer: RefundAnswer =
            serde_json::from_slice(body).map_err(|_json| unreadable.clone())?;
        self.v3_report(answer).ok_or(unreadable)
    }

    fn v3_report(&self, answer: RefundAnswer) -> Option<RefundReport> {
        let status = RefundStatus::parse(&answer.status)?;
        Some(RefundReport {
            mch_id: Some(self.mch_id.clone()),
            sub_mch_id: match answer.sub_mchid {
                Some(sub) => Some(sub.parse().ok()?),
                None => self.sub.as_ref().map(|sub| sub.sub_mch_id.clone()),
            },
            out_refund_no: answer.out_refund_no.parse().ok()?,
            refund_id: Some(answer.refund_id.parse().ok()?),
            transaction_id: answer.transaction_id.and_then(|id| id.parse().ok()),
            out_trade_no: answer.out_trade_no.and_then(|no| no.parse().ok()),
            refund: Fen::new(answer.amount.refund).ok()?,
            total: Some(Fen::new(answer.amount.total).ok()?),
            status,
            user_received_account: answer.user_received_account.filter(|a| !a.is_empty()),
            success_time: answer
                .success_time
                .as_deref()
                .and_then(from_rfc3339)
                .filter(|_| status == RefundStatus::Success),
            channel: answer.channel,
            payer_refund: answer.amount.payer_refund.and_then(|n| Fen::new(n).ok()),
            settlement_refund: answer
                .amount
                .settlement_refund
                .and_then(|n| Fen::new(n).ok()),
            request_source: None,
        })
    }

    pub(crate) fn v3_read_payment(
        &self,
        response: &Response,
        now_unix: i64,
    ) -> Result<PaymentReport, ReplyError> {
        let body = self.v3_open(response, Interface::V3OrderQuery, now_unix)?;
        let unreadable = ReplyError::Unreadable {
            http_status: response.status,
        };
        let answer: TransactionAnswer =
            serde_json::from_slice(body).map_err(|_json| unreadable.clone())?;
        let report = answer.into_report().ok_or(unreadable)?;
        if report.mch_id.as_ref().is_some_and(|id| *id != self.mch_id) {
            return Err(ReplyError::Mismatch { field: "mchid" });
        }
        Ok(report)
    }
}

impl TransactionAnswer {
    /// The neutral form.
    pub(crate) fn into_report(self) -> Option<PaymentReport> {
        Some(PaymentReport {
            mch_id: match self.sp_mchid.or(self.mchid) {
                Some(id) => Some(id.parse().ok()?),
                None => None,
            },
            sub_mch_id: match self.sub_mchid {
                Some(id) => Some(id.parse().ok()?),
                None => None,
            },
            out_trade_no: self.out_trade_no.parse().ok()?,
            transaction_id: match self.transaction_id {
                Some(id) => Some(id.parse().ok()?),
                None => None,
            },
            total: self
                .amount
                .and_then(|a| a.total)
                .and_then(|n| Fen::new(n).ok()),
            paid_at: self.success_time.as_deref().and_then(from_rfc3339),
            state: TradeState::parse(&self.trade_state),
        })
    }
}

/// An item list as it was given, if it is a JSON array.
pub(crate) fn item_list(text: &str) -> Result<Box<serde_json::value::RawValue>, BuildError> {
    if !text.trim_start().starts_with('[') {
        return Err(BuildError::GoodsDetail);
    }
    serde_json::value::RawValue::from_string(text.to_owned())
        .map_err(|_json| BuildError::GoodsDetail)
}

/// A structure of ours as JSON; these cannot fail.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// A path segment: everything but unreserved characters percent-encoded (limits P18).
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&crate::v2::sign::hex_upper(&[byte]));
        }
    }
    out
}
