//! The v2 messages of a merchant: apply for a refund, query a refund, query an order; and what
//! their answers say. Sources: v2 chapters 9_4, 9_5, 9_2, 9_103.

use tuikuan_terms::{Fen, OutRefundNo};

use crate::account::Account;
use crate::error::{BuildError, ReplyError};
use crate::error_code::Interface;
use crate::http::{ClientCertificate, Method, Origin, Request, Response};
use crate::refund::{
    FundsAccount, OrderRef, PaymentReport, RefundReport, RefundStatus, RefundSubmission, TradeState,
};
use crate::time::from_beijing;
use crate::v2::{Fields, SignType, sign, verify};

/// A query by an order number gives at most this many refunds (chapter 9_5).
pub const REFUNDS_PER_PAGE: u32 = 10;

impl Account {
    pub(crate) fn v2_fields(&self, nonce: &str) -> Fields {
        let mut fields = Fields::new();
        fields.set("appid", self.app_id.as_str());
        fields.set("mch_id", self.mch_id.as_str());
        if let Some(sub) = &self.sub {
            fields.set("sub_mch_id", sub.sub_mch_id.as_str());
            fields.set_some("sub_appid", sub.sub_app_id.as_ref().map(|id| id.as_str()));
        }
        fields.set("nonce_str", nonce);
        if self.sign_type == SignType::HmacSha256 {
            fields.set("sign_type", self.sign_type.as_str());
        }
        fields
    }

    pub(crate) fn v2_request(
        &self,
        path: &str,
        mut fields: Fields,
        tls: ClientCertificate,
    ) -> Request {
        if let Some(key) = &self.credentials.api_v2_key {
            let named = fields.get("sign_type").and_then(SignType::parse);
            let signature = sign(&fields, key, named.unwrap_or(SignType::Md5));
            fields.set("sign", signature);
        }
        Request {
            method: Method::Post,
            path: path.to_owned(),
            headers: vec![
                (
                    "Content-Type".to_owned(),
                    "text/xml; charset=utf-8".to_owned(),
                ),
                ("Accept".to_owned(), "*/*".to_owned()),
            ],
            body: fields.to_xml().into_bytes(),
            client_certificate: tls,
            origin: Origin::Endpoint,
        }
    }

    pub(crate) fn v2_submit(
        &self,
        submission: &RefundSubmission,
        nonce: &str,
    ) -> Result<Request, BuildError> {
        let mut fields = self.v2_fields(nonce);
        set_order(&mut fields, &submission.order);
        fields.set("out_refund_no", submission.out_refund_no.as_str());
        fields.set("total_fee", submission.total.to_string());
        fields.set("refund_fee", submission.refund.to_string());
        fields.set("refund_fee_type", "CNY");
        fields.set_some("refund_desc", submission.reason.as_deref());
        fields.set_some("notify_url", submission.notify_url.as_deref());
        fields.set_some(
            "refund_account",
            submission.funds_account.map(|account| match account {
                FundsAccount::Available => "REFUND_SOURCE_RECHARGE_FUNDS",
                FundsAccount::Unsettled => "REFUND_SOURCE_UNSETTLED_FUNDS",
            }),
        );
        let path = match &submission.goods_detail {
            Some(items) => {
                let items = crate::v3::message::item_list(items)?;
                fields.set("detail", format!("{{\"goods_detail\":{items}}}"));
                "/secapi/pay/refundv2"
            }
            None => "/secapi/pay/refund",
        };
        Ok(self.v2_request(path, fields, ClientCertificate::Required))
    }

    pub(crate) fn v2_query(&self, out_refund_no: &OutRefundNo, nonce: &str) -> Request {
        let mut fields = self.v2_fields(nonce);
        fields.set("out_refund_no", out_refund_no.as_str());
        self.v2_request("/pay/refundquery", fields, ClientCertificate::NotUsed)
    }

