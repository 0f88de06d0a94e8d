//! Opening: how the database is reached, the proof that a commit is durable, the schema, the data key.
//! A database that is not durable, or that a newer version changed beyond us, is refused (INV-41).

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use refinery::{Migration, Runner};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};

use crate::error::OpenError;
use crate::postgres::address::{Address, Protection};
use crate::postgres::listen;
use crate::postgres::tls::Tls;
use crate::postgres::trouble::held_up;
use crate::seal::{DataKey, Place};
use crate::signals::Signals;
use crate::store::Options;

mod embedded {
    refinery::embed_migrations!("src/postgres/migrations");
}

/// The oldest PostgreSQL we know.
const VERSION_MIN: i64 = 150_000;

/// How long a connection may take to come about, unless the address says something else.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// After so long without a word the other side is asked whether it is there: a machine that lost its
/// power says nothing, and nobody is to wait for it for hours.
const QUIET: Duration = Duration::from_secs(10);

/// How long a read waits for a connection.
const POOL_WAIT: Duration = Duration::from_secs(10);

/// See [`SESSION`].
macro_rules! session {
    () => {
        "SET TIME ZONE 'UTC'; SET client_min_messages = 'warning'; \
         SET lock_timeout = '10s'; SET statement_timeout = '60s'; \
         SET idle_in_transaction_session_timeout = '5s'; \
         SET idle_session_timeout = 0; SET synchronous_commit = on; \
         SET default_transaction_isolation = 'read committed'; \
         SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
         SET enable_hashjoin = off; SET enable_mergejoin = off"
    };
}

/// Settings of every connection. A node that hangs in a transaction must not hold its locks for long:
/// others wait for the order and the quota that it was at, and give up after `lock_timeout`.
/// A commit is durable whatever the role or the database says by now, and wherever a failover has led.
/// Statements are written for their indexes, joins too: SQLite's name them, here what would leave them
/// is switched off, so that no statistics lead elsewhere. What has no index is read without one still.
pub(super) const SESSION: &str = session!();

/// The same, and statements of sets are planned once. The database would else do so each time anew, for
/// as many rows as there are, and spend more on that than on the rows. The way is the same: by the indexes.
const WRITING: &str = concat!(session!(), "; SET plan_cache_mode = force_generic_plan");

/// Connections of the pool that acts of administration may use beside the readers.
pub(super) const ACTS: usize = 2;

/// Connections for groups of writes and what they are decided on, for claims and for writes that are not
/// grouped.
const WRITERS: usize = 10;

/// So often a migration is begun that others hold up, a dump for example, and so long is waited in between.
const MIGRATION_TRIES: u32 = 120;
const MIGRATION_PAUSE: Duration = Duration::from_secs(1);

/// Whoever migrates holds this lock: nodes that start together take turns.
const MIGRATION_LOCK: i64 = 0x0074_7569_6b75_616e;

const KEY_CHECK: Place<'_> = Place {
    table: "meta",
    id: "key_check",
    field: "data",
};

/// A database that is ready.
pub(super) struct Opened {
    pub(super) pool: Pool,
    pub(super) writers: Pool,
    /// How a connection is made that is not of the pool.
    pub(super) connector: Connector,
    pub(super) key: DataKey,
    /// The position of the last event.
    pub(super) position: i64,
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<Tls>,
}

impl Connector {
    fn of(address: Address) -> Result<Self, OpenError> {
        let Address {
            mut config,
            protection,
        } = address;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        config
            .keepalives(true)
            .keepalives_idle(QUIET)
            .keepalives_interval(QUIET / 3)
            .keepalives_retries(3);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(QUIET * 2);
        }
        let tls = match protection {
            Protection::None => None,
            Protection::Tls { roots } => Some(Tls::new(roots.as_deref())?),
        };
        Ok(Self { config, tls })
    }

    /// A connection of its own: the client, and what drives it.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let client = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                drop(tokio::spawn(connection));
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                drop(tokio::spawn(connection));
                client
            }
        };
        client.batch_execute(SESSION).await?;
        Ok(client)
    }

    /// A connection that hears what other nodes tell, for as long as its client lives.
    pub(super) async fn listen(
        &self,
        signals: Arc<Signals>,
    ) -> Result<Client, tokio_postgres::Error> {
        let own = Arc::new(AtomicI32::new(0));
        let client = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                drop(tokio::spawn(hearing(connection, signals, Arc::clone(&own))));
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                drop(tokio::spawn(hearing(connection, signals, Arc::clone(&own))));
                client
            }
        };
        client.batch_execute(SESSION).await?;
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await?;
        own.store(row.try_get(0)?, Ordering::Release);
        Ok(client)
    }

    fn pool(&self, size: usize, session: &'static str) -> Result<Pool, OpenError> {
        let settings = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match &self.tls {
            None => Manager::from_config(self.config.clone(), NoTls, settings),
            Some(tls) => Manager::from_config(self.config.clone(), tls.clone(), settings),
        };
        Pool::builder(manager)
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(POOL_WAIT),
                create: Some(CONNECT_WAIT),
                recycle: Some(CONNECT_WAIT),
            })
            .post_create(Hook::async_fn(move |client, _| {
                Box::pin(async move {
                    let set = client.batch_execute(session).await;
                    set.map_err(HookError::Backend)
                })
            }))
            .build()
            .map_err(|error| OpenError::Address {
                reason: error.to_string(),
            })
    }
}

/// Drives a connection and hears what comes on it.
async fn hearing<S, T>(mut connection: Connection<S, T>, signals: Arc<Signals>, own: Arc<AtomicI32>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(heard) = message {
            listen::hear(&signals, own.load(Ordering::Acquire), &heard);
        }
    }
}

