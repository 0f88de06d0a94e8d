//! From an answer's content to its bytes: signing, and everything a fault does to an answer on the
//! way (F-10, F-11). A draft knows who signs it; only here are signatures made.

mod gzip;
mod tamper;

use std::sync::Arc;

use tuikuan_wechat::Stamp;
use tuikuan_wechat::v2::{Fields, SignType, sign};
use tuikuan_wechat::v3::sign::answer_headers;

use crate::books::MerchantKey;
use crate::fault::FaultAction;
use crate::merchant::WechatKey;
use crate::message::{Outgoing, Response};
use crate::refusal::{status_of, text_of};
use crate::world::World;
use tamper::{altered_json, compressed, in_progress, spoiled, swapped, truncated};

/// A probe signature begins like this.
pub(crate) const SIGNTEST: &str = "WECHATPAY/SIGNTEST/";

/// An answer before it is signed.
#[derive(Clone)]
pub(crate) enum Draft {
    /// XML. Without a signer it is a protocol failure.
    V2 {
        fields: Fields,
        signer: Option<(MerchantKey, SignType)>,
    },
    /// JSON, or no body at all. Without a signer it is unsigned.
    V3 {
        status: u16,
        body: Vec<u8>,
        signer: Option<Arc<WechatKey>>,
        /// Number behind the last `-` of `Request-ID`.
        number: u32,
    },
    /// Sent as it is.
    Plain(Response),
}

/// Who gets signed answers, known once a call is authentic.
#[derive(Clone)]
pub(crate) enum Signer {
    V2(MerchantKey, SignType),
    V3(MerchantKey, Arc<WechatKey>),
}

impl Signer {
    pub(crate) fn merchant(&self) -> MerchantKey {
        match self {
            Self::V2(merchant, _) | Self::V3(merchant, _) => *merchant,
        }
    }
}

/// A good answer that was given, kept to be handed out to the wrong call.
#[derive(Clone)]
pub(crate) struct Kept {
    /// The refund or order it is about.
    pub(crate) number: String,
    pub(crate) draft: Draft,
}

/// v2: the business refuses, signed.
pub(crate) fn v2_refusal(mut fields: Fields, code: &str, text: &str) -> Fields {
    fields.set("result_code", "FAIL");
    fields.set("err_code", code);
    fields.set("err_code_des", text);
    fields
}

/// v2: the protocol refuses, unsigned.
pub(crate) fn v2_failure(text: &str) -> Draft {
    let mut fields = Fields::new();
    fields.set("return_code", "FAIL");
    fields.set("return_msg", text);
    Draft::V2 {
        fields,
        signer: None,
    }
}

/// v2: the fields every signed answer begins with.
pub(crate) fn v2_head(world: &mut World, merchant: MerchantKey, sub: Option<&str>) -> Fields {
    let nonce = world.dice.text(32);
    let account = world.merchant(merchant);
    let mut fields = Fields::new();
    fields.set("return_code", "SUCCESS");
    fields.set("return_msg", "OK");
    fields.set("appid", account.app_id.as_str());
    fields.set("mch_id", account.mch_id.as_str());
    fields.set_some("sub_mch_id", sub);
    fields.set("nonce_str", nonce);
    fields
}

/// v3: an error with its JSON body.
pub(crate) fn v3_error(
    signer: Option<Arc<WechatKey>>,
    (status, number): (u16, u32),
    code: &str,
    message: &str,
    detail: Option<serde_json::Value>,
) -> Draft {
    let mut body = serde_json::json!({ "code": code, "message": message });
    if let (Some(detail), Some(object)) = (detail, body.as_object_mut()) {
        object.insert("detail".to_owned(), detail);
    }
    Draft::V3 {
        status,
        body: body.to_string().into_bytes(),
        signer,
        number,
    }
}

/// The answer a fault puts in place of the right one.
fn injected_error(world: &mut World, signer: &Signer, code: &str, http: Option<u16>) -> Draft {
    match signer {
        Signer::V2(..) if code == "V2_RETURN_CODE_FAIL" => v2_failure("系统繁忙"),
        Signer::V2(merchant, sign_type) => {
            let head = v2_head(world, *merchant, None);
            Draft::V2 {
                fields: v2_refusal(head, code, text_of(code)),
                signer: Some((*merchant, *sign_type)),
            }
        }
        Signer::V3(_, key) => {
            let status = http.unwrap_or_else(|| status_of(code));
            v3_error(
                Some(Arc::clone(key)),
                (status, 268_435_456),
                code,
                text_of(code),
                None,
            )
        }
    }
}

/// What a fault does instead of letting the call be processed at all.
pub(crate) fn before(world: &mut World, signer: &Signer, action: &FaultAction) -> Option<Outgoing> {
    let draft = match action {
        FaultAction::ReplyLostBeforeAccept => return Some(Outgoing::Drop),
        FaultAction::Maintenance => Draft::Plain(maintenance_page()),
        FaultAction::ErrorCode {
            code,
            http,
            accepted: false,
        } => injected_error(world, signer, code, *http),
        FaultAction::HttpStatus {
            status,
            body,
            accepted: false,
        } => Draft::Plain(bare(*status, body.as_deref())),
        _ => return None,
    };
    Some(Outgoing::Reply(render(world, draft, Tampering::None)))
}

