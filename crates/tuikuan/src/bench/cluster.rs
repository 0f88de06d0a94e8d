//! A PostgreSQL cluster as a bench uses it: databases of its own, made and dropped with the tools that
//! came with the server, and `pgbench` beside us as the baseline.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Where distributions put the tools of a server; the newest version first.
const TOOLS: &str = "/usr/lib/postgresql";
/// Rows of `pgbench` for each unit of its scale are 100,000.
const SCALE: &str = "10";
/// Clients of `pgbench`.
pub(crate) const PGBENCH_CLIENTS: u32 = 32;

/// A database that goes away.
pub(crate) struct Database {
    /// Its address.
    pub(crate) url: String,
    cluster: String,
    name: String,
}

impl Database {
    /// Makes one in the cluster of an address, whose user may make databases.
    pub(crate) fn make(cluster: &str) -> anyhow::Result<Self> {
        let name = format!("tuikuan_bench_{}", uuid::Uuid::now_v7().simple());
        sql(cluster, &format!("CREATE DATABASE {name}"))?;
        Ok(Self {
            url: named(cluster, &name)?,
            cluster: cluster.to_owned(),
            name,
        })
    }

    /// What the server says of a setting.
    pub(crate) fn setting(&self, name: &str) -> anyhow::Result<String> {
        sql(&self.url, &format!("SHOW {name}"))
    }

    /// Another one in the same cluster.
    pub(crate) fn beside(&self) -> anyhow::Result<Self> {
        Self::make(&self.cluster)
    }

    /// Makes the tables of `pgbench`.
    pub(crate) fn prepare_pgbench(&self) -> anyhow::Result<()> {
        run(Command::new(tool("pgbench")).args(["-i", "-q", "-s", SCALE, &self.url]))?;
        Ok(())
    }

    /// `pgbench -N -c 32`: its transactions in a second.
    pub(crate) fn pgbench(&self, time: Duration) -> anyhow::Result<f64> {
        let clients = PGBENCH_CLIENTS.to_string();
        let seconds = time.as_secs().max(1).to_string();
        let output = run(Command::new(tool("pgbench")).args([
            "-N", "-n", "-c", &clients, "-j", "2", "-T", &seconds, &self.url,
        ]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("pgbench did not say how fast it was: {text}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = sql(
            &self.cluster,
            &format!("DROP DATABASE {} WITH (FORCE)", self.name),
        );
        if let Err(error) = dropped {
            tracing::warn!(%error, database = self.name, "the bench's database stays");
        }
    }
}

/// The address of another database in the same cluster.
fn named(cluster: &str, name: &str) -> anyhow::Result<String> {
    let (before, query) = match cluster.split_once('?') {
        Some((before, query)) => (before, format!("?{query}")),
        None => (cluster, String::new()),
    };
    let (scheme, rest) = before
        .split_once("://")
        .context("not an address of PostgreSQL")?;
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    Ok(format!("{scheme}://{host}/{name}{query}"))
}

/// Runs one statement and gives its one value.
fn sql(url: &str, statement: &str) -> anyhow::Result<String> {
    let output = run(Command::new(tool("psql")).args(["-XAtq", url, "-c", statement]))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| {
        format!(
            "{} could not be run: are PostgreSQL's tools installed?",
            command.get_program().to_string_lossy()
        )
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", command.get_program().display(), said.trim());
    }
    Ok(output)
}

/// A tool of the newest server that is installed, or of that name in the path.
fn tool(name: &str) -> PathBuf {
    let versions = std::fs::read_dir(TOOLS).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path().join("bin").join(name);
            path.is_file().then_some((version, path))
        })
        .max();
    newest.map_or_else(|| PathBuf::from(name), |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_cluster_is_named() {
        let other = |url| named(url, "b").unwrap();
        assert_eq!(other("postgres://u:p@h:1/a"), "postgres://u:p@h:1/b");
        assert_eq!(other("postgres://u@h"), "postgres://u@h/b");
        let url = "postgresql://u@h/a?sslmode=disable";
        assert_eq!(other(url), "postgresql://u@h/b?sslmode=disable");
    }
}
