//! Delivers one webhook. At least once, the same id and body at each try, signed over both and the
//! time (Standard Webhooks), until the receiver says 2xx or the message is visibly dead (INV-30).

use secrecy::ExposeSecret;
use tuikuan_domain::after;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_store::{Delivery, DeliveryEnd, DeliveryId, DeliveryReport, Endpoint};

use crate::engine::{Engine, Held};
use crate::internet::WEBHOOK_TIMEOUT_MAX;
use crate::ledger::LedgerError;
use crate::network::{WebhookCall, WebhookError};

/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 300;

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now.
pub(crate) async fn run(engine: &Engine, held: &Held, id: &DeliveryId) -> Result<(), LedgerError> {
    let Some(delivery) = engine.store().delivery(id).await? else {
        return Ok(());
    };
    let endpoint = engine.store().endpoint(&delivery.endpoint_id).await?;
    let Some(endpoint) = endpoint.filter(|endpoint| endpoint.enabled) else {
        let facts = (None, Some("the endpoint is disabled".to_owned()));
        return finish(engine, held, (DeliveryEnd::Dead, None), facts).await;
    };
    if engine.stopping() || after(engine.now(), WEBHOOK_TIMEOUT_MAX) > held.until {
        return engine.hand_back(held, engine.now()).await;
    }
    let result = match signed(engine, &endpoint, (&delivery.id, &delivery.body)) {
        Ok(call) => engine.network().deliver(call).await,
        Err(reason) => Err(WebhookError::Unreachable { reason }),
    };
    let (end, facts) = judge(engine, &delivery, result);
    engine.tally().count("webhook_deliveries", end_name(end));
    let disable = exhausted(engine, &endpoint, end);
    if let Some(reason) = &disable {
        tracing::warn!(
            endpoint = %endpoint.id,
            merchant = %endpoint.merchant,
            reason,
            "a webhook endpoint is switched off: mend the receiver, then switch it on in the console",
        );
    }
    finish(engine, held, (end, disable), facts).await
}

type Facts = (Option<u16>, Option<String>);

fn judge(
    engine: &Engine,
    delivery: &Delivery,
    result: Result<u16, WebhookError>,
) -> (DeliveryEnd, Facts) {
    let facts = match result {
        Ok(status) if (200..300).contains(&status) => {
            return (DeliveryEnd::Delivered, (Some(status), None));
        }
        Ok(status) => (Some(status), Some(format!("answered with status {status}"))),
        Err(error) => {
            let text: String = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
            (None, Some(text))
        }
    };
    let tried = usize::try_from(delivery.attempts).unwrap_or(usize::MAX);
    match engine.settings().delivery_waits.get(tried) {
        Some(_) if planted::is(Bug::MessageGivenUp) => (DeliveryEnd::Dead, facts),
        Some(wait) => (
            DeliveryEnd::Retry {
                due: after(engine.now(), *wait),
            },
            facts,
        ),
        None => (DeliveryEnd::Dead, facts),
    }
}

fn end_name(end: DeliveryEnd) -> &'static str {
    match end {
        DeliveryEnd::Delivered => "delivered",
        DeliveryEnd::Retry { .. } => "retry",
        DeliveryEnd::Dead => "dead",
    }
}

/// Why the endpoint is to be switched off, if it has failed for too long.
fn exhausted(engine: &Engine, endpoint: &Endpoint, end: DeliveryEnd) -> Option<String> {
    let since = endpoint
        .failing_since
        .filter(|_| end != DeliveryEnd::Delivered)?;
    let limit = engine.settings().endpoint_failing_max;
    (engine.now() > after(since, limit)).then(|| format!("every delivery has failed since {since}"))
}

async fn finish(
    engine: &Engine,
    held: &Held,
    (end, disable): (DeliveryEnd, Option<String>),
    (status, error): Facts,
) -> Result<(), LedgerError> {
    let report = DeliveryReport {
        guard: held.guard.clone(),
        at: engine.now(),
        end,
        http_status: status,
        error,
        disable,
    };
    engine.store().finish_delivery(report).await?;
    Ok(())
}

/// The request with the headers of Standard Webhooks.
pub(crate) fn signed(
    engine: &Engine,
    endpoint: &Endpoint,
    (id, body): (&DeliveryId, &str),
) -> Result<WebhookCall, String> {
    let webhook = standardwebhooks::Webhook::new(endpoint.secret.expose_secret())
        .map_err(|error| format!("the endpoint's secret cannot be used: {error}"))?;
    let seconds = engine.clock().wall().as_second();
    let signature = webhook
        .sign(id.as_str(), seconds, body.as_bytes())
        .map_err(|error| format!("the message could not be signed: {error}"))?;
    Ok(WebhookCall {
        url: endpoint.url.clone(),
        headers: vec![
            ("webhook-id", id.as_str().to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
            ("content-type", "application/json".to_owned()),
        ],
        body: body.to_owned(),
    })
}