pub(super) async fn open(url: &str, options: &Options) -> Result<Opened, OpenError> {
    let connector = Connector::of(Address::parse(url)?)?;
    let mut client = connector.connect().await?;
    prove(&client).await?;
    migrate(&mut client).await?;
    whole(&client).await?;
    let key = data_key(&client, options).await?;
    let position = client
        .query_one("SELECT number FROM meta WHERE name = 'position'", &[])
        .await?
        .try_get(0)?;
    Ok(Opened {
        pool: connector.pool(options.readers.saturating_add(ACTS), SESSION)?,
        writers: connector.pool(WRITERS, WRITING)?,
        connector,
        key,
        position,
    })
}

/// A connection of its own to a database that is durable and has the schema, whatever is in it.
pub(super) async fn bare(url: &str) -> Result<Client, OpenError> {
    let mut client = Connector::of(Address::parse(url)?)?.connect().await?;
    prove(&client).await?;
    migrate(&mut client).await?;
    Ok(client)
}

/// What is being copied is not yet a store.
async fn whole(client: &Client) -> Result<(), OpenError> {
    let half = "SELECT 1 FROM meta WHERE name = 'copy' AND number = 0";
    match client.query_opt(half, &[]).await? {
        None => Ok(()),
        Some(_) => Err(OpenError::HalfCopied),
    }
}

/// What the server says of itself: a commit that it answers must survive it.
async fn prove(client: &Client) -> Result<(), OpenError> {
    let setting = async |name: &'static str| -> Result<String, OpenError> {
        // As the server and the role have it, whatever the session has set.
        let sql = "SELECT reset_val FROM pg_settings WHERE name = $1";
        let row = client.query_one(sql, &[&name]).await?;
        Ok(row.try_get(0)?)
    };
    let off = |setting, expected: &str, found: String| OpenError::NotDurable {
        setting,
        expected: expected.to_owned(),
        found,
    };
    let version = setting("server_version_num").await?;
    if version
        .parse::<i64>()
        .is_ok_and(|found| found < VERSION_MIN)
    {
        return Err(off("server_version_num", "150000 or more", version));
    }
    for name in ["fsync", "full_page_writes"] {
        let found = setting(name).await?;
        if found != "on" {
            return Err(off(name, "on", found));
        }
    }
    let found = setting("synchronous_commit").await?;
    let standbys = setting("synchronous_standby_names").await?;
    match (found.as_str(), standbys.as_str()) {
        ("on" | "remote_apply", _) => Ok(()),
        // Nobody else is waited for: these three are one.
        ("local" | "remote_write", "") => Ok(()),
        _ => Err(off("synchronous_commit", "on", found)),
    }
}

async fn migrate(client: &mut Client) -> Result<(), OpenError> {
    // The first node may take long over a large database; the others wait.
    client
        .batch_execute("SET lock_timeout = 0; SET statement_timeout = 0")
        .await?;
    client
        .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    let mut migrated = migrate_alone(client).await;
    for _ in 1..MIGRATION_TRIES {
        match &migrated {
            Err(error) if held_up(error) => {
                tracing::info!("others are at work in the database: the schema is tried again");
                tokio::time::sleep(MIGRATION_PAUSE).await;
                migrated = migrate_alone(client).await;
            }
            Ok(()) | Err(_) => break,
        }
    }
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
        .await?;
    migrated
}

async fn migrate_alone(client: &mut Client) -> Result<(), OpenError> {
    let runner: Runner = embedded::migrations::runner();
    let known = runner
        .get_migrations()
        .iter()
        .map(Migration::version)
        .max()
        .unwrap_or(0);
    let known = i64::from(known);
    let (found, compatible) = schema(client).await?;
    if compatible > known {
        return Err(OpenError::Newer { found, known });
    }
    if found >= known {
        // A newer node has added something; an older one goes on beside it.
        return Ok(());
    }
    let ran = runner.run_async(client).await;
    ran.map(|_| ()).map_err(|source| OpenError::Migration {
        source: Box::new(source),
    })
}

/// The schema's version, and the oldest whose programs may use it; 0 for an empty database.
async fn schema(client: &Client) -> Result<(i64, i64), tokio_postgres::Error> {
    let there: bool = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL",
            &[],
        )
        .await?
        .try_get(0)?;
    if !there {
        return Ok((0, 0));
    }
    let row = client
        .query_one(
            "SELECT (SELECT coalesce(max(version), 0)::BIGINT FROM refinery_schema_history),
                    (SELECT number FROM meta WHERE name = 'compatible')",
            &[],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The data key, made at the first start of the first node. The others need a copy of its file: a
/// database that was written with a key never gets another.
async fn data_key(client: &Client, options: &Options) -> Result<DataKey, OpenError> {
    let path = &options.key_file;
    let mismatch = || OpenError::KeyMismatch { path: path.clone() };
    let check = "SELECT data FROM meta WHERE name = 'key_check'";
    let found = client.query_opt(check, &[]).await?;
    let sealed: Vec<u8> = match found {
        Some(row) => row.try_get(0)?,
        None => {
            let key = DataKey::create(path)?;
            let sealed = key
                .seal(KEY_CHECK, b"tuikuan")
                .map_err(|_foreign| mismatch())?;
            client
                .execute(
                    "INSERT INTO meta (name, data) VALUES ('key_check', $1)
                     ON CONFLICT (name) DO NOTHING",
                    &[&sealed],
                )
                .await?;
            // Somebody may have been faster.
            client.query_one(check, &[]).await?.try_get(0)?
        }
    };
    let key = DataKey::read(path)?;
    key.open(KEY_CHECK, &sealed)
        .map_err(|_foreign| mismatch())?;
    Ok(key)
}
