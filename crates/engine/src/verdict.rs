//! What WeChat said -> what it proves. The only place where the vocabulary of the wire and that of
//! the domain meet: every row of the error catalogue gets exactly one [`Treatment`], and a code that
//! nobody knows proves nothing (INV-5).

use jiff::Timestamp;
use tuikuan_domain::outcome::{ErrorNote, ErrorSource, Wait};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::{Outcome, PaymentFinding, PaymentReport, Report, WechatState};
use tuikuan_wechat::error_code::{Class, Entry, Interface, Money, lookup};
use tuikuan_wechat::{BuildError, RefundReport, RefundStatus, ReplyError, Verified};

use crate::merchant::Merchant;
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

/// What an answer that is no report proves about a submit.
pub(crate) fn refused(error: &ReplyError) -> Outcome {
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
    let unknown = match planted::is(Bug::UnknownCodeRefuses) {
        true => Treatment::Refused,
        false => Treatment::Ask,
    };
    match lookup(*interface, code).map_or(unknown, treatment) {
        Treatment::Wait(Wait::Balance) if planted::is(Bug::ShortageEnds) => Outcome::Refused(note),
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

pub(crate) fn read_treatment(error: &ReplyError, protocol: Interface) -> Treatment {
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

pub(crate) fn note_of(error: &ReplyError) -> ErrorNote {
    match error {
        ReplyError::Refused {
            code,
            message,
            interface,
            ..
        } => ErrorNote {
            code: redact::line(code),
            message: redact::line(message),
            source: ErrorSource::Wechat,
            advice: lookup(*interface, code).map_or_else(
                || "this code is not documented: WeChat is asked before anything else".to_owned(),
                |entry| entry.advice.to_owned(),
            ),
        },
        ReplyError::ProtocolFail { message } => ErrorNote {
            code: "V2_RETURN_CODE_FAIL".to_owned(),
            message: redact::line(message),
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

pub(crate) fn transport(code: &str, message: &str) -> ErrorNote {
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

pub(crate) fn own(code: &str, message: &str) -> ErrorNote {
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
        user_received_account: report.user_received_account.as_deref().map(redact::line),
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
