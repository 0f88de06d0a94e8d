//! `tuikuan serve`: the service. The first signal stops it in order: no new requests, jobs handed
//! back, calls under way awaited. A second one stops it at once. Refunds lose nothing either way
//! (INV-42).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tuikuan_domain::Actor;
use tuikuan_engine::{
    AddressPolicy, Engine, EngineParts, Internet, InternetOptions, MachineIds, Merchant,
};
use tuikuan_server::{Scheme, Server, ServerParts, link};
use tuikuan_store::{AdminChange, Administered, Fatal, NewAudit, Options, Purpose, Store};

use crate::config::{Config, FILE};
use crate::{output, self_test, setup, stop};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan serve --config /etc/tuikuan/tuikuan.toml\n\n\
The first SIGINT or SIGTERM stops in order, the second at once."
)]
pub(crate) struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
}

/// Runs it.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    self_test::run(&config.merchants)?;
    setup::start_log(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(&config));
    runtime.shutdown_background();
    served
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; is another service running there?",
            config.listen
        )
    })?;
    let store = open(config).await?;
    // On PostgreSQL any number of services work: quotas are counted there.
    let _alone = config
        .store
        .file()
        .as_deref()
        .map(setup::alone)
        .transpose()?;
    let fatal = store.fatal();
    note_start(&store, config).await?;
    let address = listener.local_addr()?;
    let engine = engine(config, Arc::new(store), address).await?;
    let settings = tuikuan_server::Settings {
        metrics_access: config.metrics,
        ..console_settings(config, address)?
    };
    let public_url = settings.public_url.clone();
    let server = Server::new(ServerParts {
        engine: engine.clone(),
        settings,
    });
    let stopping = CancellationToken::new();
    stop::on_signal(stopping.clone())?;
    let workers = engine.start();
    output::line(&format!(
        "tuikuan serves http://{address} (documentation: http://{address}/docs)"
    ))?;
    offer_set_up(&engine, address, public_url.as_deref()).await?;
    if config.merchants.is_empty() {
        tracing::warn!("no merchant is configured: the service is not ready until one is");
    }
    tracing::info!(%address, merchants = config.merchants.len(), "started");
    let ended = tokio::select! {
        () = server.serve(listener, stopping.clone()) => Ok(()),
        fatal = trouble(fatal) => Err(anyhow!(fatal).context("the service stops at once")),
    };
    stopping.cancel();
    if ended.is_ok() {
        workers.stop().await;
        tracing::info!("stopped");
    }
    ended
}

/// Where people reach the console.
fn console_settings(
    config: &Config,
    listen: SocketAddr,
) -> anyhow::Result<tuikuan_server::Settings> {
    let url = config.console_url(listen)?;
    Ok(tuikuan_server::Settings {
        scheme: match url.scheme() {
            "https" => Scheme::Https,
            _ => Scheme::Http,
        },
        public_url: Some(url.as_str().trim_end_matches('/').to_owned()),
        ..Default::default()
    })
}

/// While nobody can sign in, each start shows a new link for the first administrator; the one before
/// is no longer good. There is no password to begin with.
async fn offer_set_up(
    engine: &Engine,
    address: SocketAddr,
    public_url: Option<&str>,
) -> anyhow::Result<()> {
    if !engine.store().users().await?.is_empty() {
        return Ok(());
    }
    let people = engine.people();
    let token = people.invite(&Actor::Engine, None, Purpose::SetUp).await?;
    let here = link(&format!("http://{address}"), &token);
    output::line(
        "nobody can sign in yet; within 24 hours, once, the first administrator can here:",
    )?;
    if let Some(public) = public_url {
        let public = link(public, &token);
        if public != here {
            output::line(&format!("  {public}"))?;
        }
    }
    output::line(&format!("  {here}"))?;
    Ok(())
}

/// Waits until the store cannot be trusted any more.
async fn trouble(mut fatal: tokio::sync::watch::Receiver<Option<Fatal>>) -> Fatal {
    loop {
        let found = fatal.borrow_and_update().clone();
        if let Some(fatal) = found {
            return fatal;
        }
        if fatal.changed().await.is_err() {
            // The store is closed with the engine; nothing can go wrong with it any more.
            std::future::pending::<()>().await;
        }
    }
}

async fn open(config: &Config) -> anyhow::Result<Store> {
    let options = Options {
        forwarded_query: config.engine.schedule.forwarded_query,
        ..Options::default()
    };
    setup::store(&config.store, &options).await
}

/// The audit log says which configuration ran when.
async fn note_start(store: &Store, config: &Config) -> anyhow::Result<()> {
    let names: Vec<&str> = config
        .merchants
        .iter()
        .map(|merchant| merchant.name.as_str())
        .collect();
    let audit = NewAudit {
        at: Timestamp::now(),
        actor: "serve".to_owned(),
        action: "config.loaded".to_owned(),
        subject: config.file.display().to_string(),
        detail: serde_json::json!({ "merchants": names, "version": env!("CARGO_PKG_VERSION") })
            .to_string(),
    };
    let change = AdminChange {
        act: Administered::Noted,
        audit,
    };
    store
        .administer(change)
        .await
        .context("the store takes no writes")
}

async fn engine(config: &Config, store: Arc<Store>, listen: SocketAddr) -> anyhow::Result<Engine> {
    let mut clients = HashMap::with_capacity(config.merchants.len());
    let mut merchants = Vec::with_capacity(config.merchants.len());
    let public_url = config
        .public_url(listen)?
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    for merchant in &config.merchants {
        let client = setup::client(merchant, config.engine.call_timeout)?;
        clients.insert(merchant.name.clone(), client);
        let (name, account) = (merchant.name.clone(), setup::account(merchant));
        merchants.push(Arc::new(Merchant::new(
            name,
            account,
            Some(public_url.clone()),
        )));
    }
    let options = InternetOptions {
        addresses: AddressPolicy::new(config.webhook_networks.clone()),
        webhook_ca: config.webhook_ca.clone(),
    };
    let network = Internet::new(clients, options).context("no way out could be made")?;
    let mut settings = config.engine.clone();
    if let Some(folder) = config.store.file().as_deref().and_then(Path::parent) {
        // A bill of a large day wants room, and not memory: a system's folder is often both.
        folder.clone_into(&mut settings.scratch);
    }
    let clock = setup::clock(config, &store).await?;
    let parts = EngineParts {
        store,
        merchants,
        clock: Arc::new(clock),
        ids: Arc::new(MachineIds),
        network: Arc::new(network),
        settings,
    };
    Engine::new(parts)
        .await
        .context("the store could not be read")
}
