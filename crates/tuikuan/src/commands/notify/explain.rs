//! Takes a notification apart, in the order in which the service does it.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tuikuan_wechat::v2::{self, ApiV2Key, Fields};
use tuikuan_wechat::v3::notification::Subject;
use tuikuan_wechat::v3::{self, sign::VerifyError};
use tuikuan_wechat::{PaymentReport, RefundReport, RefundStatus};

use super::told::Told;
use crate::config::MerchantConfig;
use crate::output::one_line;

/// Explains a v3 notification.
pub(super) fn v3_message(
    merchant: &MerchantConfig,
    headers: &[(String, String)],
    body: &[u8],
) -> Told {
    let mut told = Told::of("v3", "notification");
    if headers.is_empty() {
        told.open(
            "signature",
            "not looked at: give the request's headers with --headers",
        );
    } else if let Err(why) = v3_signature(&mut told, merchant, headers, body) {
        return told.wrong("signature", why);
    }
    let Some(key) = merchant.credentials.api_v3_key() else {
        return told.wrong(
            "decryption",
            "the merchant has no api_v3_key in the configuration",
        );
    };
    let opened = match v3::notification::open_verified(body, key) {
        Ok(opened) => opened,
        Err(error) => return told.wrong("decryption", error.to_string()),
    };
    told.well("decryption", "AEAD_AES_256_GCM opens with api_v3_key");
    told.plain = Some(String::from_utf8_lossy(&opened.plain).into_owned());
    told.fields.insert("id".to_owned(), opened.id.into());
    told.fields
        .insert("event_type".to_owned(), opened.event_type.into());
    match opened.subject {
        Subject::Refund(report) => {
            told.about = "refund";
            refund_fields(&mut told.fields, &report);
            if let Some(why) =
                other_merchant(merchant, report.mch_id.as_ref().map(|id| id.as_str()))
            {
                return told.wrong("merchant", why);
            }
            told.would = v3_refund_does(&report);
        }
        Subject::Payment(report) => {
            told.about = "payment";
            payment_fields(&mut told.fields, &report);
            if let Some(why) =
                other_merchant(merchant, report.mch_id.as_ref().map(|id| id.as_str()))
            {
                return told.wrong("merchant", why);
            }
            told.would = payment_does(&report);
        }
        Subject::Other => {
            told.would =
                "store it and answer success; it is about neither refund nor payment".to_owned();
        }
    }
    told
}

