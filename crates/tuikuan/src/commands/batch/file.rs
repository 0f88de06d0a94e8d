//! The file of a batch, as it lies there: what it means is the service's business.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use tuikuan_engine::batch::file::FILE_BYTES_MAX;

/// Its bytes, and how they are announced.
pub(super) fn read(file: &Path) -> anyhow::Result<(Vec<u8>, &'static str)> {
    let most = u64::try_from(FILE_BYTES_MAX)?.saturating_add(1);
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    let length = read.with_context(|| format!("{} could not be read", file.display()))?;
    if length > FILE_BYTES_MAX {
        bail!(
            "{} has more than {FILE_BYTES_MAX} bytes: split it",
            file.display()
        );
    }
    let lines = file
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("jsonl") || end.eq_ignore_ascii_case("ndjson"));
    let media = if lines {
        "application/jsonl"
    } else {
        "text/csv"
    };
    Ok((bytes, media))
}
