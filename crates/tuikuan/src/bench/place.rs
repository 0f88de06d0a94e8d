//! Where a bench happens: a store on disk, an engine, a merchant with real keys, and WeChat Pay's
//! stand-in in the same process, without TLS and without a network.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Context;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tuikuan_domain::{MerchantName, OrderRef, Source};
use tuikuan_engine::{
    By, CallError, Clock, Engine, EngineParts, MachineClock, MachineIds, Merchant, Network,
    PaymentRegistration, RefundRequest, Sending, Settings, WebhookCall, WebhookError,
};
use tuikuan_server::{Server, ServerParts};
use tuikuan_sim::identity::Authority;
use tuikuan_sim::material::Material;
use tuikuan_sim::setup::MerchantPlan;
use tuikuan_sim::{Incoming, Outgoing, PaidOrder, World};
use tuikuan_store::{Filling, Options, Scope, Store};
use tuikuan_terms::Fen;
use tuikuan_wechat::http::{Request, Response};
use tuikuan_wechat::keys::PublicKey;
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Account, Api, Credentials, Identity};

pub(crate) use super::folder::Folder;
use crate::commands::key;
use crate::output;

/// The merchant of a bench.
pub(crate) const MERCHANT: &str = "main";
/// Its number.
pub(crate) const MCH_ID: &str = "1900000109";
/// Every payment, in fen.
pub(crate) const TOTAL: i64 = 1_000;
/// Requests under way at once while a store is filled.
const FILL_AT_ONCE: usize = 256;

/// Keys of the merchant and of WeChat.
pub(crate) struct Keys {
    material: Material,
    plan: MerchantPlan,
}

impl Keys {
    /// Makes them: three RSA keys.
    pub(crate) fn make() -> anyhow::Result<Self> {
        Self::make_for(MCH_ID)
    }

    /// Makes them for another number.
    pub(crate) fn make_for(mch_id: &str) -> anyhow::Result<Self> {
        let authority = Authority::generate(Timestamp::now().as_millisecond())?;
        Ok(Self {
            material: Material::generate(&authority, mch_id, 1)?,
            plan: MerchantPlan {
                mch_id: mch_id.parse()?,
                app_id: "wx8888888888888888".parse()?,
                sub_merchants: Vec::new(),
            },
        })
    }

    /// The merchant's side.
    pub(crate) fn account(&self, api: Api) -> anyhow::Result<Account> {
        let made = &self.material;
        let identity = Identity::from_pem(
            made.own.certificate_pem.as_bytes(),
            made.own.key_pem.as_bytes(),
        )?;
        let public = PublicKey::from_pem(made.public.public_pem.as_bytes())?;
        let credentials = Credentials::new()
            .with_identity(identity)
            .with_api_v2_key(made.api_v2_key.clone().into())?
            .with_api_v3_key(made.api_v3_key.clone().into())?
            .with_public_key(&made.public_key_id, public)?;
        Ok(Account {
            mch_id: self.plan.mch_id.clone(),
            app_id: self.plan.app_id.clone(),
            sub: None,
            api,
            sign_type: SignType::HmacSha256,
            credentials,
        })
    }

    /// WeChat's side.
    pub(crate) fn world(&self) -> anyhow::Result<World> {
        let mut world = World::new(1, Timestamp::now().as_millisecond());
        self.join(&mut world)?;
        Ok(world)
    }

    /// WeChat knows this merchant too.
    pub(crate) fn join(&self, world: &mut World) -> anyhow::Result<()> {
        let mut setup = self.material.account(&self.plan)?;
        setup.mode = tuikuan_sim::VerificationMode::PublicKey;
        setup.available = i64::from(u32::MAX) * 1_000;
        world.add_merchant(setup)?;
        Ok(())
    }
}

/// WeChat Pay's stand-in behind a lock, answering at once.
pub(crate) struct Nearby {
    world: Mutex<World>,
    clock: MachineClock,
}

impl Nearby {
    /// The world, on the engine's clock.
    pub(crate) fn new(world: World, clock: MachineClock) -> Self {
        Self {
            world: Mutex::new(world),
            clock,
        }
    }

