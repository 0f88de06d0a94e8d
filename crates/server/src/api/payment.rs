//! Payments: registered by whoever knows them, and read with their refunds and what is left.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use tuikuan_domain::{MerchantName, Payment};
use tuikuan_engine::PaymentRegistration;
use tuikuan_terms::OutTradeNo;
use utoipa::ToSchema;

use crate::api::{json, refund_bodies};
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::code::Code;
use crate::documentation::{ReadProblems, WriteProblems};
use crate::json::Fields;
use crate::problem::{Fault, Problem};
use crate::shape::{CURRENCY, PaymentBody};

/// What is known of a payment.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentRegistration)]
pub struct PaymentRegistrationBody {
    /// What was paid, an integer in fen.
    #[schema(minimum = 1, example = 3960)]
    pub total: i64,
    /// `CNY`, or absent.
    pub currency: Option<String>,
    /// WeChat's order number.
    #[schema(max_length = 32)]
    pub transaction_id: Option<String>,
    /// When it was paid. Without it the refund window of one year cannot be checked here.
    #[schema(format = DateTime)]
    pub paid_at: Option<String>,
}

/// Register a payment.
///
/// The same facts again are answered 200; other facts are refused, what was registered stays.
#[utoipa::path(put, operation_id = "register_payment", path = "/v1/payments/{merchant}/{out_trade_no}", tag = "payments",
    params(("merchant" = String, Path, description = "The merchant's short name"),
        ("out_trade_no" = String, Path, description = "The merchant's order number")),
    request_body = PaymentRegistrationBody,
    responses((status = 201, description = "Registered and durable", body = PaymentBody<'static>),
        (status = 200, description = "It is registered with these facts", body = PaymentBody<'static>), WriteProblems))]
pub(crate) async fn register(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((merchant, out_trade_no)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (merchant, out_trade_no) = named(&app, &caller, &merchant, &out_trade_no)?;
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let total = fields.positive_fen("total");
    let total = fields.require("total", total);
    if fields
        .text("currency")
        .is_some_and(|currency| currency != CURRENCY)
    {
        fields.fault("currency", "format", "currency is CNY");
    }
    let transaction_id = fields.parsed("transaction_id");
    let paid_at = fields.time("paid_at");
    fields.finish()?;
    let Some(total) = total else {
        return Err(Problem::fields(vec![Fault::field(
            "total",
            "required",
            "total is required",
        )]));
    };
    let new = PaymentRegistration {
        merchant,
        out_trade_no,
        transaction_id,
        total,
        paid_at,
    };
    let registered = app.engine.register_payment_by(new, &caller.by()).await?;
    let status = if registered.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    answer(&app, status, &registered.payment).await
}

/// A payment with its refunds and what is left of it.
#[utoipa::path(get, operation_id = "read_payment", path = "/v1/payments/{merchant}/{out_trade_no}", tag = "payments",
    params(("merchant" = String, Path, description = "The merchant's short name"),
        ("out_trade_no" = String, Path, description = "The merchant's order number")),
    responses((status = 200, description = "The payment", body = PaymentBody<'static>), ReadProblems))]
pub(crate) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((merchant, out_trade_no)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (name, out_trade_no) = named(&app, &caller, &merchant, &out_trade_no)?;
    let merchant = app.engine.merchant(&name).ok_or_else(no_merchant)?;
    let found = app
        .engine
        .store()
        .payment_by_trade_no(
            &merchant.mch_id,
            merchant.sub_mch_id.as_ref(),
            &out_trade_no,
        )
        .await?;
    let absent = || Problem::new(Code::PAYMENT_NOT_FOUND, "no payment has this number");
    let payment = found
        .filter(|payment| payment.merchant == name)
        .ok_or_else(absent)?;
    answer(&app, StatusCode::OK, &payment).await
}

fn named(
    app: &Shared,
    caller: &Caller,
    merchant: &str,
    out_trade_no: &str,
) -> Result<(MerchantName, OutTradeNo), Problem> {
    let merchant: MerchantName = merchant.parse().ok().ok_or_else(no_merchant)?;
    crate::api::merchant(app, caller, &merchant)?;
    let number = out_trade_no
        .parse()
        .map_err(|error: tuikuan_terms::IdError| {
            let fault = Fault::parameter("out_trade_no", "format", error.to_string());
            Problem::parameters(vec![fault])
        })?;
    Ok((merchant, number))
}

fn no_merchant() -> Problem {
    Problem::new(Code::MERCHANT_NOT_FOUND, "no merchant has this name")
}

async fn answer(app: &Shared, status: StatusCode, payment: &Payment) -> Result<Response, Problem> {
    let refunds = app.engine.store().refunds_of(&payment.id).await?;
    let bodies = refund_bodies(app, &refunds).await?;
    Ok(json(status, &PaymentBody::of(payment, bodies)))
}
