//! What a fault does to an answer that is otherwise right (F-10, F-11).

use super::{Draft, gzip};
use crate::message::Response;

pub(super) fn spoiled(signature: &str) -> String {
    let replaced = if signature.starts_with('0') { "1" } else { "0" };
    signature
        .get(1..)
        .map_or_else(String::new, |rest| format!("{replaced}{rest}"))
}

/// The body with one digit changed, behind `"refund":` when there is one.
pub(super) fn altered_json(mut body: Vec<u8>) -> Vec<u8> {
    let marker = b"\"refund\":";
    let from = body
        .windows(marker.len())
        .position(|window| window == marker)
        .map_or(0, |at| at + marker.len());
    match body.iter_mut().skip(from).find(|b| b.is_ascii_digit()) {
        Some(digit) => *digit = if *digit == b'1' { b'2' } else { b'1' },
        None => body.push(b' '),
    }
    body
}

pub(super) fn in_progress(draft: Draft) -> Draft {
    match draft {
        Draft::V3 { signer, number, .. } => Draft::V3 {
            status: 202,
            body: b"{}".to_vec(),
            signer,
            number,
        },
        other => other,
    }
}

/// The answer to another call of the same kind, signed all the same.
pub(super) fn swapped(other: Option<Draft>, draft: Draft) -> Draft {
    match (other, draft) {
        (Some(Draft::V2 { fields, .. }), Draft::V2 { signer, .. }) => Draft::V2 { fields, signer },
        (
            Some(Draft::V3 { body, .. }),
            Draft::V3 {
                status,
                signer,
                number,
                ..
            },
        ) => Draft::V3 {
            status,
            body,
            signer,
            number,
        },
        (_, draft) => renumbered(draft),
    }
}

/// Numbers of an order and a refund that are nobody's.
const NOBODYS: [(&str, &str); 4] = [
    ("out_refund_no", "SWAPPED0000000001"),
    ("out_refund_no_0", "SWAPPED0000000001"),
    ("out_trade_no", "SWAPPED0000000001"),
    ("transaction_id", "4200009999999999999999999999"),
];

/// With no other answer to hand out, the numbers are changed before signing: all of them, as WeChat
/// never gives one order's number to another.
fn renumbered(draft: Draft) -> Draft {
    match draft {
        Draft::V2 { mut fields, signer } => {
            for (name, other) in NOBODYS {
                if fields.get(name).is_some() {
                    fields.set(name, other);
                }
            }
            Draft::V2 { fields, signer }
        }
        Draft::V3 {
            status,
            body,
            signer,
            number,
        } => {
            let mut value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            for (name, other) in NOBODYS {
                if let Some(slot) = value.get_mut(name) {
                    *slot = other.into();
                }
            }
            Draft::V3 {
                status,
                body: value.to_string().into_bytes(),
                signer,
                number,
            }
        }
        plain @ Draft::Plain(_) => plain,
    }
}

pub(super) fn truncated(mut response: Response) -> Response {
    response.body.truncate(response.body.len() / 2);
    response
}

pub(super) fn compressed(mut response: Response) -> Response {
    response.body = gzip::stored(&response.body);
    let encoding = ("Content-Encoding".to_owned(), "gzip".to_owned());
    response.headers.push(encoding);
    response
}
