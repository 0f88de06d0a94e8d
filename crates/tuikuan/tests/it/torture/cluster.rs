//! A PostgreSQL of the test's own, which it may cut off (scripts/postgres).

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// A running cluster; gone with this value.
pub(crate) struct Cluster {
    folder: PathBuf,
    /// Where its server listens.
    pub(crate) port: u16,
    _dir: tempfile::TempDir,
}

impl Cluster {
    /// Whether there is a PostgreSQL to start. Where there is none the test says so, and fails where
    /// it must not be skipped.
    pub(crate) fn can_be() -> bool {
        let folders = std::fs::read_dir("/usr/lib/postgresql");
        let there = folders.is_ok_and(|mut folders| folders.next().is_some());
        let required = std::env::var("TUIKUAN_TEST_POSTGRES").is_ok_and(|it| it == "required");
        assert!(there || !required, "no PostgreSQL to test on");
        if !there {
            // Not captured, as a test's own output is.
            let mut aloud = std::io::stderr().lock();
            writeln!(aloud, "skipped: PostgreSQL is not installed").unwrap();
        }
        there
    }

    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The server's user must be able to reach it.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let folder = dir.path().join("cluster");
        let mut cluster = Self {
            folder,
            port: 0,
            _dir: dir,
        };
        cluster.script("--start").await;
        let told = std::fs::read_to_string(cluster.folder.join("env")).unwrap();
        let (_, rest) = told.split_once("127.0.0.1:").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        cluster.port = digits.parse().unwrap();
        cluster
    }

    /// A second server that follows this one, and that each commit waits for; its port.
    pub(crate) async fn standby(&self) -> u16 {
        self.script("--standby").await;
        let told = std::fs::read_to_string(self.folder.join("standby.port"));
        told.unwrap().trim().parse().unwrap()
    }

    /// Cuts the first server off for good; the second one takes its place.
    pub(crate) async fn promote(&self) {
        self.script("--promote").await;
    }

    /// Cuts it off and starts it again.
    pub(crate) async fn restart(&self) {
        self.script("--restart").await;
    }

    async fn script(&self, what: &str) {
        let ran = script(what, &self.folder).status().await.unwrap();
        assert!(ran.success(), "scripts/postgres {what}");
    }

    /// One statement, in a connection of its own.
    pub(crate) async fn execute(&self, sql: &str) {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        let ran = Command::new("psql")
            .args([&url, "-qXc", sql])
            .status()
            .await;
        assert!(ran.unwrap().success(), "{sql}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = script("--stop", &self.folder).into_std().status();
        drop(stopped);
    }
}

fn script(what: &str, folder: &std::path::Path) -> Command {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres");
    let mut command = Command::new(path);
    command.arg(what).arg(folder).stdin(Stdio::null());
    command
}
