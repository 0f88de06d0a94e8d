//! Asking for a refund: the body of `POST /v1/refunds` and its identity, parsed into the engine's
//! words. Either everything is good, or every bad field is named and nothing is done.

use http::HeaderMap;
use tuikuan_domain::refund::FundsAccount;
use tuikuan_domain::{MerchantName, OrderRef};
use tuikuan_engine::RefundRequest;
use utoipa::ToSchema;

use crate::json::{Document, Fields};
use crate::problem::{Fault, Problem};

/// The caller's own data: at most so much.
const METADATA_BYTES_MAX: usize = 4096;

/// WeChat's limit for the item list (v2 `detail`).
const GOODS_DETAIL_BYTES_MAX: usize = 6000;

/// The longest idempotency key.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// The header that carries the identity of a request without a number.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What is asked for.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefundRequest)]
pub struct RefundRequestBody {
    /// The merchant's short name in the configuration.
    #[schema(example = "main")]
    pub merchant: String,
    /// The merchant's order number; this or `transaction_id` is required.
    #[schema(min_length = 6, max_length = 32, example = "ORDER-20261123-0001")]
    pub out_trade_no: Option<String>,
    /// WeChat's order number.
    #[schema(max_length = 32)]
    pub transaction_id: Option<String>,
    /// What to refund, an integer in fen.
    #[schema(minimum = 1, example = 1980)]
    pub amount: i64,
    /// The refund's number; without it the header `Idempotency-Key` is required.
    #[schema(min_length = 1, max_length = 64, example = "R-20261123-0001")]
    pub out_refund_no: Option<String>,
    /// Shown to the buyer: 1 to 80 bytes, without emoji.
    pub reason: Option<String>,
    /// `available` or `unsettled`.
    pub funds_account: Option<String>,
    /// The item list of a single-item promotion, as WeChat wants it.
    #[schema(value_type = Option<serde_json::Value>)]
    pub goods_detail: Option<serde_json::Value>,
    /// Not to be submitted before.
    #[schema(format = DateTime)]
    pub not_before: Option<String>,
    /// Refuse unless exactly this much is left of the payment, in fen.
    #[schema(minimum = 0)]
    pub expected_refundable: Option<i64>,
    /// Our id of the closed refund that this one replaces.
    pub replaces: Option<String>,
    /// Your own data, an object of at most 4096 bytes; returned as it is.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
}

/// Reads a request.
///
/// # Errors
/// [`Problem`] naming every bad field.
pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<RefundRequest, Problem> {
    let idempotency_key = idempotency_key(headers)?;
    let mut fields = Fields::of(body)?;
    let merchant = fields.parsed::<MerchantName>("merchant");
    let merchant = fields.require("merchant", merchant);
    let amount = fields.positive_fen("amount");
    let amount = fields.require("amount", amount);
    let order = OrderRef {
        out_trade_no: fields.parsed("out_trade_no"),
        transaction_id: fields.parsed("transaction_id"),
    };
    let out_refund_no = fields.parsed("out_refund_no");
    let reason = fields.parsed("reason");
    let funds_account = fields.word("funds_account", FundsAccount::parse);
    let goods_detail = fields.document("goods_detail", Document::Array, GOODS_DETAIL_BYTES_MAX);
    let not_before = fields.time("not_before");
    let expected_refundable = fields.fen("expected_refundable");
    let replaces = fields.parsed("replaces");
    let metadata = fields.document("metadata", Document::Object, METADATA_BYTES_MAX);
    fields.finish()?;
    let (Some(merchant), Some(amount)) = (merchant, amount) else {
        return Err(Problem::fields(vec![Fault::field(
            "",
            "required",
            "fields are missing",
        )]));
    };
    Ok(RefundRequest {
        merchant,
        order,
        amount,
        out_refund_no,
        idempotency_key,
        reason,
        funds_account,
        goods_detail,
        not_before,
        expected_refundable,
        replaces,
        metadata,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let visible = bytes.iter().all(u8::is_ascii_graphic);
    let fits = (1..=IDEMPOTENCY_KEY_MAX).contains(&bytes.len());
    match (value.to_str(), values.next()) {
        (Ok(text), None) if visible && fits => Ok(Some(text.to_owned())),
        _ => {
            let message = "Idempotency-Key is one value of 1 to 255 visible ASCII characters";
            Err(Problem::parameters(vec![Fault::parameter(
                "Idempotency-Key",
                "format",
                message,
            )]))
        }
    }
}