    /// The world at the present time.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let now_ms = self.clock.now().as_millisecond();
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance_to(now_ms);
        world.set_wall_ms(self.clock.wall().as_millisecond());
        world
    }
}

impl Network for Nearby {
    fn call<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
    ) -> Sending<'a, Result<Response, CallError>> {
        // What every HTTP client adds, and WeChat demands.
        let mut headers = request.headers;
        headers.push(("User-Agent".to_owned(), "tuikuan-bench".to_owned()));
        let incoming = Incoming {
            method: request.method.as_str().to_owned(),
            path_and_query: request.path,
            headers,
            body: request.body,
            client_cert_mch: Some(merchant.mch_id.to_string()),
        };
        Box::pin(async move {
            match self.world().handle(&incoming) {
                Outgoing::Reply(answer) => Ok(Response {
                    status: answer.status,
                    headers: answer.headers,
                    body: answer.body,
                }),
                _ => Err(CallError::Lost {
                    reason: "no answer".to_owned(),
                }),
            }
        })
    }

    fn deliver<'a>(&'a self, _call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(async { Ok(204) })
    }
}

/// Opens the store of a folder; the second time, on PostgreSQL, for another node.
pub(crate) async fn store(folder: &Folder) -> anyhow::Result<Arc<Store>> {
    let options = Options {
        key_file: folder.key_file(),
        ..Options::default()
    };
    let opened = Store::open(&folder.url(), &options).await;
    Ok(Arc::new(opened.context("the store could not be opened")?))
}

/// An engine over a store; its workers are not started.
pub(crate) async fn engine(
    store: Arc<Store>,
    account: Account,
    parts: (Arc<Nearby>, Settings),
) -> anyhow::Result<Engine> {
    engine_of(store, vec![merchant(MERCHANT, account)?], parts).await
}

/// A merchant of the configuration.
pub(crate) fn merchant(name: &str, account: Account) -> anyhow::Result<Arc<Merchant>> {
    let url = Some("http://127.0.0.1:1".to_owned());
    Ok(Arc::new(Merchant::new(name.parse()?, account, url)))
}

/// An engine with several merchants.
pub(crate) async fn engine_of(
    store: Arc<Store>,
    merchants: Vec<Arc<Merchant>>,
    (nearby, settings): (Arc<Nearby>, Settings),
) -> anyhow::Result<Engine> {
    let parts = EngineParts {
        store,
        merchants,
        clock: Arc::new(nearby.clock.clone()),
        ids: Arc::new(MachineIds),
        network: nearby,
        settings,
    };
    Engine::new(parts)
        .await
        .context("the store could not be read")
}

/// A served engine.
pub(crate) struct Served {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// An API key.
    pub(crate) key: String,
    stopping: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Serves an engine on a free port of loopback.
pub(crate) async fn serve(engine: &Engine) -> anyhow::Result<Served> {
    let made = key::make_key(engine.store(), "bench", Scope::All).await?;
    serve_with(engine, made.key).await
}

/// Serves another node of the same store, where the key is good already.
pub(crate) async fn serve_with(engine: &Engine, key: String) -> anyhow::Result<Served> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let server = Server::new(ServerParts {
        engine: engine.clone(),
        settings: tuikuan_server::Settings::default(),
    });
    let stopping = CancellationToken::new();
    tokio::spawn(server.serve(listener, stopping.clone()));
    Ok(Served {
        address,
        key,
        stopping,
    })
}

/// The number of the order at a place.
pub(crate) fn order_number(prefix: &str, place: usize) -> String {
    format!("{prefix}{place:010}")
}

/// The refund's number for an order, as callers choose it: it falls anywhere among the others.
pub(crate) fn refund_number(prefix: &str, place: usize) -> String {
    let order = order_number(prefix, place);
    let mixed = order.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("F{:08X}-{order}", mixed.wrapping_mul(2_654_435_761))
}

