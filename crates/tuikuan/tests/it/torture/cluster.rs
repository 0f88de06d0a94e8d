//! A PostgreSQL of the test's own, which it may cut off (scripts/postgres).

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
