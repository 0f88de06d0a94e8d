//! The store: the key, schema and durability settings, the audit log, refunds that nothing moves; of
//! a database file also the folder, room on the disk, and whether a write reaches the disk.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tuikuan_store::{Options, Store};

use super::Findings;
use crate::config::Config;
use crate::private::open_to_others;
use crate::setup;

/// Less room than this is an error, less than the next a warning.
const ROOM_ERROR_BYTES: u64 = 256 * 1024 * 1024;
const ROOM_WARN_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// So many small durable writes are tried.
const PROBES: usize = 16;
/// A durable write that is quicker than this never left memory.
const TOO_QUICK: Duration = Duration::from_micros(15);
const TOO_SLOW: Duration = Duration::from_millis(50);
/// A refund without a job in so long is stuck.
const OVERDUE_S: i64 = 3600;

/// Looks at the store.
pub(super) async fn look(config: &Config, findings: &mut Findings) {
    match config.store.file() {
        Some(file) => sqlite(config, &file, findings).await,
        None => postgres(config, findings).await,
    }
}

/// A database that others keep: the room and the disk are theirs to watch.
async fn postgres(config: &Config, findings: &mut Findings) {
    let key = &config.store.key_file;
    if key.exists() {
        key_file(key, findings);
    } else {
        let seen = format!("{} is not there yet", key.display());
        let advice =
            "the first node makes it at its first start; copy that file to every other node";
        findings.warn("store: key file", seen, advice);
        return;
    }
    let begun = Instant::now();
    match setup::store(&config.store, &Options::inline()).await {
        Ok(store) => {
            let seen = format!(
                "{} opens after {:.0} ms; the schema is known; fsync, full_page_writes and \
                 synchronous_commit are on",
                config.store.shown,
                begun.elapsed().as_secs_f64() * 1000.0
            );
            findings.ok("store: database", seen);
            inside(&store, findings).await;
        }
        Err(error) => {
            let advice = "mend this; a service that runs goes on by itself when it is mended";
            findings.error("store: database", format!("{error:#}"), advice);
        }
    }
}

async fn sqlite(config: &Config, file: &Path, findings: &mut Findings) {
    let folder = file
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    if !folder.is_dir() {
        let advice = "it is made at the first start; check that this is the place you mean";
        findings.warn(
            "store: folder",
            format!("{} is not there yet", folder.display()),
            advice,
        );
        return;
    }
    room(&folder, findings);
    write_probe(&folder, findings);
    if !file.exists() {
        findings.ok(
            "store: database",
            format!("{} is made at the first start", file.display()),
        );
        return;
    }
    key_file(&config.store.key_file, findings);
    match Store::open(config.store.url(), &Options::inline()).await {
        Ok(store) => {
            let seen = "opens; the schema is known; WAL, synchronous=FULL and foreign keys are on";
            findings.ok("store: database", seen);
            inside(&store, findings).await;
        }
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map_or_else(String::new, |cause| format!(": {cause}"));
            let advice = "do not start the service on it; mend this, or restore a backup";
            findings.error("store: database", format!("{error}{cause}"), advice);
        }
    }
}

fn room(folder: &Path, findings: &mut Findings) {
    let subject = "store: room";
    let free = match rustix::fs::statvfs(folder) {
        Ok(facts) => facts.f_bavail.saturating_mul(facts.f_frsize),
        Err(error) => {
            findings.warn(subject, format!("cannot be told: {error}"), "look with df");
            return;
        }
    };
    let seen = format!("{} MiB free in {}", free / (1024 * 1024), folder.display());
    let advice = "make room: on a full disk new refunds are refused";
    if free < ROOM_ERROR_BYTES {
        findings.error(subject, seen, advice);
    } else if free < ROOM_WARN_BYTES {
        findings.warn(subject, seen, advice);
    } else {
        findings.ok(subject, seen);
    }
}

fn write_probe(folder: &Path, findings: &mut Findings) {
    let subject = "store: durable write";
    let file = folder.join(format!(".tuikuan-doctor-{}", std::process::id()));
    let probed = probe(&file);
    let removed = std::fs::remove_file(&file);
    match probed {
        Ok(median) => {
            let seen = format!(
                "{:.2} ms (median of {PROBES})",
                median.as_secs_f64() * 1000.0
            );
            if median < TOO_QUICK {
                let advice = "is this a RAM disk, or a disk that does not wait? After a power loss \
                              accepted refunds would be gone";
                findings.warn(subject, format!("{seen}, too quick for a disk"), advice);
            } else if median > TOO_SLOW {
                findings.warn(
                    subject,
                    format!("{seen}, slow"),
                    "move the store to a quicker disk",
                );
            } else {
                findings.ok(subject, seen);
            }
        }
        Err(error) => {
            let advice = "let the service's user own the folder";
            findings.error(subject, format!("{}: {error}", folder.display()), advice);
            return;
        }
    }
    if let Err(error) = removed {
        findings.warn(
            subject,
            format!("{} stays behind: {error}", file.display()),
            "remove it",
        );
    }
}

fn probe(path: &Path) -> std::io::Result<Duration> {
    let mut file = File::create_new(path)?;
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        file.write_all(&[0_u8; 4096])?;
        let begun = Instant::now();
        file.sync_all()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(PROBES / 2).copied().unwrap_or_default())
}

fn key_file(path: &Path, findings: &mut Findings) {
    let subject = format!("store: {}", path.display());
    match open_to_others(path) {
        Ok(false) => findings.ok(subject, "only its owner can read it"),
        Ok(true) => {
            let advice = format!("chmod 600 {}", path.display());
            findings.warn(subject, "others on this machine can read it", &advice);
        }
        Err(error) => {
            let advice =
                "the database's secrets cannot be opened without it: restore it from the backup";
            findings.error(subject, error.to_string(), advice);
        }
    }
}

async fn inside(store: &Store, findings: &mut Findings) {
    match store.verify_audit(None).await {
        Ok(Ok(head)) => findings.ok(
            "store: audit log",
            format!("{} entries, the chain is whole", head.number),
        ),
        Ok(Err(fault)) => {
            let advice = "somebody changed the log: keep this database, compare it with a backup";
            findings.error("store: audit log", fault.to_string(), advice);
        }
        Err(error) => findings.error("store: audit log", error.to_string(), "restore a backup"),
    }
    let overdue = Timestamp::from_second(Timestamp::now().as_second() - OVERDUE_S);
    let Ok(overdue) = overdue else { return };
    match store.stuck(overdue, 1000).await {
        Ok(stuck) if stuck.is_empty() => findings.ok("store: refunds", "none is stuck"),
        Ok(stuck) => {
            let advice = "start the service; if it runs, look at its log for these refunds";
            let first: Vec<&str> = stuck
                .iter()
                .take(3)
                .map(|stuck| stuck.refund_id.as_str())
                .collect();
            let seen = format!(
                "{} were due an hour ago or more: {} ...",
                stuck.len(),
                first.join(", ")
            );
            findings.error("store: refunds", seen, advice);
        }
        Err(error) => findings.error("store: refunds", error.to_string(), "restore a backup"),
    }
}
