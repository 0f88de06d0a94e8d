//! The control side: plain JSON for tests and demonstrations. It plays the payer, decides refunds,
//! sets faults, moves the clock and shows the books. Errors are `{"error", "field"?}` with a
//! sentence; unknown members are refused.

mod bills;
mod keys;
mod view;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Shared;
use crate::books::RefundStatus;
use crate::fault::FaultRule;
use crate::limits::Limits;
use crate::merchant::VerificationMode;
use crate::world::{ControlError, CouponInput, OutcomePolicy, PaidOrder, PortalRefund, Schedule};

type Answer = Result<Json<Value>, Refused>;
type Here = State<Arc<Shared>>;

/// Why a control call is refused.
pub(super) struct Refused {
    status: StatusCode,
    message: String,
    field: Option<&'static str>,
}

impl Refused {
    fn bad(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            field: None,
        }
    }

    fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::bad(message)
        }
    }
}

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        let (status, field) = match &error {
            ControlError::Field { field, .. } => (StatusCode::BAD_REQUEST, Some(*field)),
            ControlError::NotFound { .. } => (StatusCode::NOT_FOUND, None),
            ControlError::Conflict { .. } => (StatusCode::CONFLICT, None),
        };
        Self {
            status,
            message: error.to_string(),
            field,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.message });
        if let (Some(field), Some(object)) = (self.field, body.as_object_mut()) {
            object.insert("field".to_owned(), field.into());
        }
        (self.status, Json(body)).into_response()
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::bad(error.to_string()))
}

/// Serves the control side until the simulator stops.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    let router = Router::new()
        .route("/orders", get(orders).post(new_order))
        .route("/orders/{mch_id}/{out_trade_no}", get(order))
        .route("/orders/{mch_id}/{out_trade_no}/pay", post(pay))
        .route("/refunds", get(refunds))
        .route("/refunds/{refund_id}/outcome", post(outcome))
        .route("/portal-refunds", post(portal_refund))
        .route("/merchants", get(merchants))
        .route(
            "/merchants/{mch_id}/balance",
            get(balance).post(set_balance),
        )
        .route("/merchants/{mch_id}/notify-url", post(notify_url))
        .route("/merchants/{mch_id}/mode", post(mode))
        .route("/merchants/{mch_id}/rotate", post(keys::rotate))
        .route("/faults", get(faults).put(set_faults).post(add_fault))
        .route("/faults/counts", get(fault_counts))
        .route("/limits", get(limits).put(set_limits))
        .route(
            "/limits/exceeded",
            get(|State(s): Here| async move { Json(s.world().exceeded()) }),
        )
        .route(
            "/outcomes",
            get(outcomes).post(set_outcomes).put(set_outcomes),
        )
        .route("/schedule", post(schedule))
        .route("/clock", get(clock).post(push_clock))
        .route("/notifications", get(notifications))
        .merge(bills::routes())
        .fallback(unknown)
        .with_state(shared);
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the control side ended");
    }
}

async fn unknown() -> Refused {
    Refused {
        status: StatusCode::NOT_FOUND,
        ..Refused::bad("no such path")
    }
}

async fn new_order(State(shared): Here, body: Bytes) -> Result<(StatusCode, Json<Value>), Refused> {
    let new: PaidOrder = read(&body)?;
    let view = {
        let mut world = shared.world();
        world.place_paid_order(&new)?;
        let order = world.find(&new.mch_id, new.sub_mch_id.as_deref(), &new.out_trade_no)?;
        view::order(&world, order)
    };
    shared.bell.notify_one();
    Ok((StatusCode::CREATED, Json(view)))
}

/// Which records are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    mch_id: Option<String>,
    sub_mch_id: Option<String>,
    out_trade_no: Option<String>,
    out_refund_no: Option<String>,
}

impl Filter {
    fn agrees(wanted: Option<&String>, found: Option<&str>) -> bool {
        wanted.is_none_or(|wanted| found == Some(wanted.as_str()))
    }
}

