//! `/metrics`: what an operator watches. Counters are kept as things happen; figures about the
//! store are read when somebody asks. Labels are words of ours, never text from outside (INV-37).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tuikuan_engine::{Engine, Received};
use tuikuan_store::{LIST_MAX, ReadError};

use crate::app::{App, Shared};
use crate::code::Code;
use crate::policy::Row;
use crate::problem::Problem;

/// Upper bounds of the times of answers, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// A job that has been due for so long will not be done by itself.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// What the server counts itself.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    notifications: Family<OutcomeLabels, Counter>,
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Counter,
}

impl Metrics {
    /// Counters at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("tuikuan");
        let requests = Family::default();
        let make: fn() -> Histogram = || Histogram::new(SECONDS);
        let seconds = Family::new_with_constructor(make);
        let notifications = Family::default();
        let connections = Gauge::default();
        let connections_refused = Counter::default();
        registry.register(
            "http_requests",
            "Requests answered",
            Family::clone(&requests),
        );
        registry.register(
            "http_request_seconds",
            "Time to answer",
            Family::clone(&seconds),
        );
        registry.register(
            "notifications",
            "Notifications answered",
            Family::clone(&notifications),
        );
        registry.register(
            "http_connections",
            "Connections open",
            Gauge::clone(&connections),
        );
        registry.register(
            "http_connections_refused",
            "Connections refused because all were in use",
            Counter::clone(&connections_refused),
        );
        Self {
            registry,
            requests,
            seconds,
            notifications,
            connections,
            connections_refused,
        }
    }

    /// Counts an answer.
    pub(crate) fn count_request(&self, row: Option<&'static Row>, status: u16, took: Duration) {
        let (method, route) = row.map_or(("", "none"), |row| (row.method, row.path));
        let labels = RequestLabels {
            method,
            route,
            status: u32::from(status),
        };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { method, route };
        self.seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts a notification by how it was answered.
    pub(crate) fn count_notification(&self, received: Received) {
        let outcome = match received {
            Received::Stored => "stored",
            Received::NotUnderstood => "not_understood",
            Received::NotStored => "not_stored",
        };
        self.notifications
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    fn text(&self, now: &Registry) -> Result<String, Problem> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)
            .and_then(|()| encode(&mut text, now))
            .map_err(|error| Problem::new(Code::INTERNAL, error.to_string()))?;
        Ok(text)
    }
}

type Labels = Vec<(&'static str, String)>;

/// The figures that are read when asked.
async fn gather(app: &Shared) -> Result<Registry, ReadError> {
    let mut registry = Registry::with_prefix("tuikuan");
    let engine = &app.engine;
    let store = engine.store();
    let refunds = Family::<Labels, Gauge>::default();
    for count in store.counts().await? {
        let labels = vec![
            ("merchant", count.merchant.to_string()),
            ("status", count.status.as_str().to_owned()),
        ];
        refunds.get_or_create(&labels).set(count.refunds);
    }
    registry.register("refunds", "Refunds by merchant and status", refunds);
    let lag = Family::<Labels, Gauge>::default();
    let now = engine.now();
    for due in store.lanes().await? {
        let labels = vec![("lane", due.lane.to_string())];
        lag.get_or_create(&labels)
            .set(milliseconds(now.duration_since(due.due_at)));
    }
    registry.register(
        "lane_lag_milliseconds",
        "How long the longest due job of a lane has been due; negative: it is due in the future",
        lag,
    );
    let ready = Gauge::<i64>::default();
    ready.set(i64::from(crate::health::reasons(app).await.is_empty()));
    registry.register("ready", "1 when new refunds are taken", ready);
    let stuck = Gauge::<i64>::default();
    let overdue = tuikuan_domain::after(now, -OVERDUE);
    let found = store.stuck(overdue, LIST_MAX).await?;
    stuck.set(i64::try_from(found.len()).unwrap_or(i64::MAX));
    registry.register(
        "refunds_stuck",
        "Refunds that nothing will move, counted up to 200; anything but 0 is a mistake of ours",
        stuck,
    );
    register_clocks(&mut registry, engine);
    register_tally(&mut registry, engine);
    Ok(registry)
}

fn register_clocks(registry: &mut Registry, engine: &Engine) {
    let offset = Family::<Labels, Gauge>::default();
    if let Some(offsets) = engine.clock_offsets() {
        for (clock, ahead) in [("engine", offsets.engine), ("machine", offsets.machine)] {
            let labels = vec![("clock", clock.to_owned())];
            offset.get_or_create(&labels).set(milliseconds(ahead));
        }
    }
    registry.register(
        "clock_offset_milliseconds",
        "How far this node's clocks are ahead of the database's; none where they are one",
        offset,
    );
}

fn register_tally(registry: &mut Registry, engine: &Engine) {
    let happened = Family::<Labels, Counter>::default();
    for (name, label, count) in engine.tally().snapshot() {
        let labels = vec![("event", name.to_owned()), ("label", label)];
        happened.get_or_create(&labels).inc_by(count);
    }
    registry.register(
        "engine_events",
        "What the engine did since it started: calls, their outcomes, deliveries",
        happened,
    );
}

fn milliseconds(wait: SignedDuration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

/// The figures, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String),
        crate::documentation::ReadProblems))]
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = app.metrics.text(&gather(&app).await?)?;
    let mut response = text.into_response();
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    Ok(response)
}

/// Counts an open connection for as long as it lives.
pub(crate) struct Open(Arc<Shared>);

impl Open {
    /// One more.
    pub(crate) fn count(app: &App) -> Self {
        app.metrics.connections.inc();
        Self(Arc::clone(app))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}