/// Fills the store of a folder that nobody has opened yet: so many refunds, of which the last ones
/// are open and due.
pub(crate) async fn fill_bare(folder: &Folder, stored: u32, open: u32) -> anyhow::Result<()> {
    if stored == 0 {
        return Ok(());
    }
    let filling = Filling {
        merchant: MERCHANT.parse()?,
        mch_id: MCH_ID.parse()?,
        refunds: stored,
        open,
        last: Timestamp::now(),
    };
    let began = Instant::now();
    filling.fill(&folder.url()).await?;
    output::note(&format!(
        "{stored} refunds stored in {:.1?}",
        began.elapsed()
    ))?;
    Ok(())
}

/// Registers payments.
pub(crate) async fn pay(engine: &Engine, prefix: &str, count: usize) -> anyhow::Result<()> {
    let merchant: MerchantName = MERCHANT.parse()?;
    let total = Fen::new(TOTAL)?;
    let paid_at = Some(engine.now());
    all(count, |place| {
        let engine = engine.clone();
        let new = order_number(prefix, place)
            .parse()
            .map(|out_trade_no| PaymentRegistration {
                merchant: merchant.clone(),
                out_trade_no,
                transaction_id: None,
                total,
                paid_at,
            });
        async move {
            engine.register_payment(new?).await?;
            Ok(())
        }
    })
    .await
}

/// Asks for the refunds of payments.
pub(crate) async fn ask(engine: &Engine, prefix: &str, count: usize) -> anyhow::Result<()> {
    all(count, |place| {
        let engine = engine.clone();
        let asked = request(prefix, place);
        async move {
            engine
                .request(asked?, &By::cli().through(Source::Api))
                .await?;
            Ok(())
        }
    })
    .await
}

/// The request for the refund of a payment.
pub(crate) fn request(prefix: &str, place: usize) -> anyhow::Result<RefundRequest> {
    Ok(RefundRequest {
        merchant: MERCHANT.parse()?,
        order: OrderRef {
            out_trade_no: Some(order_number(prefix, place).parse()?),
            transaction_id: None,
        },
        amount: Fen::new(TOTAL)?,
        out_refund_no: Some(refund_number(prefix, place).parse()?),
        idempotency_key: None,
        reason: None,
        funds_account: None,
        goods_detail: None,
        not_before: None,
        expected_refundable: None,
        replaces: None,
        metadata: None,
    })
}

/// Does something for each place, many at once.
pub(crate) async fn all<F>(count: usize, act: impl Fn(usize) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for place in 0..count {
        if running.len() >= FILL_AT_ONCE
            && let Some(ended) = running.join_next().await
        {
            ended??;
        }
        running.spawn(act(place));
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

/// Fills a store with refunds, several of each order; those asked for at once are of different
/// orders.
pub(crate) async fn fill(
    engine: &Engine,
    refunds: usize,
    of_an_order: usize,
) -> anyhow::Result<()> {
    let orders = refunds.div_ceil(of_an_order.max(1)).max(FILL_AT_ONCE * 2);
    pay(engine, "FILL", orders).await?;
    let bar = output::progress(u64::try_from(refunds).unwrap_or(0), "filling");
    let one = Fen::new(1)?;
    all(refunds, |place| {
        let engine = engine.clone();
        let asked = request("FILL", place % orders);
        let number = format!("F{place:012}").parse();
        let bar = bar.clone();
        async move {
            let asked = RefundRequest {
                amount: one,
                out_refund_no: Some(number?),
                ..asked?
            };
            engine
                .request(asked, &By::cli().through(Source::Api))
                .await?;
            bar.inc(1);
            Ok(())
        }
    })
    .await?;
    bar.finish_and_clear();
    Ok(())
}

/// The same orders in WeChat's books, paid.
pub(crate) fn orders(nearby: &Nearby, prefix: &str, count: usize) -> anyhow::Result<()> {
    let mut world = nearby.world();
    for place in 0..count {
        let number = order_number(prefix, place);
        world.place_paid_order(&PaidOrder::new(MCH_ID, &number, TOTAL))?;
    }
    Ok(())
}