async fn orders(State(shared): Here, Query(filter): Query<Filter>) -> Json<Value> {
    let world = shared.world();
    let rows = world.orders().iter().filter(|order| {
        Filter::agrees(filter.mch_id.as_ref(), Some(world.mch_id_of(order)))
            && Filter::agrees(filter.out_trade_no.as_ref(), Some(&order.out_trade_no))
    });
    Json(rows.map(|order| view::order(&world, order)).collect())
}

async fn order(
    State(shared): Here,
    Path((mch_id, out_trade_no)): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Answer {
    let world = shared.world();
    let order = world.find(&mch_id, filter.sub_mch_id.as_deref(), &out_trade_no)?;
    Ok(Json(view::order(&world, order)))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Payment {
    sub_mch_id: Option<String>,
    coupons: Vec<CouponInput>,
}

async fn pay(
    State(shared): Here,
    Path((mch_id, out_trade_no)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let payment = if body.is_empty() {
        Payment::default()
    } else {
        read(&body)?
    };
    let sub = payment.sub_mch_id.as_deref();
    let view = {
        let mut world = shared.world();
        world.pay_order(&mch_id, sub, &out_trade_no, &payment.coupons)?;
        let order = world.find(&mch_id, sub, &out_trade_no)?;
        view::order(&world, order)
    };
    shared.bell.notify_one();
    Ok(Json(view))
}

async fn refunds(State(shared): Here, Query(filter): Query<Filter>) -> Json<Value> {
    let world = shared.world();
    let rows = world.refunds().iter().filter(|refund| {
        let order = world.order_of(refund);
        Filter::agrees(filter.mch_id.as_ref(), Some(world.mch_id_of(order)))
            && Filter::agrees(filter.sub_mch_id.as_ref(), order.sub_mch_id.as_deref())
            && Filter::agrees(filter.out_trade_no.as_ref(), Some(&order.out_trade_no))
            && Filter::agrees(filter.out_refund_no.as_ref(), Some(&refund.out_refund_no))
    });
    Json(rows.map(|refund| view::refund(&world, refund)).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    status: RefundStatus,
}

async fn outcome(State(shared): Here, Path(refund_id): Path<String>, body: Bytes) -> Answer {
    let decision: Decision = read(&body)?;
    shared.world().decide(&refund_id, decision.status)?;
    shared.bell.notify_one();
    Ok(Json(
        json!({ "refund_id": refund_id, "status": decision.status }),
    ))
}

async fn portal_refund(State(shared): Here, body: Bytes) -> Answer {
    let new: PortalRefund = read(&body)?;
    let refund_id = shared.world().portal_refund(&new)?;
    shared.bell.notify_one();
    let world = shared.world();
    let found = world
        .refunds()
        .iter()
        .rev()
        .find(|refund| refund.refund_id == refund_id);
    Ok(Json(found.map_or(Value::Null, |refund| {
        view::refund(&world, refund)
    })))
}

async fn merchants(State(shared): Here) -> Json<Value> {
    let world = shared.world();
    Json(world.merchants.iter().map(view::merchant).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    amount: i64,
    #[serde(default)]
    unsettled: Option<i64>,
}

async fn balance(State(shared): Here, Path(mch_id): Path<String>) -> Answer {
    let (amount, unsettled) = shared.world().balance(&mch_id)?;
    Ok(Json(
        json!({ "mch_id": mch_id, "amount": amount, "unsettled": unsettled }),
    ))
}

async fn set_balance(State(shared): Here, Path(mch_id): Path<String>, body: Bytes) -> Answer {
    let new: Balance = read(&body)?;
    shared
        .world()
        .set_balance(&mch_id, new.amount, new.unsettled)?;
    balance(State(shared), Path(mch_id)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifyUrl {
    url: Option<String>,
}

async fn notify_url(State(shared): Here, Path(mch_id): Path<String>, body: Bytes) -> Answer {
    let new: NotifyUrl = read(&body)?;
    shared.world().set_notify_url(&mch_id, new.url.clone())?;
    Ok(Json(json!({ "mch_id": mch_id, "url": new.url })))
}

/// Either the word itself or `{"mode": word}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Mode {
    Bare(VerificationMode),
    Named { mode: VerificationMode },
}

async fn mode(State(shared): Here, Path(mch_id): Path<String>, body: Bytes) -> Answer {
    let mode = match read(&body)? {
        Mode::Bare(mode) | Mode::Named { mode } => mode,
    };
    shared.world().set_mode(&mch_id, mode)?;
    Ok(Json(json!({ "mch_id": mch_id, "mode": mode })))
}

async fn faults(State(shared): Here) -> Json<Value> {
    Json(json!(shared.world().faults()))
}

fn check(rules: &[FaultRule]) -> Result<(), Refused> {
    let bad = |rate: f64| !(0.0..=1.0).contains(&rate);
    match rules.iter().position(|rule| rule.rate.is_some_and(bad)) {
        Some(at) => Err(Refused::bad(format!("rule {at}: rate must be 0 to 1"))),
        None => Ok(()),
    }
}

async fn set_faults(State(shared): Here, body: Bytes) -> Answer {
    let rules: Vec<FaultRule> = read(&body)?;
    check(&rules)?;
    shared.world().set_faults(rules);
    Ok(faults(State(shared)).await)
}

async fn add_fault(State(shared): Here, body: Bytes) -> Answer {
    let rule: FaultRule = read(&body)?;
    check(std::slice::from_ref(&rule))?;
    shared.world().add_fault(rule);
    Ok(faults(State(shared)).await)
}

async fn fault_counts(State(shared): Here) -> Json<Value> {
    Json(json!(shared.world().fault_counts()))
}

async fn limits(State(shared): Here) -> Json<Value> {
    Json(json!(shared.world().limits()))
}

async fn set_limits(State(shared): Here, body: Bytes) -> Answer {
    let new: Limits = read(&body)?;
    shared.world().set_limits(new);
    Ok(limits(State(shared)).await)
}

async fn outcomes(State(shared): Here) -> Json<Value> {
    Json(json!(shared.world().outcomes()))
}

async fn set_outcomes(State(shared): Here, body: Bytes) -> Answer {
    let new: OutcomePolicy = read(&body)?;
    shared.world().set_outcomes(new);
    Ok(outcomes(State(shared)).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSchedule {
    schedule: Schedule,
}

async fn schedule(State(shared): Here, body: Bytes) -> Answer {
    let new: NewSchedule = read(&body)?;
    shared.world().set_schedule(new.schedule);
    Ok(Json(json!({ "schedule": new.schedule })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    advance_s: u32,
}

async fn clock(State(shared): Here) -> Json<Value> {
    let now_ms = shared.world().now_ms();
    Json(json!({ "now": crate::beijing::rfc3339(now_ms), "now_ms": now_ms }))
}

async fn push_clock(State(shared): Here, body: Bytes) -> Answer {
    let push: Push = read(&body)?;
    shared.clock().push(i64::from(push.advance_s) * 1_000);
    let answer = clock(State(Arc::clone(&shared))).await;
    shared.bell.notify_one();
    Ok(answer)
}

async fn notifications(State(shared): Here, Query(filter): Query<Filter>) -> Json<Value> {
    let world = shared.world();
    let rows = world.notifications().iter().filter(|record| {
        Filter::agrees(filter.mch_id.as_ref(), Some(&record.mch_id))
            && Filter::agrees(filter.out_trade_no.as_ref(), Some(&record.out_trade_no))
            && Filter::agrees(
                filter.out_refund_no.as_ref(),
                record.out_refund_no.as_deref(),
            )
    });
    Json(rows.map(view::notification).collect())
}
