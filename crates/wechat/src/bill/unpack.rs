//! A bill's file as it came: packed or not, with or without a named SHA-1. The hash is that of the
//! unpacked file (v3 4013071238). It is compared when the end is reached, and a file that is not
//! the named one then reads as an error instead of as an end: nobody can forget to ask.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use flate2::bufread::GzDecoder;

use super::error::BillError;

/// The most a bill may unpack to, in bytes: a bomb is not a bill.
pub const UNPACKED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
const BUFFER_BYTES: usize = 128 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A SHA-1 as WeChat names it: `hash_value`, or `SHA=` in the header `Digest`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha1([u8; 20]);

/// Not 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-1 in 40 hex digits")]
pub struct HashError;

impl Sha1 {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        context.update(bytes);
        Self::finish(context)
    }

    /// The hash of everything that can be read.
    ///
    /// # Errors
    /// When reading fails.
    pub fn read(mut input: impl Read) -> io::Result<Self> {
        let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = input.read(&mut buffer)?;
            if count == 0 {
                return Ok(Self::finish(context));
            }
            context.update(buffer.get(..count).unwrap_or_default());
        }
    }

    fn finish(context: Context) -> Self {
        let mut hash = [0; 20];
        for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(hash)
    }
}

impl FromStr for Sha1 {
    type Err = HashError;
    fn from_str(text: &str) -> Result<Self, HashError> {
        let mut hash = [0; 20];
        if text.len() != 40 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(HashError);
        }
        for (position, byte) in hash.iter_mut().enumerate() {
            let pair = text.get(position * 2..position * 2 + 2).ok_or(HashError)?;
            *byte = u8::from_str_radix(pair, 16).ok().ok_or(HashError)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha1({self})")
    }
}

enum Source<R> {
    Plain(R),
    Gzip(Box<GzDecoder<R>>),
}

/// The unpacked bytes of a file. Memory does not grow with it.
pub struct Unpacked<R> {
    source: Source<R>,
    hash: Option<(Context, Sha1)>,
    buffer: Vec<u8>,
    read: usize,
    filled: usize,
    total: u64,
    ended: bool,
}

impl<R: BufRead> Unpacked<R> {
    /// Looks at the first bytes and unpacks gzip data. With a hash, the end is only reached if the
    /// file gives it.
    ///
    /// # Errors
    /// [`BillError::Empty`] without a byte, [`BillError::Read`].
    pub fn new(mut file: R, hash: Option<Sha1>) -> Result<Self, BillError> {
        let head = file
            .fill_buf()
            .map_err(|error| BillError::from_io(error, 0))?;
        if head.is_empty() {
            return Err(BillError::Empty);
        }
        let source = if is_gzip(head) {
            Source::Gzip(Box::new(GzDecoder::new(file)))
        } else {
            Source::Plain(file)
        };
        Ok(Self {
            source,
            hash: hash.map(|hash| (Context::new(&SHA1_FOR_LEGACY_USE_ONLY), hash)),
            buffer: vec![0; BUFFER_BYTES],
            read: 0,
            filled: 0,
            total: 0,
            ended: false,
        })
    }

    /// Bytes unpacked so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.total
    }

    fn refill(&mut self) -> io::Result<()> {
        let count = match &mut self.source {
            Source::Plain(file) => file.read(&mut self.buffer)?,
            Source::Gzip(file) => file.read(&mut self.buffer)?,
        };
        (self.read, self.filled) = (0, count);
        self.total = self
            .total
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if self.total > UNPACKED_BYTES_MAX {
            return Err(refused(BillError::TooLarge));
        }
        if count > 0 {
            if let (Some((context, _)), Some(fresh)) = (&mut self.hash, self.buffer.get(..count)) {
                context.update(fresh);
            }
            return Ok(());
        }
        if let Source::Gzip(file) = &mut self.source
            && !file.get_mut().fill_buf()?.is_empty()
        {
            return Err(refused(BillError::Packed { source: None }));
        }
        if let Some((context, expected)) = self.hash.take() {
            let found = Sha1::finish(context.clone());
            if found != expected {
                // Asked again, it is still not the file.
                self.hash = Some((context, expected));
                return Err(refused(BillError::HashDiffers { expected, found }));
            }
        }
        self.ended = true;
        Ok(())
    }
}

/// Whether a file begins like gzip data.
pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&GZIP_MAGIC)
}

fn refused(error: BillError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<R: BufRead> BufRead for Unpacked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read == self.filled && !self.ended {
            self.refill()?;
        }
        Ok(self.buffer.get(self.read..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.read = self.read.saturating_add(amount).min(self.filled);
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let count = rest.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R> fmt::Debug for Unpacked<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked")
            .field("total", &self.total)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
