//! Moving the log into the database file, beside the writer: a thread of its own moves the bulk, the
//! writer only the small rest, after which the log starts again from its beginning. Left to the
//! writer alone, every hundredth commit would wait for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::error::OpenError;
use crate::signals::Signals;
use crate::trouble::Trouble;

/// Pages in the log before the thread begins: some 120 MB. Foreign numbers fall anywhere into their
/// index, so a longer log moves fewer pages; and while pages are moved, commits wait for the disk
/// (decision 0019). After a crash the log is read once, in a fraction of a second.
const START_PAGES: u32 = 30_000;

/// Pages in the log before the writer does it all, whatever the thread does.
const FORCE_PAGES: u32 = 120_000;

/// On a disk with little left the thread begins earlier: a log that has taken all of it cannot be moved
/// any more. It begins when the log takes more than one part in so many of what is left.
const LEFT_PARTS: u64 = 4;

/// Below so many pages nobody asks what is left.
const SMALL_PAGES: u32 = 256;

/// Bytes of a page.
const PAGE: u64 = 4096;

const IDLE: u8 = 0;
const MOVING: u8 = 1;
const MOVED: u8 = 2;

struct State {
    stage: AtomicU8,
    pages: AtomicU32,
}

/// The writer's side.
pub(super) struct Checkpoints {
    state: Arc<State>,
    wake: SyncSender<()>,
    /// On the disk that the log grows on.
    file: PathBuf,
}

impl Checkpoints {
    /// Watches the writer's log and starts the thread, which ends when this is dropped.
    pub(super) fn start(
        writer: &mut Connection,
        (mover, file): (Connection, &Path),
        signals: Arc<Signals>,
    ) -> Result<(Self, JoinHandle<()>), OpenError> {
        let state = Arc::new(State {
            stage: AtomicU8::new(IDLE),
            pages: AtomicU32::new(0),
        });
        let seen = Arc::clone(&state);
        // Takes the place of SQLite's own checkpoint inside of commits.
        writer.wal_hook(Some(move |_: &mut _, pages: i32| {
            let pages = u32::try_from(pages).unwrap_or(0);
            seen.pages.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let (wake, woken) = sync_channel(1);
        let moved = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || serve(&mover, &woken, &moved, &signals))
            .map_err(|source| OpenError::Thread { source })?;
        let file = file.to_owned();
        Ok((Self { state, wake, file }, thread))
    }

    /// Called by the writer between two commits.
    pub(super) fn between(&self, writer: &Connection) -> Result<(), Trouble> {
        let pages = self.state.pages.load(Ordering::Relaxed);
        let stage = self.state.stage.load(Ordering::Acquire);
        if stage == MOVED || pages >= FORCE_PAGES {
            move_log(writer)?;
            // Until the next commit says how long the log is now.
            self.state.pages.store(0, Ordering::Relaxed);
        }
        if stage == MOVED {
            self.state.stage.store(IDLE, Ordering::Release);
        } else if stage == IDLE && (pages >= START_PAGES || self.crowded(pages)) {
            self.state.stage.store(MOVING, Ordering::Release);
            if self.wake.try_send(()).is_err() {
                tracing::debug!("the log is being moved already");
            }
        }
        Ok(())
    }

    /// Whether a log of so many pages takes too much of its disk. Where the system does not tell what is
    /// left, its length alone counts.
    fn crowded(&self, pages: u32) -> bool {
        pages >= SMALL_PAGES
            && rustix::fs::statvfs(&self.file)
                .is_ok_and(|disk| crowds(pages, disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
}

/// Whether a log of so many pages is large beside so many bytes that are left.
fn crowds(pages: u32, left: u64) -> bool {
    u64::from(pages) * PAGE > left / LEFT_PARTS
}

fn serve(mover: &Connection, woken: &Receiver<()>, state: &State, signals: &Signals) {
    while woken.recv().is_ok() {
        match move_log(mover) {
            Ok(()) => {}
            Err(Trouble::Fatal(reason)) => signals.stop(&reason),
            // Full or busy: the writer will see for itself.
            Err(Trouble::Refused(_) | Trouble::All(_)) => {}
        }
        state.stage.store(MOVED, Ordering::Release);
    }
}

/// Moves what can be moved without waiting for anybody.
fn move_log(connection: &Connection) -> Result<(), Trouble> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(statement.query_row([], |_| Ok(()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_crowds_a_disk_with_little_left() {
        const MB: u64 = 1024 * 1024;
        assert!(!crowds(START_PAGES, 10_000 * MB));
        assert!(crowds(START_PAGES, 400 * MB));
        assert!(crowds(SMALL_PAGES + 1, 4 * MB));
        assert!(!crowds(SMALL_PAGES, 4 * MB));
        assert!(crowds(SMALL_PAGES, 0));
    }
}
