//! What a bench leaves behind nothing of: a folder, and where asked a database in a PostgreSQL.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::cluster::Database;
use crate::private;

/// A folder that goes away, and where the store is: in it, or in a PostgreSQL database that goes away.
pub(crate) struct Folder {
    path: PathBuf,
    postgres: Option<Database>,
}

impl Folder {
    /// A new folder inside another one; with a database of its own when a cluster is named.
    pub(crate) fn new(within: Option<&Path>, store: Option<&str>) -> anyhow::Result<Self> {
        let file = store.and_then(|url| url.strip_prefix("sqlite:"));
        let beside = file.and_then(|file| Path::new(file).parent());
        let beside = beside.filter(|folder| !folder.as_os_str().is_empty());
        let within = within
            .or(beside)
            .map_or_else(std::env::temp_dir, Path::to_owned);
        let path = within.join(format!("tuikuan-bench-{}", uuid::Uuid::now_v7().simple()));
        private::folder(&path)
            .with_context(|| format!("the folder {} could not be made", path.display()))?;
        let cluster = store.filter(|_| file.is_none());
        let postgres = cluster.map(Database::make).transpose()?;
        Ok(Self { path, postgres })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The address of the store.
    pub(crate) fn url(&self) -> String {
        let file = || format!("sqlite:{}", self.path.join("bench.db").display());
        self.postgres
            .as_ref()
            .map_or_else(file, |database| database.url.clone())
    }

    /// The database, if it is one of PostgreSQL.
    pub(crate) fn postgres(&self) -> Option<&Database> {
        self.postgres.as_ref()
    }

    /// The file with the key of the store.
    pub(crate) fn key_file(&self) -> PathBuf {
        match self.postgres {
            Some(_) => self.path.join("bench.key"),
            None => self.path.join("bench.db.key"),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::debug!(%error, "the bench's folder stays");
        }
    }
}
