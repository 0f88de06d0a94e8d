//! Files and folders that only their owner can look into, and whether one is such. Where a system has
//! no such permissions, nothing is claimed about them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes a file that was not there, only for its owner.
pub(crate) fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    write_to(open().create_new(true).open(path)?, text)
}

/// Writes a file, new or not. A new one is only for its owner.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    write_to(open().create(true).truncate(true).open(path)?, text)
}

/// Makes a folder only for its owner; one that is there stays as it is.
pub(crate) fn folder(path: &Path) -> std::io::Result<()> {
    match builder().create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Whether a file can be read or written by others than its owner.
#[cfg(unix)]
pub(crate) fn open_to_others(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Whether a file can be read or written by others than its owner.
#[cfg(not(unix))]
pub(crate) fn open_to_others(path: &Path) -> std::io::Result<bool> {
    std::fs::metadata(path).map(|_| false)
}

fn write_to(mut file: File, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn open() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn open() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

#[cfg(unix)]
fn builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> DirBuilder {
    DirBuilder::new()
}
