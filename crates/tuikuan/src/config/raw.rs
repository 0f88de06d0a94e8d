//! The file as it is written: every key there is, nothing checked but its form. Unknown keys are
//! errors. The sections stand in the order of the documentation.

use serde::Deserialize;

use super::value::{Span, Value};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfig {
    pub(crate) server: RawServer,
    pub(crate) store: RawStore,
    pub(crate) engine: RawEngine,
    pub(crate) webhooks: RawWebhooks,
    pub(crate) log: RawLog,
    pub(crate) merchant: Vec<RawMerchant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawServer {
    pub(crate) listen: Option<Value>,
    pub(crate) public_url: Option<Value>,
    pub(crate) console_url: Option<Value>,
    pub(crate) metrics: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawStore {
    pub(crate) url: Option<Value>,
    pub(crate) key_file: Option<Value>,
    pub(crate) connections: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawEngine {
    pub(crate) lease: Option<Span>,
    pub(crate) wechat_timeout: Option<Span>,
    pub(crate) first_query: Option<Span>,
    pub(crate) visibility: Option<Span>,
    pub(crate) spacing: Option<Span>,
    pub(crate) balance: Option<Vec<Span>>,
    pub(crate) rate_limit: Option<Vec<Span>>,
    pub(crate) order_not_ready: Option<Vec<Span>>,
    pub(crate) merchant: Option<Vec<Span>>,
    pub(crate) unreachable: Option<Vec<Span>>,
    pub(crate) resend: Option<Vec<Span>>,
    pub(crate) unknown_attention: Option<Span>,
    pub(crate) query_until: Option<Span>,
    pub(crate) submits_per_second: Option<u32>,
    pub(crate) queries_per_second: Option<u32>,
    pub(crate) errors_per_second: Option<u32>,
    pub(crate) old_orders_per_minute: Option<u32>,
    pub(crate) calls_in_flight: Option<u32>,
    pub(crate) total_max: Option<i64>,
    pub(crate) exchanges_kept: Option<Span>,
    pub(crate) certificates_refresh: Option<Span>,
    pub(crate) bill_at: Option<Span>,
    pub(crate) clock_ahead: Option<Span>,
    pub(crate) bill_spread: Option<Span>,
    pub(crate) bill_look_back: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawWebhooks {
    pub(crate) allow: Vec<String>,
    pub(crate) trust_ca: Option<Value>,
    pub(crate) retry: Option<Vec<Span>>,
    pub(crate) disable_after: Option<Span>,
    pub(crate) deliveries_in_flight: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawLog {
    pub(crate) level: Option<Value>,
    pub(crate) format: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawMerchant {
    pub(crate) name: Option<Value>,
    pub(crate) mch_id: Option<Value>,
    pub(crate) appid: Option<Value>,
    pub(crate) sub_mch_id: Option<Value>,
    pub(crate) sub_appid: Option<Value>,
    pub(crate) api: Option<Value>,
    pub(crate) api_v2_key: Option<Value>,
    pub(crate) api_v3_key: Option<Value>,
    pub(crate) certificate: Option<Value>,
    pub(crate) private_key: Option<Value>,
    pub(crate) p12: Option<Value>,
    pub(crate) p12_password: Option<Value>,
    pub(crate) wechat_public_key_id: Option<Value>,
    pub(crate) wechat_public_key: Option<Value>,
    pub(crate) sign_type: Option<Value>,
    pub(crate) endpoint: Option<Value>,
    pub(crate) endpoint_backup: Option<Value>,
    pub(crate) trust_ca: Option<Value>,
}