/// The signature is checked at the time it names, so that an old capture can be looked at.
fn v3_signature(
    told: &mut Told,
    merchant: &MerchantConfig,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<(), String> {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    let now = Timestamp::now().as_second();
    let made: i64 = header("Wechatpay-Timestamp")
        .and_then(|t| t.parse().ok())
        .unwrap_or(now);
    let trusted = merchant.credentials.trusted();
    match v3::sign::verify(headers, body, &trusted, made) {
        Ok(()) => {}
        Err(VerifyError::UnknownSerial { serial }) => {
            let known: Vec<&str> = trusted.serials().collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(format!(
                "no key for the serial {} is configured (configured: {known}); ask for the \
                 platform certificates with --fetch, or set wechat_public_key in the configuration",
                one_line(&serial)
            ));
        }
        Err(error) => return Err(error.to_string()),
    }
    let serial = one_line(header("Wechatpay-Serial").unwrap_or_default());
    told.well("signature", format!("right, made with the key {serial}"));
    let away = now.saturating_sub(made).unsigned_abs();
    if away < v3::sign::WINDOW_S.unsigned_abs() {
        told.well("time", format!("{away} s from now"));
    } else {
        let text =
            format!("{away} s from now: right when it came, refused as a replay if it came now");
        told.open("time", text);
    }
    Ok(())
}

/// Explains a v2 notification.
pub(super) fn v2_message(merchant: &MerchantConfig, body: &[u8]) -> Told {
    let told = Told::of("v2", "notification");
    let envelope = match Fields::parse(body) {
        Ok(envelope) => envelope,
        Err(error) => return told.wrong("XML", error.to_string()),
    };
    let Some(key) = merchant.credentials.api_v2_key() else {
        return told.wrong("key", "the merchant has no api_v2_key in the configuration");
    };
    if envelope.get("req_info").is_some() {
        v2_refund(merchant, body, key)
    } else {
        v2_payment(merchant, body, key)
    }
}

fn v2_refund(merchant: &MerchantConfig, body: &[u8], key: &ApiV2Key) -> Told {
    let mut told = Told::of("v2", "refund");
    told.open(
        "signature",
        "there is none: v2 refund notifications prove nothing, anyone may have sent it",
    );
    let hint = match v2::notification::open_refund(body, merchant.mch_id.as_str(), key) {
        Ok(hint) => hint,
        Err(error) => return told.wrong("decryption", error.to_string()),
    };
    told.well("decryption", "req_info opens with api_v2_key");
    told.plain = Some(String::from_utf8_lossy(&hint.plain).into_owned());
    refund_fields(&mut told.fields, &hint.report);
    told.would = format!(
        "ask WeChat about refund {} now and believe only that answer; answer this with success",
        hint.report.out_refund_no
    );
    told
}

fn v2_payment(merchant: &MerchantConfig, body: &[u8], key: &ApiV2Key) -> Told {
    let mut told = Told::of("v2", "payment");
    match v2::notification::open_payment(body, merchant.mch_id.as_str(), key) {
        Ok(report) => {
            told.well("signature", "right, made with api_v2_key");
            payment_fields(&mut told.fields, &report);
            told.would = payment_does(&report);
            told
        }
        Err(error) => told.wrong("signature", error.to_string()),
    }
}

fn other_merchant(merchant: &MerchantConfig, named: Option<&str>) -> Option<String> {
    let named = named?;
    let same = named == merchant.mch_id.as_str();
    (!same).then(|| format!("it is for merchant {named}, not for {}", merchant.mch_id))
}

fn v3_refund_does(report: &RefundReport) -> String {
    let number = &report.out_refund_no;
    let end = match report.status {
        RefundStatus::Success => "move it to succeeded and count the money as spent",
        RefundStatus::Closed => "move it to closed and release the money",
        RefundStatus::Abnormal => {
            "move it to abnormal, keep the money reserved, and ask for a person"
        }
        RefundStatus::Processing | RefundStatus::Accepted => "move it to processing",
    };
    format!(
        "compare it with our record of refund {number} (order, amount, total, merchant); where all \
         agree, {end}; where something differs, change nothing and ask for a person; answer success"
    )
}

fn payment_does(report: &PaymentReport) -> String {
    if report.state.is_paid() {
        format!(
            "register the payment {} and answer success",
            report.out_trade_no
        )
    } else {
        format!(
            "store it and answer success; order {} is not paid",
            report.out_trade_no
        )
    }
}

fn refund_fields(fields: &mut Map<String, Value>, report: &RefundReport) {
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    let status = match report.status {
        RefundStatus::Accepted => "accepted",
        RefundStatus::Processing => "PROCESSING",
        RefundStatus::Success => "SUCCESS",
        RefundStatus::Abnormal => "ABNORMAL",
        RefundStatus::Closed => "CLOSED",
    };
    put("status", status.into());
    put("mch_id", text(report.mch_id.as_ref().map(|id| id.as_str())));
    put(
        "sub_mch_id",
        text(report.sub_mch_id.as_ref().map(|id| id.as_str())),
    );
    put("out_refund_no", report.out_refund_no.as_str().into());
    put(
        "refund_id",
        text(report.refund_id.as_ref().map(|id| id.as_str())),
    );
    put(
        "out_trade_no",
        text(report.out_trade_no.as_ref().map(|no| no.as_str())),
    );
    put(
        "transaction_id",
        text(report.transaction_id.as_ref().map(|id| id.as_str())),
    );
    put("refund_fen", report.refund.get().into());
    put(
        "total_fen",
        report.total.map_or(Value::Null, |fen| fen.get().into()),
    );
    put(
        "user_received_account",
        text(report.user_received_account.as_deref()),
    );
    put("success_time", time(report.success_time));
    put("request_source", text(report.request_source.as_deref()));
    fields.retain(|_, value| !value.is_null());
}

fn payment_fields(fields: &mut Map<String, Value>, report: &PaymentReport) {
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    put("mch_id", text(report.mch_id.as_ref().map(|id| id.as_str())));
    put("out_trade_no", report.out_trade_no.as_str().into());
    put(
        "transaction_id",
        text(report.transaction_id.as_ref().map(|id| id.as_str())),
    );
    put(
        "total_fen",
        report.total.map_or(Value::Null, |fen| fen.get().into()),
    );
    put("paid", report.state.is_paid().into());
    put("paid_at", time(report.paid_at));
    fields.retain(|_, value| !value.is_null());
}

fn time(unix_seconds: Option<i64>) -> Value {
    let time = unix_seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or(Value::Null, |time| time.to_string().into())
}
