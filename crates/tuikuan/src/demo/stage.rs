//! The stage: simulator, store, engine, server and a receiver of webhooks in one process, talking
//! over real sockets and TLS, on clocks that run faster together.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tuikuan_engine::{
    AddressPolicy, Clock, Engine, EngineParts, Internet, InternetOptions, MachineClock, MachineIds,
    Merchant, Settings,
};
use tuikuan_server::{Server, ServerParts};
use tuikuan_sim::setup::{MerchantPlan, SimMerchant, usual_merchants};
use tuikuan_sim::{Options, Simulator, SubMerchant};
use tuikuan_store::{Scope, Store};
use tuikuan_wechat::client::{Client, ClientOptions};
use tuikuan_wechat::credentials::{Credentials, Identity};
use tuikuan_wechat::keys::PublicKey;
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Account, Api};

use super::plan::SHORT;
use super::receiver::Receiver;
use super::visitor;
use crate::commands::key;

/// How many times as fast the clocks run.
pub(crate) const SPEED: u32 = 60;
/// A call to WeChat ends after so long, in real time.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// A worker's claim holds for so long, in real time.
const LEASE_SECONDS: i64 = 6;
/// Beside WeChat's minute between two refunds of one order: a few milliseconds of jitter count
/// sixty times on a clock that runs sixty times as fast.
const SPACING_SECONDS: i64 = 75;

/// Name, merchant number, sub-merchant and interface of each merchant.
const MERCHANTS: [(&str, &str, Option<&str>, Api); 5] = [
    ("main", "1900000109", None, Api::V3),
    ("classic", "1900000110", None, Api::V2),
    ("provider", "1900000111", Some("1900000209"), Api::V3),
    ("agency", "1900000111", Some("1900000210"), Api::V2),
    (SHORT, "1900000112", None, Api::V3),
];

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) sim: Simulator,
    pub(crate) url: String,
    pub(crate) key: String,
    /// The link that signs a visitor in to the console.
    pub(crate) visit: String,
    engine: Engine,
    pub(crate) receiver: Receiver,
    pub(crate) clock: MachineClock,
    parts: Parts,
    workers: Mutex<Workers>,
    server: TaskTracker,
    stopping: CancellationToken,
}

/// The runtime that workers live on; dropping it kills them at whatever they wait for.
struct Workers(Option<Runtime>);

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What an engine is made of, to make another one after a crash.
struct Parts {
    store: Arc<Store>,
    merchants: Vec<Arc<Merchant>>,
    clients: HashMap<String, ClientOptions>,
    clock: MachineClock,
    webhook_ca: Vec<u8>,
}

impl Stage {
    /// Builds and starts everything in a folder.
    pub(crate) async fn build(dir: &Path, seed: u64) -> anyhow::Result<Self> {
        let sim = simulator(&dir.join("wechat"), seed).await?;
        let stopping = CancellationToken::new();
        let receiver = Receiver::start(stopping.clone()).await?;
        let clock = shared_clock(&sim)?;
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let store_url = format!("sqlite:{}", dir.join("tuikuan.db").display());
        let options = tuikuan_store::Options {
            forwarded_query: settings().schedule.forwarded_query,
            ..tuikuan_store::Options::default()
        };
        let store = Store::open(&store_url, &options)
            .await
            .context("the store could not be opened")?;
        let key = key::make_key(&store, "demo", Scope::All).await?.key;
        let parts = parts(&sim, Arc::new(store), (&url, &clock), receiver.ca())?;
        let engine = parts.engine().await?;
        let server = Server::new(ServerParts {
            engine: engine.clone(),
            settings: tuikuan_server::Settings {
                public_url: Some(url.clone()),
                ..Default::default()
            },
        });
        let visit = visitor::link(&engine, &url).await?;
        let tracker = TaskTracker::new();
        tracker.spawn(server.serve(listener, stopping.clone()));
        tracker.close();
        let stage = Self {
            sim,
            url,
            key,
            visit,
            engine: engine.clone(),
            receiver,
            clock,
            parts,
            workers: Mutex::new(Workers(None)),
            server: tracker,
            stopping,
        };
        stage.start_workers(&engine)?;
        Ok(stage)
    }

    /// The engine behind the server; the workers may run on others.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The names of the merchants.
    pub(crate) fn merchants(&self) -> impl Iterator<Item = &str> {
        self.parts.merchants.iter().map(|m| m.name.as_str())
    }

    /// Merchant number and sub-merchant behind a name.
    pub(crate) fn account(name: &str) -> (&'static str, Option<&'static str>) {
        let found = MERCHANTS.iter().find(|(known, ..)| *known == name);
        found.map_or(("", None), |(_, mch_id, sub, _)| (mch_id, *sub))
    }

    /// Kills the workers in the middle of whatever they do, and starts others, which know only
    /// what is in the store.
    pub(crate) async fn crash_workers(&self) -> anyhow::Result<()> {
        *self.workers() = Workers(None);
        self.start_workers(&self.parts.engine().await?)
    }

    /// The workers live on a runtime of their own, so that they can be killed.
    fn start_workers(&self, engine: &Engine) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("workers")
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        drop(engine.start());
        drop(entered);
        *self.workers() = Workers(Some(runtime));
        Ok(())
    }

    fn workers(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops everything.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        *self.workers() = Workers(None);
        self.server.wait().await;
        self.sim.shutdown().await;
    }
}

