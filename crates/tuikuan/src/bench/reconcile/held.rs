//! What the comparison is held against: the least that any reader of the file must do, and what
//! people use instead.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::BUFFER_BYTES;

const SCRIPT: &str = include_str!("../../../../../bench/reconcile.py");

/// Unpacks a file and splits its lines at commas.
pub(super) fn unpack_and_split(bill: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(bill)?);
    let unpacked = flate2::bufread::GzDecoder::new(file);
    let mut input = BufReader::with_capacity(BUFFER_BYTES, unpacked);
    let (mut line, mut values) = (Vec::new(), 0_usize);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        values = values.saturating_add(line.split(|byte| *byte == b',').count());
    }
    ensure!(values > 0, "the bill is empty");
    Ok(began.elapsed())
}

/// What the script tells.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    /// From open to joined.
    pub(super) seconds: f64,
    /// The most memory of its process.
    pub(super) rss_mb: f64,
}

/// Runs the script with a library on our side as a database or as CSV.
pub(super) fn python(python: &Path, how: [&str; 2], files: [&PathBuf; 2]) -> anyhow::Result<Told> {
    let mut child = Command::new(python)
        .arg("-")
        .args(how)
        .args(files)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} could not be started", python.display()))?;
    let mut script = child.stdin.take().context("no way to the script")?;
    script.write_all(SCRIPT.as_bytes())?;
    drop(script);
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    ensure!(
        output.status.success(),
        "the script failed; bench/requirements.txt names what it needs"
    );
    serde_json::from_str(last).context("the script told nothing")
}