    /// Asks for the refunds of an order from an index on (v2; ten for each answer).
    #[must_use]
    pub fn v2_query_order_refunds(&self, order: &OrderRef, offset: u32, nonce: &str) -> Request {
        let mut fields = self.v2_fields(nonce);
        set_order(&mut fields, order);
        if offset > 0 {
            fields.set("offset", offset.to_string());
        }
        self.v2_request("/pay/refundquery", fields, ClientCertificate::NotUsed)
    }

    pub(crate) fn v2_query_payment(&self, order: &OrderRef, nonce: &str) -> Request {
        let mut fields = self.v2_fields(nonce);
        set_order(&mut fields, order);
        self.v2_request("/pay/orderquery", fields, ClientCertificate::NotUsed)
    }

    /// The fields of a v2 answer whose signature and merchant are right and whose business
    /// succeeded.
    fn v2_open(&self, response: &Response, interface: Interface) -> Result<Fields, ReplyError> {
        if response.status >= 500 {
            return Err(ReplyError::ServerFault {
                http_status: response.status,
            });
        }
        if response.status != 200 {
            return Err(ReplyError::Unreadable {
                http_status: response.status,
            });
        }
        let fields = Fields::parse(&response.body).map_err(|_xml| ReplyError::Unreadable {
            http_status: response.status,
        })?;
        match fields.get("return_code") {
            Some("SUCCESS") => {}
            Some("FAIL") => {
                return Err(ReplyError::ProtocolFail {
                    message: cut(fields.get("return_msg").unwrap_or_default()),
                });
            }
            _ => {
                return Err(ReplyError::Unreadable {
                    http_status: response.status,
                });
            }
        }
        let key = self
            .credentials
            .api_v2_key
            .as_ref()
            .ok_or(ReplyError::Unverified { why: None })?;
        if !verify(&fields, key) {
            return Err(ReplyError::Unverified { why: None });
        }
        if fields.get("mch_id") != Some(self.mch_id.as_str()) {
            return Err(ReplyError::Mismatch { field: "mch_id" });
        }
        let sub = self.sub.as_ref().map(|sub| sub.sub_mch_id.as_str());
        if sub.is_some() && fields.get("sub_mch_id").is_some_and(|got| Some(got) != sub) {
            return Err(ReplyError::Mismatch {
                field: "sub_mch_id",
            });
        }
        match fields.get("result_code") {
            Some("SUCCESS") => Ok(fields),
            Some("FAIL") => Err(ReplyError::Refused {
                code: cut(fields.get("err_code").unwrap_or_default()),
                message: cut(fields.get("err_code_des").unwrap_or_default()),
                http_status: response.status,
                interface,
                verified: crate::error::Verified::Yes,
            }),
            _ => Err(ReplyError::Unreadable {
                http_status: response.status,
            }),
        }
    }

    pub(crate) fn v2_read_submit(&self, response: &Response) -> Result<RefundReport, ReplyError> {
        let fields = self.v2_open(response, Interface::V2Refund)?;
        let unreadable = ReplyError::Unreadable {
            http_status: response.status,
        };
        self.v2_report(&fields, "", RefundStatus::Accepted)
            .ok_or(unreadable)
    }

    pub(crate) fn v2_read_query(
        &self,
        out_refund_no: &OutRefundNo,
        response: &Response,
    ) -> Result<RefundReport, ReplyError> {
        let page = self.v2_read_refunds(response)?;
        page.refunds
            .into_iter()
            .find(|report| report.out_refund_no == *out_refund_no)
            .ok_or(ReplyError::Mismatch {
                field: "out_refund_no",
            })
    }