/// What a fault does to the answer of a call that was processed. `other` is the last good answer
/// of the same kind to the same merchant about something else.
pub(crate) fn after(
    world: &mut World,
    signer: &Signer,
    draft: Draft,
    other: Option<Draft>,
    action: Option<&FaultAction>,
) -> Outgoing {
    let draft = match action {
        Some(FaultAction::ReplyLostAfterAccept) => return Outgoing::Drop,
        Some(FaultAction::Hang) => return Outgoing::Hang,
        Some(FaultAction::ErrorCode { code, http, .. }) => {
            injected_error(world, signer, code, *http)
        }
        Some(FaultAction::HttpStatus { status, body, .. }) => {
            Draft::Plain(bare(*status, body.as_deref()))
        }
        Some(FaultAction::Html) => Draft::Plain(html(200)),
        Some(FaultAction::Empty) => Draft::Plain(Response::empty(200)),
        Some(FaultAction::Http202) => in_progress(draft),
        Some(FaultAction::SwappedReply) => swapped(other, draft),
        _ => draft,
    };
    let tampering = match action {
        Some(FaultAction::BadSignature) => Tampering::BadSignature,
        Some(FaultAction::Unsigned) => Tampering::Unsigned,
        Some(FaultAction::AlteredReply) => Tampering::Altered,
        Some(FaultAction::Signtest) => Tampering::Signtest,
        _ => Tampering::None,
    };
    let response = render(world, draft, tampering);
    match action {
        Some(FaultAction::Delay { ms }) => Outgoing::Delay { ms: *ms, response },
        Some(FaultAction::CutAtByte { n }) => Outgoing::CutAfter {
            bytes: *n,
            response,
        },
        Some(FaultAction::Truncated) => Outgoing::Reply(truncated(response)),
        Some(FaultAction::Gzip) => Outgoing::Reply(compressed(response)),
        _ => Outgoing::Reply(response),
    }
}

/// What is wrong with a signature, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tampering {
    None,
    BadSignature,
    Unsigned,
    Altered,
    Signtest,
}

/// Signs and writes an answer.
pub(crate) fn render(world: &mut World, draft: Draft, tampering: Tampering) -> Response {
    match draft {
        Draft::Plain(response) => response,
        Draft::V2 { fields, signer } => render_v2(world, fields, signer, tampering),
        Draft::V3 {
            status,
            body,
            signer,
            number,
        } => {
            let mut headers = vec![("Request-ID".to_owned(), world.request_id(number))];
            if !body.is_empty() {
                let json = "application/json; charset=utf-8".to_owned();
                headers.push(("Content-Type".to_owned(), json));
            }
            if let Some(key) = signer {
                headers.extend(signature_headers(world, &key, &body, tampering));
            }
            let body = match tampering {
                Tampering::Altered => altered_json(body),
                _ => body,
            };
            Response {
                status,
                headers,
                body,
            }
        }
    }
}

fn render_v2(
    world: &World,
    mut fields: Fields,
    signer: Option<(MerchantKey, SignType)>,
    tampering: Tampering,
) -> Response {
    if let Some((merchant, sign_type)) = signer.filter(|_| tampering != Tampering::Unsigned) {
        let signature = sign(&fields, &world.merchant(merchant).api_v2_key, sign_type);
        let signature = match tampering {
            Tampering::BadSignature | Tampering::Signtest => spoiled(&signature),
            _ => signature,
        };
        fields.set("sign", signature);
    }
    if tampering == Tampering::Altered {
        let name = ["refund_fee", "refund_status_0", "total_fee", "result_code"]
            .into_iter()
            .find(|name| fields.get(name).is_some())
            .unwrap_or("nonce_str");
        let value = match fields.get(name) {
            Some("SUCCESS") => "FAIL".to_owned(),
            Some(value) if name.ends_with("_fee") => format!("{value}0"),
            _ => "SUCCESS".to_owned(),
        };
        fields.set(name, value);
    }
    Response::of(200, "text/plain", fields.to_xml().into_bytes())
}

/// The signature headers of an answer or a notification.
pub(crate) fn signature_headers(
    world: &mut World,
    key: &WechatKey,
    body: &[u8],
    tampering: Tampering,
) -> Vec<(String, String)> {
    let stamp = Stamp {
        unix_seconds: world.wall_ms().div_euclid(1_000),
        nonce: world.dice.text(32),
    };
    let mut headers = match tampering {
        Tampering::Unsigned => Vec::new(),
        // A wrong signature costs no signing: it is nobody's.
        Tampering::BadSignature => {
            let other = answer_headers(&key.key, &key.serial, &stamp, b"another body");
            other.unwrap_or_default()
        }
        _ => answer_headers(&key.key, &key.serial, &stamp, body).unwrap_or_default(),
    };
    if tampering == Tampering::Signtest {
        for (name, value) in &mut headers {
            if name == "Wechatpay-Signature" {
                *value = format!("{SIGNTEST}{value}");
            }
        }
    }
    headers
}

fn bare(status: u16, body: Option<&str>) -> Response {
    match body {
        Some(body) => Response::of(status, "text/plain", body.as_bytes().to_vec()),
        None => Response::empty(status),
    }
}

fn maintenance_page() -> Response {
    html(503)
}

/// A page of the front server.
pub(crate) fn html(status: u16) -> Response {
    let reason = match status {
        400 => "400 No required SSL certificate was sent",
        503 => "503 Service Temporarily Unavailable",
        _ => "Welcome to nginx!",
    };
    let page = format!(
        "<html>\r\n<head><title>{reason}</title></head>\r\n<body>\r\n<center><h1>{reason}</h1>\
         </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Response::of(status, "text/html", page.into_bytes())
}
