//! Telling the merchant's systems: which endpoints hear of an event, what is sent, and how the
//! endpoints are kept. The message is built in the commit that makes the event, with the same id
//! and body at every try (INV-29, INV-30).

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use tuikuan_domain::{Event, MerchantName, Refund};
use tuikuan_store::{
    Action, AdminChange, Administered, DeliveryId, Endpoint, EndpointId, NewDelivery, ReadError,
    Store,
};

use crate::by::By;
use crate::clock::IdSource;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::network::Network;

/// The endpoints of the store, kept in memory because every commit needs them.
pub(crate) struct Endpoints {
    kept: RwLock<Arc<Kept>>,
}

/// The endpoints, and their version, which is never ahead of them.
struct Kept {
    version: i64,
    list: Vec<Endpoint>,
}

impl Kept {
    async fn read(store: &Store) -> Result<Arc<Self>, ReadError> {
        let version = store.settings_versions().await?.endpoints;
        let list = store.endpoints().await?;
        Ok(Arc::new(Self { version, list }))
    }
}

/// The messages that an event causes, and with which version of the endpoints.
pub(crate) struct Told {
    pub(crate) deliveries: Vec<NewDelivery>,
    pub(crate) version: i64,
}

impl Endpoints {
    pub(crate) async fn load(store: &Store) -> Result<Self, ReadError> {
        Ok(Self {
            kept: RwLock::new(Kept::read(store).await?),
        })
    }

    /// Reads them anew, after one was changed here or by another process. What was read last is kept, as
    /// rules are.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), ReadError> {
        let fresh = Kept::read(store).await?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Reads them anew if this is not their version.
    pub(crate) async fn follow(&self, store: &Store, version: i64) -> Result<(), ReadError> {
        match self.kept().version == version {
            true => Ok(()),
            false => self.reload(store).await,
        }
    }