async fn simulator(dir: &Path, seed: u64) -> anyhow::Result<Simulator> {
    let mut merchants = usual_merchants();
    if let Some(provider) = merchants.last_mut() {
        provider.sub_merchants.push(SubMerchant {
            sub_mch_id: "1900000210".parse()?,
            sub_app_id: None,
        });
    }
    merchants.push(MerchantPlan {
        mch_id: "1900000112".parse()?,
        app_id: "wx8888888888888888".parse()?,
        sub_merchants: Vec::new(),
    });
    let options = Options {
        speed: f64::from(SPEED),
        seed,
        merchants,
        ..Options::in_dir(dir)
    };
    let sim = Simulator::start(options)
        .await
        .context("the simulator could not be started")?;
    sim.with_world(|world| world.set_balance("1900000112", 0, None))?;
    Ok(sim)
}

/// The simulator's clock, carried on at the same speed.
fn shared_clock(sim: &Simulator) -> anyhow::Result<MachineClock> {
    let now_ms = sim.with_world(|world| world.now_ms());
    let start = Timestamp::from_millisecond(now_ms)?;
    Ok(MachineClock::from_start(start, SPEED))
}

/// Production's numbers, except those that are about this machine's own time.
fn settings() -> Settings {
    let speed = i64::from(SPEED);
    let mut settings = Settings {
        lease: SignedDuration::from_secs(LEASE_SECONDS * speed),
        call_timeout: SignedDuration::from_secs(3 * speed),
        ..Settings::default()
    };
    settings.schedule.spacing = SignedDuration::from_secs(SPACING_SECONDS);
    settings
}

fn parts(
    sim: &Simulator,
    store: Arc<Store>,
    (url, clock): (&str, &MachineClock),
    webhook_ca: &str,
) -> anyhow::Result<Parts> {
    let mut merchants = Vec::with_capacity(MERCHANTS.len());
    let mut clients = HashMap::with_capacity(MERCHANTS.len());
    for (name, mch_id, sub, api) in MERCHANTS {
        let listed = sim.file().merchants.iter().find(|m| m.mch_id == mch_id);
        let listed = listed.with_context(|| format!("the simulator has no merchant {mch_id}"))?;
        let account = account(listed, sim.dir(), (sub, api))?;
        let merchant = Merchant::new(name.parse()?, account, Some(url.to_owned()));
        merchants.push(Arc::new(merchant));
        let options = ClientOptions {
            endpoint: sim.endpoint().to_owned(),
            endpoint_backup: None,
            trust_ca: Some(sim.ca_pem().as_bytes().to_vec()),
            connect_timeout: CALL_TIMEOUT,
            timeout: CALL_TIMEOUT,
        };
        clients.insert(name.to_owned(), options);
    }
    Ok(Parts {
        store,
        merchants,
        clients,
        clock: clock.clone(),
        webhook_ca: webhook_ca.as_bytes().to_vec(),
    })
}

/// An account with the credentials that the simulator wrote for it.
pub(crate) fn account(
    listed: &SimMerchant,
    dir: &Path,
    (sub, api): (Option<&str>, Api),
) -> anyhow::Result<Account> {
    let read = |path: &PathBuf| std::fs::read(dir.join(path));
    let identity = Identity::from_pem(&read(&listed.certificate)?, &read(&listed.private_key)?)?;
    let public = PublicKey::from_pem(&read(&listed.public_key)?)?;
    let credentials = Credentials::new()
        .with_identity(identity)
        .with_api_v2_key(listed.api_v2_key.clone().into())?
        .with_api_v3_key(listed.api_v3_key.clone().into())?
        .with_public_key(&listed.public_key_id, public)?;
    let sub = match sub {
        None => None,
        Some(sub) => Some(tuikuan_wechat::SubMerchant {
            sub_mch_id: sub.parse()?,
            sub_app_id: None,
        }),
    };
    let sign_type = match sub {
        Some(_) => SignType::Md5,
        None => SignType::HmacSha256,
    };
    Ok(Account {
        mch_id: listed.mch_id.parse()?,
        app_id: listed.appid.parse()?,
        sub,
        api,
        sign_type,
        credentials,
    })
}

impl Parts {
    async fn engine(&self) -> anyhow::Result<Engine> {
        let mut clients = HashMap::with_capacity(self.merchants.len());
        for merchant in &self.merchants {
            let options = self.clients.get(merchant.name.as_str()).cloned();
            let options = options.context("a merchant has no way out")?;
            let client = Client::new(merchant.account.credentials.identity(), options)?;
            clients.insert(merchant.name.clone(), client);
        }
        let loopback: IpNet = "127.0.0.0/8".parse()?;
        let options = InternetOptions {
            addresses: AddressPolicy::new(vec![loopback]),
            webhook_ca: Some(self.webhook_ca.clone()),
        };
        let parts = EngineParts {
            store: Arc::clone(&self.store),
            merchants: self.merchants.clone(),
            clock: Arc::new(self.clock.clone()),
            ids: Arc::new(MachineIds),
            network: Arc::new(Internet::new(clients, options)?),
            settings: settings(),
        };
        Engine::new(parts)
            .await
            .context("the store could not be read")
    }
}