    /// Reads an answer to a refund query with all its refunds.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn v2_read_refunds(&self, response: &Response) -> Result<RefundPage, ReplyError> {
        let fields = self.v2_open(response, Interface::V2RefundQuery)?;
        let unreadable = || ReplyError::Unreadable {
            http_status: response.status,
        };
        let count: u32 = fields
            .get("refund_count")
            .and_then(|n| n.parse().ok())
            .ok_or_else(unreadable)?;
        if count > 50 {
            return Err(unreadable());
        }
        let mut refunds = Vec::new();
        for n in 0..count {
            let suffix = format!("_{n}");
            let status = fields
                .get(&format!("refund_status{suffix}"))
                .and_then(RefundStatus::parse);
            let report = self.v2_report(&fields, &suffix, status.ok_or_else(unreadable)?);
            refunds.push(report.ok_or_else(unreadable)?);
        }
        let total = fields
            .get("total_refund_count")
            .and_then(|n| n.parse().ok());
        Ok(RefundPage { refunds, total })
    }

    fn v2_report(
        &self,
        fields: &Fields,
        suffix: &str,
        status: RefundStatus,
    ) -> Option<RefundReport> {
        let of = |name: &str| fields.get(&format!("{name}{suffix}"));
        let success = of("refund_success_time").and_then(from_beijing);
        Some(RefundReport {
            mch_id: Some(self.mch_id.clone()),
            sub_mch_id: fields.get("sub_mch_id").and_then(|id| id.parse().ok()),
            out_refund_no: of("out_refund_no")?.parse().ok()?,
            refund_id: Some(of("refund_id")?.parse().ok()?),
            transaction_id: fields.get("transaction_id").and_then(|id| id.parse().ok()),
            out_trade_no: fields.get("out_trade_no").and_then(|no| no.parse().ok()),
            refund: fen(of("refund_fee")?)?,
            total: fields.get("total_fee").and_then(fen),
            status,
            user_received_account: of("refund_recv_accout").map(str::to_owned),
            success_time: success.filter(|_| status == RefundStatus::Success),
            channel: of("refund_channel").map(str::to_owned),
            payer_refund: of("cash_refund_fee").and_then(fen),
            settlement_refund: of("settlement_refund_fee").and_then(fen),
            request_source: None,
        })
    }

    pub(crate) fn v2_read_payment(&self, response: &Response) -> Result<PaymentReport, ReplyError> {
        let fields = self.v2_open(response, Interface::V2OrderQuery)?;
        payment_report(&fields).ok_or(ReplyError::Unreadable {
            http_status: response.status,
        })
    }
}

/// One answer to a refund query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPage {
    /// The refunds of this answer, at most [`REFUNDS_PER_PAGE`].
    pub refunds: Vec<RefundReport>,
    /// All refunds of the order, when there are more than stand here.
    pub total: Option<u32>,
}

/// The facts of an order query's answer, or of a payment notification (whose `result_code` stands
/// for the state).
pub(crate) fn payment_report(fields: &Fields) -> Option<PaymentReport> {
    let state = match fields.get("trade_state") {
        Some(state) => TradeState::parse(state),
        None if fields.get("result_code") == Some("SUCCESS") => TradeState::Paid,
        None => TradeState::Other("FAIL".to_owned()),
    };
    Some(PaymentReport {
        mch_id: fields.get("mch_id").and_then(|id| id.parse().ok()),
        sub_mch_id: fields.get("sub_mch_id").and_then(|id| id.parse().ok()),
        out_trade_no: fields.get("out_trade_no")?.parse().ok()?,
        transaction_id: fields.get("transaction_id").and_then(|id| id.parse().ok()),
        total: fields.get("total_fee").and_then(fen),
        paid_at: fields.get("time_end").and_then(from_beijing),
        state,
    })
}

fn set_order(fields: &mut Fields, order: &OrderRef) {
    // WeChat takes the first of the two; one is sent, always the same for the same order.
    match (&order.transaction_id, &order.out_trade_no) {
        (Some(id), _) => fields.set("transaction_id", id.as_str()),
        (None, Some(no)) => fields.set("out_trade_no", no.as_str()),
        (None, None) => {}
    }
}

/// Integer fen in decimal digits; anything else is not an amount.
pub(crate) fn fen(text: &str) -> Option<Fen> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .and_then(|n: i64| Fen::new(n).ok())
}

/// Texts of WeChat are data for people; bounded.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}