    fn kept(&self) -> Arc<Kept> {
        Arc::clone(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The messages that an event causes.
    pub(crate) fn deliveries(&self, event: &Event, refund: &Refund, ids: &dyn IdSource) -> Told {
        let kept = self.kept();
        let hears = |e: &&Endpoint| e.enabled && e.merchant == refund.merchant;
        let mut wanted = kept.list.iter().filter(hears).peekable();
        let version = kept.version;
        if wanted.peek().is_none() {
            let deliveries = Vec::new();
            return Told {
                deliveries,
                version,
            };
        }
        let body = message(event, refund);
        let deliveries = wanted
            .map(|endpoint| NewDelivery {
                id: delivery_id(ids),
                endpoint_id: endpoint.id.clone(),
                refund_id: refund.id.clone(),
                seq: event.seq,
                event_type: event.kind.type_name().to_owned(),
                body: body.clone(),
            })
            .collect();
        Told {
            deliveries,
            version,
        }
    }
}

/// The id of a message.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
pub(crate) fn delivery_id(ids: &dyn IdSource) -> DeliveryId {
    format!("msg_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    seq: i64,
    source: &'a str,
    refund: RefundData<'a>,
}

/// The refund as a webhook shows it: the state after the event, amounts in fen, times RFC 3339.
#[derive(Serialize)]
struct RefundData<'a> {
    id: &'a str,
    merchant: &'a str,
    out_refund_no: &'a str,
    out_trade_no: Option<&'a str>,
    transaction_id: Option<&'a str>,
    refund_id: Option<&'a str>,
    amount: i64,
    total: Option<i64>,
    currency: &'a str,
    status: &'a str,
    pending_reason: Option<&'a str>,
    attention: Option<&'a str>,
    error_code: Option<&'a str>,
    user_received_account: Option<&'a str>,
    metadata: Option<serde_json::Value>,
    created_at: String,
    succeeded_at: Option<String>,
    ended_at: Option<String>,
    version: i64,
}

/// The body of the message about an event.
fn message(event: &Event, refund: &Refund) -> String {
    let order = &refund.content.order;
    let text = |time: Option<Timestamp>| time.map(|t| t.to_string());
    let data = RefundData {
        id: refund.id.as_str(),
        merchant: refund.merchant.as_str(),
        out_refund_no: refund.out_refund_no.as_str(),
        out_trade_no: order.out_trade_no.as_ref().map(AsRef::as_ref),
        transaction_id: order.transaction_id.as_ref().map(AsRef::as_ref),
        refund_id: refund.refund_id.as_ref().map(AsRef::as_ref),
        amount: refund.content.amount.get(),
        total: refund.total.map(tuikuan_terms::Fen::get),
        currency: "CNY",
        status: refund.status.as_str(),
        pending_reason: refund
            .pending_reason
            .map(tuikuan_domain::PendingReason::as_str),
        attention: refund.attention.map(|a| a.reason.as_str()),
        error_code: refund.error.as_ref().map(|e| e.code.as_str()),
        user_received_account: refund.user_received_account.as_deref(),
        metadata: refund
            .content
            .metadata
            .as_deref()
            .and_then(|m| serde_json::from_str(m).ok()),
        created_at: refund.created_at.to_string(),
        succeeded_at: text(refund.succeeded_at),
        ended_at: text(refund.ended_at),
        version: refund.version,
    };
    let message = Message {
        kind: event.kind.type_name(),
        timestamp: event.at.to_string(),
        data: Data {
            seq: event.seq,
            source: event.source.as_str(),
            refund: data,
        },
    };
    serde_json::to_string(&message).unwrap_or_default()
}

/// An endpoint as a caller asks for it.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Whose refunds it hears of.
    pub merchant: MerchantName,
    /// Where messages go: https.
    pub url: String,
}

/// The longest URL of an endpoint, in bytes.
const URL_BYTES_MAX: usize = 1024;

/// The URL as it will be called, or why it cannot be an endpoint's. Odd spellings of an address
/// show what they are.
fn checked_url(url: &str, network: &dyn Network) -> Result<String, EngineError> {
    let refuse = |reason: &str| {
        Err(EngineError::EndpointRefused {
            reason: reason.to_owned(),
        })
    };
    if url.len() > URL_BYTES_MAX {
        return refuse("the URL is longer than 1024 bytes");
    }
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return refuse("the URL cannot be read");
    };
    let Some(host) = parsed.host_str() else {
        return refuse("the URL names no host");
    };
    if parsed.scheme() != "https" {
        return refuse("the URL must begin with https://");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return refuse("the URL must not carry a user or password");
    }
    if parsed.fragment().is_some() || parsed.port() == Some(0) {
        return refuse("the URL must not carry a fragment or port 0");
    }
    let literal = host
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .ok();
    if literal.is_some_and(|address| !network.permits(address)) {
        return refuse("the address is not public; an operator may allow it with webhooks.allow");
    }
    Ok(parsed.to_string())
}

impl Engine {
    fn fresh_secret(&self) -> SecretString {
        use base64::Engine as _;
        let mut bytes = self.ids().random().into_bytes().to_vec();
        bytes.extend_from_slice(self.ids().random().as_bytes());
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        SecretString::from(format!("whsec_{text}"))
    }

    /// Adds an endpoint and gives it with its secret, which is shown this once.
    ///
    /// # Errors
    /// [`EngineError::EndpointRefused`] for a URL that cannot be used.
    pub async fn add_endpoint(&self, new: NewEndpoint, by: &By) -> Result<Endpoint, EngineError> {
        let url = checked_url(&new.url, self.network().as_ref())?;
        self.merchant(&new.merchant)
            .ok_or(EngineError::UnknownMerchant)?;
        let endpoint = Endpoint {
            id: endpoint_id(self.ids()),
            merchant: new.merchant,
            url,
            secret: self.fresh_secret(),
            enabled: true,
            disabled_reason: None,
            failing_since: None,
            created_at: self.now(),
        };
        let act = Administered::EndpointCreated(endpoint.clone());
        self.administer(act, (by, Action::ENDPOINT_CREATED, &endpoint))
            .await?;
        Ok(endpoint)
    }

