//! Databases of the tests on PostgreSQL: one for each, copied from one that is migrated, gone after
//! a test that passed. Where the server is says TUIKUAN_TEST_POSTGRES_URL (see scripts/postgres).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};
use tuikuan_store::{LeaseClock, Options, Store};

use crate::world::World;

const URL: &str = "TUIKUAN_TEST_POSTGRES_URL";
/// Set where the server is the tests' own.
const PRIVATE: &str = "TUIKUAN_TEST_POSTGRES_DIR";
const REQUIRED: &str = "TUIKUAN_TEST_POSTGRES";
/// Who makes the database that the others are copied from holds this.
const TEMPLATE_LOCK: i64 = 7_475_696;

/// A database of one test.
pub(crate) struct Scratch {
    /// The server's address, which ends in a slash.
    server: String,
    pub(crate) name: String,
    /// Keeps the key file.
    dir: tempfile::TempDir,
}

/// Runs a test on a database of its own, or says aloud that it did not.
pub(crate) async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let url = scratch.url();
    let store = Store::open(&url, &scratch.options()).await.unwrap();
    Box::pin(test(World::around(store, url))).await;
    scratch.remove().await;
}

impl Scratch {
    /// A migrated database, unless there is no server to have it on.
    pub(crate) async fn make() -> Option<Self> {
        let server = server()?;
        let template = template(&server).await;
        Some(Self::like(server, &template).await)
    }

    /// A database without tables.
    pub(crate) async fn empty() -> Option<Self> {
        Some(Self::like(server()?, "template1").await)
    }

    async fn like(server: String, template: &str) -> Self {
        static COUNTED: AtomicU32 = AtomicU32::new(0);
        let number = COUNTED.fetch_add(1, Ordering::Relaxed);
        let scratch = Self {
            name: format!("tuikuan_test_{}_{number}", std::process::id()),
            server,
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::write(scratch.key_file(), KEY).unwrap();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", scratch.name);
        let create = format!("CREATE DATABASE {} TEMPLATE {template}", scratch.name);
        let admin = scratch.elsewhere().await;
        admin.batch_execute(&drop).await.unwrap();
        admin.batch_execute(&create).await.unwrap();
        scratch
    }

    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.server, self.name)
    }

    /// Where the server listens: host and port.
    pub(crate) fn host(&self) -> String {
        let (_, host) = self.server.rsplit_once('@').unwrap();
        host.trim_end_matches('/').to_owned()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.dir.path().join("tuikuan.key")
    }

    pub(crate) fn options(&self) -> Options {
        options(&self.key_file())
    }

    /// A bare connection to this database.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url()).await
    }

    /// A bare connection to another database of the same server.
    pub(crate) async fn elsewhere(&self) -> Client {
        connect(&format!("{}postgres", self.server)).await
    }

    /// Drops the database, whoever still uses it. That takes the server a second: where it goes away
    /// as a whole, it is left to it.
    pub(crate) async fn remove(self) {
        if std::env::var_os(PRIVATE).is_some() {
            return;
        }
        let admin = self.elsewhere().await;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        admin.batch_execute(&drop).await.unwrap();
    }
}

/// The key of all databases of tests: what is sealed in the template opens in its copies.
const KEY: [u8; 32] = [7; 32];

fn options(key_file: &Path) -> Options {
    Options {
        key_file: key_file.to_owned(),
        lease_clock: LeaseClock::Caller,
        ..Options::default()
    }
}

/// A variable of the tests' surroundings; absent, the test says so, and fails where it must not be.
pub(crate) fn variable(name: &str) -> Option<String> {
    if let Ok(value) = std::env::var(name) {
        return Some(value);
    }
    let required = std::env::var(REQUIRED).is_ok_and(|value| value == "required");
    assert!(
        !required && std::env::var("CI").is_err(),
        "no PostgreSQL to test on: run with scripts/postgres, or set {name}"
    );
    // Not captured, as a test's own output is.
    let mut aloud = std::io::stderr().lock();
    writeln!(aloud, "skipped: no PostgreSQL ({name})").unwrap();
    None
}

/// The address of the server, with a slash at its end.
fn server() -> Option<String> {
    let server = variable(URL)?;
    Some(format!("{}/", server.trim_end_matches('/')))
}

/// The name of the migrated database, made by whoever needs it first: one for each schema.
async fn template(server: &str) -> String {
    let name = format!("tuikuan_template_{:016x}", schema());
    let admin = connect(&format!("{server}postgres")).await;
    let lock = format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})");
    admin.batch_execute(&lock).await.unwrap();
    let there = "SELECT 1 FROM pg_database WHERE datname = $1";
    if admin.query_opt(there, &[&name]).await.unwrap().is_none() {
        let building = format!("{name}_{}", std::process::id());
        let create = format!("CREATE DATABASE {building}");
        admin.batch_execute(&create).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let key_file = dir.path().join("tuikuan.key");
        std::fs::write(&key_file, KEY).unwrap();
        let store = Store::open(&format!("{server}{building}"), &options(&key_file)).await;
        drop(store.unwrap());
        let close =
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        admin.query(close, &[&building]).await.unwrap();
        let rename = format!("ALTER DATABASE {building} RENAME TO {name}");
        admin.batch_execute(&rename).await.unwrap();
    }
    name
}

/// Which schema this is: a hash of all migrations.
fn schema() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        std::fs::read(file).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

/// A bare connection, which may be cut off.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client
}
