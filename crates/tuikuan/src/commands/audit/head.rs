//! The head of an exported audit log: its last line.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use tuikuan_store::AuditHead;

/// The last line of an export is no longer than this.
const TAIL_BYTES: u64 = 4096;

pub(super) fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn shown(head: &AuditHead) -> Value {
    json!({ "number": head.number, "hash": hex(&head.hash) })
}

/// The head of an export.
pub(super) fn read(file: &Path) -> anyhow::Result<AuditHead> {
    let tail = tail(file).with_context(|| format!("{} could not be read", file.display()))?;
    let last = tail.lines().rev().find(|line| !line.trim().is_empty());
    last.and_then(parse).ok_or_else(|| {
        anyhow!(
            "{} does not end with the head of an audit log: was it cut?",
            file.display()
        )
    })
}

/// The end of a file; what is no text there is no head either.
fn tail(file: &Path) -> std::io::Result<String> {
    let mut open = File::open(file)?;
    let length = open.metadata()?.len();
    open.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    open.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(line: &str) -> Option<AuditHead> {
    let value: Value = serde_json::from_str(line).ok()?;
    let head = value.get("head")?;
    let digits = head.get("hash")?.as_str()?;
    let whole = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut hash = [0; 32];
    for (byte, place) in hash.iter_mut().zip((0..).step_by(2)) {
        let pair = digits.get(place..place + 2).filter(|_| whole)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(AuditHead {
        number: head.get("number")?.as_i64()?,
        hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_nothing_else_is_one() {
        let head = AuditHead {
            number: 7,
            hash: [0xa5; 32],
        };
        let line = json!({ "head": shown(&head) }).to_string();
        assert_eq!(parse(&line), Some(head));
        for bad in [
            "",
            "{}",
            "{\"head\":{\"number\":1,\"hash\":\"\"}}",
            "{\"head\":7}",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
