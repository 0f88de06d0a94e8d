//! A server over a real engine and a database in a folder of its own. Nothing leaves: calls to
//! WeChat are not sent, webhooks are taken and counted.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::{
    CallError, Engine, EngineParts, MachineClock, MachineIds, Merchant, Network, NewKey, Sending,
    WebhookCall, WebhookError,
};
use tuikuan_server::{Server, ServerParts, Settings};
use tuikuan_store::{AdminChange, Administered, ApiKey, NewAudit, Options, Scope, Store};
use tuikuan_wechat::credentials::Credentials;
use tuikuan_wechat::http::{Request as WechatRequest, Response as WechatResponse};
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Account, Api};

/// Sees every merchant.
pub(crate) const ALL: &str = "tk_all_0123456789abcdef0123456789abcdef";
/// Sees the merchant `main` only.
pub(crate) const MAIN: &str = "tk_main_0123456789abcdef0123456789abcde";
/// Sees the merchant `other` only.
pub(crate) const OTHER: &str = "tk_other_0123456789abcdef0123456789abcd";
/// The v2 key of `main`, as in the published vectors.
pub(crate) const API_V2_KEY: &str = "TESTONLYapiv2key0123456789ABCDEF";
/// The merchant number of `main`.
pub(crate) const MCH_ID: &str = "1900000109";

#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) webhooks: Mutex<Vec<WebhookCall>>,
}

impl Network for Taken {
    fn call<'a>(
        &'a self,
        _merchant: &'a Merchant,
        _request: WechatRequest,
    ) -> Sending<'a, Result<WechatResponse, CallError>> {
        Box::pin(async {
            Err(CallError::NotSent {
                reason: "no network in tests".to_owned(),
            })
        })
    }

    fn deliver<'a>(&'a self, call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(async move {
            self.webhooks.lock().unwrap().push(call);
            Ok(204)
        })
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) router: Router,
    pub(crate) network: Arc<Taken>,
    folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let code = self.json()["code"].as_str().unwrap().to_owned();
        (self.status.as_u16(), code)
    }
}

fn account(mch_id: &str, api: Api) -> Account {
    let v2_key = SecretString::from(API_V2_KEY);
    let v3_key = SecretString::from("TESTONLYapiv3key0123456789ABCDEF");
    let credentials = Credentials::new().with_api_v2_key(v2_key).unwrap();
    Account {
        mch_id: mch_id.parse().unwrap(),
        app_id: "wx8888888888888888".parse().unwrap(),
        sub: None,
        api,
        sign_type: SignType::HmacSha256,
        credentials: credentials.with_api_v3_key(v3_key).unwrap(),
    }
}

pub(crate) async fn engine(folder: &TempDir, network: Arc<Taken>) -> Engine {
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let merchant = |name: &str, mch_id: &str, api| {
        Arc::new(Merchant::new(
            name.parse().unwrap(),
            account(mch_id, api),
            None,
        ))
    };
    Engine::new(EngineParts {
        store: Arc::new(Store::open(&url, &Options::default()).await.unwrap()),
        merchants: vec![
            merchant("main", MCH_ID, Api::V2),
            merchant("other", "1900000110", Api::V3),
        ],
        clock: Arc::new(MachineClock::real()),
        ids: Arc::new(MachineIds),
        network,
        settings: tuikuan_engine::Settings::default(),
    })
    .await
    .unwrap()
}

pub(crate) async fn add_key(engine: &Engine, token: &str, scope: Scope) -> ApiKey {
    let computed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let now = engine.now();
    let key = ApiKey {
        id: format!("key_{}", &token[3..]).parse().unwrap(),
        name: "test".to_owned(),
        hash: computed.as_ref().try_into().unwrap(),
        owner: None,
        role: Role::Operator,
        scope,
        created_at: now,
        created_by: None,
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    administer(engine, Administered::KeyCreated(key.clone()), now).await;
    key
}

/// A key as the command line makes it.
pub(crate) async fn make_key(engine: &Engine, token: &str, new: NewKey) -> ApiKey {
    let computed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let hash = computed.as_ref().try_into().unwrap();
    let people = engine.people();
    people.create_key(&Actor::Cli, hash, new).await.unwrap()
}

pub(crate) async fn administer(engine: &Engine, act: Administered, at: Timestamp) {
    let audit = NewAudit {
        at,
        actor: "test".to_owned(),
        action: "test".to_owned(),
        subject: "test".to_owned(),
        detail: "{}".to_owned(),
    };
    engine
        .store()
        .administer(AdminChange { act, audit })
        .await
        .unwrap();
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let (folder, network) = (TempDir::new().unwrap(), Arc::new(Taken::default()));
        let engine = engine(&folder, Arc::clone(&network)).await;
        add_key(&engine, ALL, Scope::All).await;
        add_key(&engine, MAIN, Scope::Only(vec!["main".parse().unwrap()])).await;
        add_key(&engine, OTHER, Scope::Only(vec!["other".parse().unwrap()])).await;
        let router = Server::new(ServerParts {
            engine: engine.clone(),
            settings,
        })
        .router();
        Self {
            engine,
            router,
            network,
            folder,
        }
    }

    /// Whether the database's files hold these bytes.
    pub(crate) fn stores(&self, wanted: &[u8]) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flatten().any(|file| {
            let bytes = std::fs::read(file.path()).unwrap();
            bytes.windows(wanted.len()).any(|window| window == wanted)
        })
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: head.status,
            headers: head.headers,
            text,
        }
    }

    pub(crate) async fn get_as(&self, key: &str, path: &str) -> Answer {
        self.send(request("GET", path, key).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(ALL, path).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = request(method, path, ALL).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, body.to_string()).await
    }

    /// A payment and a refund of it; the refund's id.
    pub(crate) async fn refund(&self, merchant: &str, number: &str) -> String {
        let order = format!("ORDER-{number}");
        let path = format!("/v1/payments/{merchant}/{order}");
        let paid = self.call("PUT", &path, r#"{"total":3960}"#).await;
        assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.text);
        let ask = serde_json::json!({"merchant": merchant, "out_trade_no": order, "amount": 1980, "out_refund_no": number});
        let made = self.post("/v1/refunds", &ask).await;
        assert_eq!(made.status, StatusCode::ACCEPTED, "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn request(method: &str, path: &str, key: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
}
