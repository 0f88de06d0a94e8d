//! WeChat's callbacks: public and hostile. The raw bytes go to the engine, which verifies, stores
//! and applies them; the answer says only whether they are safely stored (INV-20). Everything that
//! is not understood is answered the same, whatever the reason, and not before a fixed time, so
//! that a prober learns nothing about merchants and keys (INV-23).

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::Instant;
use tuikuan_domain::MerchantName;
use tuikuan_engine::{Channel, Incoming, Received};

use crate::app::{App, Shared};
use crate::body::{self, NOTIFICATION_BYTES_MAX};

/// A notification must have arrived whole after so long; WeChat itself waits 5 s for the answer.
const BODY_DEADLINE: Duration = Duration::from_secs(3);

/// Refusals leave no earlier than this after the request came: one time class for all reasons.
const REFUSAL_AFTER: Duration = Duration::from_millis(20);

/// Headers that verification needs; no others are handed on or kept.
const HEADERS: [&str; 6] = [
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-signature-type",
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "content-type",
];

/// The form of the answer follows the form of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Xml,
}

/// A v3 notification (a v2 message that arrives here is recognised and answered as such).
#[utoipa::path(post, operation_id = "notify_v3", path = "/notify/{merchant}/v3", tag = "notifications", security(()),
    params(("merchant" = String, Path, description = "The merchant's short name")),
    request_body(content = String, content_type = "application/json", description = "As WeChat sends it"),
    responses((status = 200, description = "Safely stored", body = Acknowledgement),
        (status = 400, description = "Not understood, for whatever reason", body = Acknowledgement),
        (status = 500, description = "Not stored: send it again", body = Acknowledgement)))]
pub(crate) async fn v3(
    State(app): State<App>,
    Path(merchant): Path<String>,
    request: Request,
) -> Response {
    receive(&app, &merchant, Channel::V3, request).await
}

/// A v2 refund notification. It is a hint only: WeChat is asked, and the verified answer decides.
#[utoipa::path(post, operation_id = "notify_v2_refund", path = "/notify/{merchant}/v2/refund", tag = "notifications", security(()),
    params(("merchant" = String, Path, description = "The merchant's short name")),
    request_body(content = String, content_type = "text/xml", description = "As WeChat sends it"),
    responses((status = 200, description = "Safely stored", body = String, content_type = "text/xml"),
        (status = 400, description = "Not understood, for whatever reason", body = String, content_type = "text/xml"),
        (status = 500, description = "Not stored: send it again", body = String, content_type = "text/xml")))]
pub(crate) async fn v2_refund(
    State(app): State<App>,
    Path(merchant): Path<String>,
    request: Request,
) -> Response {
    receive(&app, &merchant, Channel::V2Refund, request).await
}

/// A v2 payment notification: it registers the payment.
#[utoipa::path(post, operation_id = "notify_v2_payment", path = "/notify/{merchant}/v2/payment", tag = "notifications", security(()),
    params(("merchant" = String, Path, description = "The merchant's short name")),
    request_body(content = String, content_type = "text/xml", description = "As WeChat sends it"),
    responses((status = 200, description = "Safely stored", body = String, content_type = "text/xml"),
        (status = 400, description = "Not understood, for whatever reason", body = String, content_type = "text/xml"),
        (status = 500, description = "Not stored: send it again", body = String, content_type = "text/xml")))]
pub(crate) async fn v2_payment(
    State(app): State<App>,
    Path(merchant): Path<String>,
    request: Request,
) -> Response {
    receive(&app, &merchant, Channel::V2Payment, request).await
}

/// The answer to a v3 notification.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Acknowledgement {
    /// `SUCCESS` or `FAIL`.
    #[schema(example = "SUCCESS")]
    pub code: String,
    /// In words.
    pub message: String,
}

async fn receive(app: &Shared, merchant: &str, channel: Channel, request: Request) -> Response {
    let come = Instant::now();
    let (head, body) = request.into_parts();
    let bytes = body::read(body, NOTIFICATION_BYTES_MAX, BODY_DEADLINE)
        .await
        .unwrap_or_default();
    let form = form(channel, &bytes);
    let received = match merchant.parse::<MerchantName>() {
        Ok(name) if !bytes.is_empty() => hand_on(app, &name, channel, &head.headers, bytes).await,
        Ok(_) | Err(_) => Received::NotUnderstood,
    };
    app.metrics.count_notification(received);
    if received == Received::NotUnderstood {
        tokio::time::sleep_until(come + REFUSAL_AFTER).await;
    }
    answer(form, received)
}

async fn hand_on(
    app: &Shared,
    merchant: &MerchantName,
    channel: Channel,
    headers: &HeaderMap,
    body: Bytes,
) -> Received {
    let headers = HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    let incoming = Incoming {
        channel,
        headers: headers.collect(),
        body: body.to_vec(),
    };
    app.engine.receive(merchant, incoming).await
}

/// A body that begins like XML is a v2 message, wherever it arrives.
fn form(channel: Channel, body: &[u8]) -> Form {
    let xml = body.trim_ascii_start().first() == Some(&b'<');
    match channel {
        Channel::V2Refund | Channel::V2Payment => Form::Xml,
        Channel::V3 if xml => Form::Xml,
        Channel::V3 => Form::Json,
    }
}

fn answer(form: Form, received: Received) -> Response {
    let (status, json, xml) = match received {
        Received::Stored => (
            StatusCode::OK,
            r#"{"code":"SUCCESS","message":"成功"}"#,
            "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
        ),
        Received::NotUnderstood => (
            StatusCode::BAD_REQUEST,
            r#"{"code":"FAIL","message":"失败"}"#,
            "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[失败]]></return_msg></xml>",
        ),
        Received::NotStored => (
            StatusCode::INTERNAL_SERVER_ERROR,
            r#"{"code":"FAIL","message":"系统繁忙，请稍后重试"}"#,
            "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[系统繁忙，请稍后重试]]></return_msg></xml>",
        ),
    };
    let (text, media) = match form {
        Form::Json => (json, "application/json; charset=utf-8"),
        Form::Xml => (xml, "text/xml; charset=utf-8"),
    };
    let mut response = text.into_response();
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_the_old_form_is_answered_in_the_old_form() {
        assert_eq!(form(Channel::V3, b"  <xml/>"), Form::Xml);
        assert_eq!(form(Channel::V3, b"{\"id\":1}"), Form::Json);
        assert_eq!(form(Channel::V3, b""), Form::Json);
        assert_eq!(form(Channel::V2Refund, b"{}"), Form::Xml);
    }

    #[test]
    fn only_what_is_stored_is_answered_with_success() {
        for form in [Form::Json, Form::Xml] {
            assert_eq!(answer(form, Received::Stored).status(), StatusCode::OK);
            assert_eq!(
                answer(form, Received::NotUnderstood).status(),
                StatusCode::BAD_REQUEST
            );
            assert_eq!(
                answer(form, Received::NotStored).status(),
                StatusCode::INTERNAL_SERVER_ERROR
            );
        }
    }
}
