//! The same lives with the same checks on PostgreSQL, some of them: its answers take real time, while
//! which of the life's future goes on is still the seed's to say. What two connections do to each
//! other at the same instant is for the kill tests of several nodes.
//!
//! `TUIKUAN_SIM_POSTGRES_LIVES` says how many refunds are simulated.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;

use tempfile::TempDir;
use tokio_postgres::NoTls;
use tuikuan_store::{LeaseClock, Options, Store};

use super::life::{Life, now};
use super::number;
use super::outcome::Outcome;
use super::trace::Trace;

const URL: &str = "TUIKUAN_TEST_POSTGRES_URL";
const REQUIRED: &str = "TUIKUAN_TEST_POSTGRES";
const LIVES: u64 = 20;

/// A database of one life.
struct Database {
    server: String,
    name: String,
    folder: TempDir,
}

impl Database {
    fn make(server: &str, seed: u64) -> Self {
        let database = Self {
            server: format!("{}/", server.trim_end_matches('/')),
            name: format!("tuikuan_life_{}_{seed}", std::process::id()),
            folder: tempfile::tempdir().unwrap(),
        };
        database.order(&format!("CREATE DATABASE {}", database.name));
        database
    }

    fn open(&self) -> Store {
        let options = Options {
            key_file: self.folder.path().join("tuikuan.key"),
            lease_clock: LeaseClock::Caller,
            ..Options::stepped()
        };
        let url = format!("{}{}", self.server, self.name);
        now(Store::open(&url, &options)).unwrap()
    }

    /// One statement, from another database.
    fn order(&self, sql: &str) {
        now(async {
            let url = format!("{}postgres", self.server);
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            drop(tokio::spawn(connection));
            client.batch_execute(sql).await.unwrap();
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.order(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "counts for whoever asked for them")]
fn some_lives_end_on_postgres_as_the_books_say() {
    let Ok(server) = std::env::var(URL) else {
        let required = std::env::var(REQUIRED).is_ok_and(|value| value == "required");
        assert!(!required, "no PostgreSQL to live on: set {URL}");
        // Not captured, as a test's own output is.
        let mut aloud = std::io::stderr().lock();
        writeln!(aloud, "skipped: no PostgreSQL ({URL})").unwrap();
        return;
    };
    let lives = number("TUIKUAN_SIM_POSTGRES_LIVES", LIVES);
    let mut seed = number("TUIKUAN_SIM_SEED", 1);
    // It drives the connections; the life itself has this thread.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let mut total = Outcome::default();
    while total.lives < lives {
        let database = Database::make(&server, seed);
        let begin = AssertUnwindSafe(|| Life::on(database.open(), seed, Trace::Off));
        match Life::caught(seed, begin) {
            Ok(outcome) => total.add(&outcome),
            Err(finding) => panic!("on PostgreSQL: {finding}"),
        }
        seed += 1;
    }
    println!("on PostgreSQL: {total}");
}
