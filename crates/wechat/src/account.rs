//! One merchant as WeChat knows it: numbers, generation, secrets. Builds every request and reads
//! every answer, in either generation, to the same neutral reports.

use tuikuan_terms::{AppId, MchId, OutRefundNo, SubMchId};

use crate::credentials::Credentials;
use crate::error::{BuildError, ReplyError};
use crate::error_code::Interface;
use crate::http::{Request, Response};
use crate::refund::{AbnormalRefund, OrderRef, PaymentReport, RefundReport, RefundSubmission};
use crate::v2::SignType;
use crate::{Api, Stamp};

/// The sub-merchant a service provider acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubMerchant {
    /// `sub_mch_id` / `sub_mchid`.
    pub sub_mch_id: SubMchId,
    /// `sub_appid`.
    pub sub_app_id: Option<AppId>,
}

/// One merchant.
#[derive(Debug, Clone)]
pub struct Account {
    /// The merchant number; the provider's in provider mode.
    pub mch_id: MchId,
    /// The app id; the provider's in provider mode.
    pub app_id: AppId,
    /// The sub-merchant, in provider mode.
    pub sub: Option<SubMerchant>,
    /// Which generation is spoken.
    pub api: Api,
    /// The signature algorithm of v2.
    pub sign_type: SignType,
    /// The secrets.
    pub credentials: Credentials,
}

impl Account {
    pub(crate) fn need_v2_key(&self) -> Result<(), BuildError> {
        match self.credentials.api_v2_key {
            Some(_) => Ok(()),
            None => Err(BuildError::Missing { what: "API v2 key" }),
        }
    }

    /// Applies for a refund.
    ///
    /// # Errors
    /// [`BuildError`]: nothing was sent, the configuration needs mending.
    pub fn submit_refund(
        &self,
        submission: &RefundSubmission,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        match self.api {
            Api::V2 => {
                self.need_v2_key()?;
                self.v2_submit(submission, &stamp.nonce)
            }
            Api::V3 => self.v3_submit(submission, stamp),
        }
    }

    /// Reads the answer to an application.
    ///
    /// # Errors
    /// [`ReplyError`]; anything but a verified final refusal leaves the outcome unknown.
    pub fn read_submit_refund(
        &self,
        submission: &RefundSubmission,
        response: &Response,
        now_unix: i64,
    ) -> Result<RefundReport, ReplyError> {
        let report = match self.api {
            Api::V2 => self.v2_read_submit(response)?,
            Api::V3 => self.v3_read_refund(response, Interface::V3RefundCreate, now_unix)?,
        };
        about(report, &submission.out_refund_no)
    }

    /// Asks about a refund by its number.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn query_refund(
        &self,
        out_refund_no: &OutRefundNo,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        match self.api {
            Api::V2 => self
                .need_v2_key()
                .map(|()| self.v2_query(out_refund_no, &stamp.nonce)),
            Api::V3 => self.v3_query(out_refund_no, stamp),
        }
    }

    /// Reads the answer to a query.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn read_query_refund(
        &self,
        out_refund_no: &OutRefundNo,
        response: &Response,
        now_unix: i64,
    ) -> Result<RefundReport, ReplyError> {
        let report = match self.api {
            Api::V2 => self.v2_read_query(out_refund_no, response)?,
            Api::V3 => self.v3_read_refund(response, Interface::V3RefundQuery, now_unix)?,
        };
        about(report, out_refund_no)
    }

    /// Asks about an order.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn query_payment(&self, order: &OrderRef, stamp: &Stamp) -> Result<Request, BuildError> {
        match self.api {
            Api::V2 => self
                .need_v2_key()
                .map(|()| self.v2_query_payment(order, &stamp.nonce)),
            Api::V3 => self.v3_query_payment(order, stamp),
        }
    }

    /// Reads the answer to an order query, and checks that it is about the order that was asked.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn read_query_payment(
        &self,
        order: &OrderRef,
        response: &Response,
        now_unix: i64,
    ) -> Result<PaymentReport, ReplyError> {
        let report = match self.api {
            Api::V2 => self.v2_read_payment(response)?,
            Api::V3 => self.v3_read_payment(response, now_unix)?,
        };
        if order
            .out_trade_no
            .as_ref()
            .is_some_and(|no| *no != report.out_trade_no)
        {
            return Err(ReplyError::Mismatch {
                field: "out_trade_no",
            });
        }
        let transaction = (
            order.transaction_id.as_ref(),
            report.transaction_id.as_ref(),
        );
        if matches!(transaction, (Some(asked), Some(told)) if asked != told) {
            return Err(ReplyError::Mismatch {
                field: "transaction_id",
            });
        }
        Ok(report)
    }

    /// Sends an abnormal refund elsewhere (v3 only; v2 merchants may use it with v3 credentials).
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn abnormal_refund(
        &self,
        abnormal: &AbnormalRefund,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        self.v3_abnormal(abnormal, stamp)
    }

    /// Reads the answer to [`Account::abnormal_refund`].
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn read_abnormal_refund(
        &self,
        abnormal: &AbnormalRefund,
        response: &Response,
        now_unix: i64,
    ) -> Result<RefundReport, ReplyError> {
        let report = self.v3_read_refund(response, Interface::V3RefundAbnormal, now_unix)?;
        about(report, &abnormal.out_refund_no)
    }
}

fn about(report: RefundReport, number: &OutRefundNo) -> Result<RefundReport, ReplyError> {
    if report.out_refund_no == *number {
        Ok(report)
    } else {
        Err(ReplyError::Mismatch {
            field: "out_refund_no",
        })
    }
}