    /// Changes an endpoint: another URL, switched on or off.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::EndpointRefused`].
    pub async fn update_endpoint(
        &self,
        endpoint: Endpoint,
        by: &By,
    ) -> Result<Endpoint, EngineError> {
        let url = checked_url(&endpoint.url, self.network().as_ref())?;
        let endpoint = Endpoint { url, ..endpoint };
        let act = Administered::EndpointUpdated(endpoint.clone());
        self.administer(act, (by, Action::ENDPOINT_UPDATED, &endpoint))
            .await?;
        Ok(endpoint)
    }

    /// Gives an endpoint a new secret, shown this once. Messages already made are signed with it at
    /// their next try.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn rotate_endpoint_secret(
        &self,
        id: &EndpointId,
        by: &By,
    ) -> Result<Endpoint, EngineError> {
        let stored = self
            .store()
            .endpoint(id)
            .await?
            .ok_or(EngineError::NotFound)?;
        let endpoint = Endpoint {
            secret: self.fresh_secret(),
            ..stored
        };
        let act = Administered::EndpointRotated(endpoint.clone());
        self.administer(act, (by, Action::ENDPOINT_SECRET_ROTATED, &endpoint))
            .await?;
        Ok(endpoint)
    }

    /// Removes an endpoint. Nothing is sent to it any more; what was pending is dead soon.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn delete_endpoint(&self, id: &EndpointId, by: &By) -> Result<(), EngineError> {
        let endpoint = self
            .store()
            .endpoint(id)
            .await?
            .ok_or(EngineError::NotFound)?;
        let act = Administered::EndpointDeleted(id.clone());
        self.administer(act, (by, Action::ENDPOINT_DELETED, &endpoint))
            .await?;
        self.litter().notify_one();
        Ok(())
    }

    /// Sends a message again from its first try, whatever became of it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn redeliver(&self, id: &DeliveryId, by: &By) -> Result<(), EngineError> {
        let delivery = self
            .store()
            .delivery(id)
            .await?
            .ok_or(EngineError::NotFound)?;
        self.redeliver_all(vec![delivery.id], &delivery.endpoint_id, by)
            .await?;
        Ok(())
    }

    /// Sends a test message once, now, and says what the receiver answered.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], or [`EngineError::EndpointRefused`] with what went wrong.
    pub async fn send_test(&self, id: &EndpointId, by: &By) -> Result<u16, EngineError> {
        let endpoint = self
            .store()
            .endpoint(id)
            .await?
            .ok_or(EngineError::NotFound)?;
        let detail = serde_json::json!({ "merchant": endpoint.merchant.as_str() });
        self.audit(by, Action::ENDPOINT_TESTED, id.as_str(), detail)
            .await?;
        let body = format!(
            "{{\"type\":\"webhook.test\",\"timestamp\":\"{}\",\"data\":{{}}}}",
            self.now()
        );
        let refuse = |reason: String| EngineError::EndpointRefused { reason };
        let id = delivery_id(self.ids());
        let call = crate::job::deliver::signed(self, &endpoint, (&id, &body)).map_err(refuse)?;
        self.network()
            .deliver(call)
            .await
            .map_err(|error| refuse(error.to_string()))
    }

    async fn administer(
        &self,
        act: Administered,
        (by, action, endpoint): (&By, Action, &Endpoint),
    ) -> Result<(), EngineError> {
        let detail = serde_json::json!({ "merchant": endpoint.merchant.as_str() });
        let audit = by.entry(self.now(), action, (endpoint.id.as_str(), detail));
        self.store().administer(AdminChange { act, audit }).await?;
        self.reload_endpoints().await?;
        Ok(())
    }
}

/// The id of an endpoint.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
fn endpoint_id(ids: &dyn IdSource) -> EndpointId {
    format!("ep_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}
