//! From the configuration to the parts that work: accounts, clients, merchants, the store's options,
//! the log.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use tracing_subscriber::EnvFilter;
use tuikuan_engine::MachineClock;
use tuikuan_store::{Options, Store};
use tuikuan_wechat::client::{Client, ClientOptions};
use tuikuan_wechat::{Account, SubMerchant};

use crate::config::{Config, LogFormat, MerchantConfig, StoreConfig};

/// A connection to WeChat must stand after so long; the rest of the time is for the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The clock of the engine: it begins with the database's, so that the due times of all nodes are of one
/// time (INV-25), or with the machine's where there is no other. For trials it is ahead of that.
///
/// # Errors
/// When the database does not say what time it is.
pub(crate) async fn clock(config: &Config, store: &Store) -> anyhow::Result<MachineClock> {
    let stored = store.clock().await.context("the database has no time")?;
    let now = stored.unwrap_or_else(Timestamp::now);
    let ahead = config.clock_ahead;
    if ahead.is_zero() {
        return Ok(MachineClock::from_start(now, 1));
    }
    tracing::warn!(ahead = %ahead, "the engine's clock is ahead of the machine's: for trials only");
    let start = now.checked_add(ahead).unwrap_or(Timestamp::MAX);
    Ok(MachineClock::from_start(start, 1))
}

/// Opens the store of a configuration.
pub(crate) async fn store(config: &StoreConfig, options: &Options) -> anyhow::Result<Store> {
    if let Some(folder) = config.file().as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} could not be made", folder.display()))?;
    }
    Store::open(config.url(), &config.options(options))
        .await
        .with_context(|| format!("the store {} could not be opened", config.shown))
}

/// Only one service works on a database file: quotas are counted in its process (INV-26). The lock
/// goes with the process, however it ends; commands that only read or make keys need none.
pub(crate) fn alone(database: &Path) -> anyhow::Result<File> {
    let path = format!("{}.lock", database.display());
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("the lock file {path} could not be opened"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(anyhow!(
            "another tuikuan serve works on {}: stop it first, or give this one a store of its own",
            database.display()
        )),
        Err(TryLockError::Error(error)) => {
            Err(anyhow!(error).context(format!("the lock file {path} could not be locked")))
        }
    }
}

/// The merchant as the codec knows it.
pub(crate) fn account(merchant: &MerchantConfig) -> Account {
    let sub = merchant.sub_mch_id.clone();
    Account {
        mch_id: merchant.mch_id.clone(),
        app_id: merchant.app_id.clone(),
        sub: sub.map(|sub_mch_id| SubMerchant {
            sub_mch_id,
            sub_app_id: merchant.sub_app_id.clone(),
        }),
        api: merchant.api,
        sign_type: merchant.sign_type,
        credentials: merchant.credentials.clone(),
    }
}

/// A client for a merchant's calls.
pub(crate) fn client(merchant: &MerchantConfig, timeout: SignedDuration) -> anyhow::Result<Client> {
    let timeout = Duration::try_from(timeout).unwrap_or(CONNECT_TIMEOUT);
    let options = ClientOptions {
        endpoint: origin(&merchant.endpoint),
        endpoint_backup: merchant.endpoint_backup.as_ref().map(origin),
        trust_ca: merchant.trust_ca.clone(),
        connect_timeout: CONNECT_TIMEOUT.min(timeout),
        timeout,
    };
    Client::new(merchant.credentials.identity(), options)
        .with_context(|| format!("no client for merchant {} could be made", merchant.name))
}

/// An address without a path.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Starts the log on stderr. `TUIKUAN_LOG` stands over the configuration.
pub(crate) fn start_log(config: &Config) -> anyhow::Result<()> {
    let wanted = std::env::var("TUIKUAN_LOG").unwrap_or_else(|_unset| config.log_level.clone());
    let filter = EnvFilter::try_new(&wanted).context("TUIKUAN_LOG cannot be read")?;
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => base
            .with_ansi(crate::output::stderr_shows_colours())
            .try_init(),
        LogFormat::Json => base.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log could not be started: {error}"))
}
