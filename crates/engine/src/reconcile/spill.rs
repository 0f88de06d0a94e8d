//! One side of a comparison, set aside: entries of 32 bytes in partitions by fingerprint, and the
//! details of each beside them. A small side stays in memory; a large one goes into temporary files
//! without a name, block by block, so that memory holds one partition and a few buffers.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::CompareError;

/// Partitions of a side: of a million entries each holds about four thousand.
pub(super) const PARTITIONS: usize = 256;
/// Bytes of one entry.
const ENTRY_BYTES: usize = 32;
/// A partition is written in blocks of this many bytes.
const BLOCK_BYTES: usize = 128 * ENTRY_BYTES;
/// Details are written in blocks of this many bytes.
const DETAIL_BLOCK_BYTES: usize = 512 * 1024;

/// One number of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The fingerprint of the number.
    pub(super) key: u128,
    /// Where its details begin; grows in the order of the side.
    place: u64,
    /// How many bytes they have.
    length: u16,
    /// What else is compared, beside the amount.
    pub(super) code: u8,
    /// The amount, in fen.
    pub(super) amount: i64,
}

impl Entry {
    fn write(&self, block: &mut Vec<u8>) {
        block.extend_from_slice(&self.key.to_le_bytes());
        block.extend_from_slice(&self.amount.to_le_bytes());
        // 40 bits: a thousand gigabytes of details.
        block.extend(self.place.to_le_bytes().iter().take(5));
        block.extend_from_slice(&self.length.to_le_bytes());
        block.push(self.code);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<16>()?;
        let (amount, rest) = rest.split_first_chunk::<8>()?;
        let (&[a, b, c, d, e], rest) = rest.split_first_chunk::<5>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        Some(Self {
            key: u128::from_le_bytes(*key),
            amount: i64::from_le_bytes(*amount),
            place: u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]),
            length: u16::from_le_bytes(*length),
            code: *rest.first()?,
        })
    }
}

/// A side that is being read.
#[derive(Debug)]
pub(super) struct Spill {
    scratch: PathBuf,
    partitions: Vec<Partition>,
    blocks: Option<File>,
    written: u64,
    details: Details,
}

#[derive(Debug, Default)]
struct Partition {
    /// Where its full blocks begin in the file.
    blocks: Vec<u64>,
    /// What is not written yet.
    open: Vec<u8>,
}

#[derive(Debug, Default)]
struct Details {
    file: Option<File>,
    written: u64,
    open: Vec<u8>,
}

fn scratch(source: io::Error) -> CompareError {
    CompareError::Scratch { source }
}

fn too_large() -> CompareError {
    scratch(io::Error::from(io::ErrorKind::FileTooLarge))
}

fn damaged() -> CompareError {
    scratch(io::Error::from(io::ErrorKind::UnexpectedEof))
}

impl Spill {
    pub(super) fn new(scratch: PathBuf) -> Self {
        Self {
            scratch,
            partitions: std::iter::repeat_with(Partition::default)
                .take(PARTITIONS)
                .collect(),
            blocks: None,
            written: 0,
            details: Details::default(),
        }
    }

    /// Sets one number aside.
    pub(super) fn put(
        &mut self,
        (key, code): (u128, u8),
        amount: i64,
        details: &[u8],
    ) -> Result<(), CompareError> {
        let entry = Entry {
            key,
            place: self.put_details(details)?,
            length: u16::try_from(details.len()).map_err(|_longer| too_large())?,
            code,
            amount,
        };
        let [first, ..] = key.to_be_bytes();
        let partition = self.partitions.get_mut(usize::from(first));
        let partition = partition.ok_or_else(damaged)?;
        entry.write(&mut partition.open);
        if partition.open.len() < BLOCK_BYTES {
            return Ok(());
        }
        let file = match &mut self.blocks {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.scratch).map_err(scratch)?),
        };
        file.write_all(&partition.open).map_err(scratch)?;
        partition.blocks.push(self.written);
        partition.open.clear();
        let written = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(written);
        Ok(())
    }

    fn put_details(&mut self, bytes: &[u8]) -> Result<u64, CompareError> {
        let details = &mut self.details;
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let place = details.written.saturating_add(length(&details.open));
        details.open.extend_from_slice(bytes);
        if details.open.len() >= DETAIL_BLOCK_BYTES {
            let file = match &mut details.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile_in(&self.scratch).map_err(scratch)?),
            };
            file.write_all(&details.open).map_err(scratch)?;
            details.written = details.written.saturating_add(length(&details.open));
            details.open.clear();
        }
        if place >> 40 == 0 {
            Ok(place)
        } else {
            Err(too_large())
        }
    }

    /// The side is whole.
    pub(super) fn seal(mut self) -> Result<Sealed, CompareError> {
        for file in [&mut self.blocks, &mut self.details.file]
            .into_iter()
            .flatten()
        {
            file.flush().map_err(scratch)?;
        }
        Ok(Sealed(self))
    }
}

/// A side that is whole.
#[derive(Debug)]
pub(super) struct Sealed(Spill);

impl Sealed {
    /// The entries of a partition, in the order of their fingerprints, and for one fingerprint in
    /// the order of the side.
    pub(super) fn partition(&self, number: usize) -> Result<Vec<Entry>, CompareError> {
        let partition = self.0.partitions.get(number).ok_or_else(damaged)?;
        let mut entries = Vec::new();
        let mut block = vec![0; BLOCK_BYTES];
        for begin in &partition.blocks {
            let mut file = self.0.blocks.as_ref().ok_or_else(damaged)?;
            file.seek(SeekFrom::Start(*begin)).map_err(scratch)?;
            file.read_exact(&mut block).map_err(scratch)?;
            entries.extend(block.chunks_exact(ENTRY_BYTES).filter_map(Entry::read));
        }
        let open = partition.open.chunks_exact(ENTRY_BYTES);
        entries.extend(open.filter_map(Entry::read));
        entries.sort_unstable();
        Ok(entries)
    }

    /// The details of an entry.
    pub(super) fn details(&self, entry: &Entry) -> Result<Vec<u8>, CompareError> {
        let details = &self.0.details;
        let length = usize::from(entry.length);
        if let Some(inside) = entry.place.checked_sub(details.written) {
            let inside = usize::try_from(inside).map_err(|_narrow| too_large())?;
            let bytes = details.open.get(inside..inside.saturating_add(length));
            return bytes.map(<[u8]>::to_vec).ok_or_else(damaged);
        }
        let mut file = details.file.as_ref().ok_or_else(damaged)?;
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(entry.place)).map_err(scratch)?;
        file.read_exact(&mut bytes).map_err(scratch)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_aside_comes_back_whole_and_sorted() {
        for count in [0_u64, 1, 500, 60_000] {
            let mut spill = Spill::new(std::env::temp_dir());
            for n in 0..count {
                // Spread over all partitions.
                let key = u128::from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 64;
                let details = format!("number {n}");
                spill
                    .put((key, 7), i64::try_from(n).unwrap(), details.as_bytes())
                    .unwrap();
            }
            let sealed = spill.seal().unwrap();
            let mut seen = 0;
            for partition in 0..PARTITIONS {
                let entries = sealed.partition(partition).unwrap();
                assert!(entries.is_sorted_by_key(|entry| entry.key));
                for entry in &entries {
                    let details = sealed.details(entry).unwrap();
                    assert_eq!(details, format!("number {}", entry.amount).into_bytes());
                    assert_eq!(entry.code, 7);
                }
                seen += entries.len();
            }
            assert_eq!(u64::try_from(seen).unwrap(), count);
        }
    }
}
