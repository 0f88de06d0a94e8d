//! Reading a file of refunds: CSV as people export and edit it, or JSON lines. Every line is read,
//! every fault names its line, its column and what to do; a file with a fault is refused as a whole,
//! because what a half-read file means nobody can agree to.
//!
//! Amounts convert exactly or are refused (INV-7). What Excel does to long numbers cannot be undone:
//! it is refused with a word about it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256, digest};
use tuikuan_domain::batch::{LINES_MAX, Line, Numbering};
use tuikuan_domain::{MerchantName, OrderRef};
use tuikuan_terms::{Fen, MchId, OutRefundNo, SubMchId};

mod cells;
mod csv;
mod json;

use cells::Reader;

/// The largest file.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest cell.
pub const CELL_BYTES_MAX: usize = 1024;

/// So many faults of each kind are listed; all are counted.
pub const FAULTS_LISTED_MAX: u32 = 20;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A head that names the columns, then a line for each refund.
    Csv,
    /// A JSON object on each line.
    JsonLines,
}

/// Whose refunds a file asks for.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The merchant's name.
    pub merchant: &'a MerchantName,
    /// The merchant number.
    pub mch_id: &'a MchId,
    /// The sub-merchant, for a service provider.
    pub sub_mch_id: Option<&'a SubMchId>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its lines.
    pub lines: Vec<Line>,
    /// SHA-256 over merchant and canonical lines. Encoding, line ends, separators, quotes and the
    /// order of columns do not matter.
    pub content: [u8; 32],
}

/// What kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileFaultKind {
    /// Neither UTF-8 nor GBK.
    Encoding,
    /// The head does not say what the columns are.
    Columns,
    /// Not a JSON object of these members.
    Json,
    /// More or fewer cells than the head has.
    CellCount,
    /// A cell is too long.
    CellTooLong,
    /// Excel has rounded a long number.
    Rounded,
    /// A cell that is needed is empty.
    Missing,
    /// Not an order number.
    OrderNumber,
    /// Not a refund number.
    RefundNumber,
    /// Not an amount.
    Amount,
    /// Not a reason WeChat takes.
    Reason,
    /// Another merchant than the file's.
    Merchant,
    /// There is no line.
    Empty,
    /// Too many lines.
    TooManyLines,
    /// The sum is beyond any merchant.
    Sum,
}

impl FileFaultKind {
    /// The kind as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Columns => "columns",
            Self::Json => "json",
            Self::CellCount => "cell_count",
            Self::CellTooLong => "cell_too_long",
            Self::Rounded => "rounded_by_excel",
            Self::Missing => "missing",
            Self::OrderNumber => "order_number",
            Self::RefundNumber => "refund_number",
            Self::Amount => "amount",
            Self::Reason => "reason",
            Self::Merchant => "merchant",
            Self::Empty => "empty",
            Self::TooManyLines => "too_many_lines",
            Self::Sum => "sum",
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// In which line; the first is 1.
    pub line: u32,
    /// In which column.
    pub column: Option<&'static str>,
    /// What kind.
    pub kind: FileFaultKind,
    /// What is wrong, and what to do, on one line.
    pub message: String,
}

/// All faults of a file: the first of each kind in words, all of them counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("the file has {total} faults")]
pub struct FileFaults {
    /// In the order of the file.
    pub listed: Vec<FileFault>,
    /// How many of each kind.
    pub counts: BTreeMap<FileFaultKind, u32>,
    /// How many there are.
    pub total: u32,
}

impl FileFaults {
    fn add(&mut self, fault: FileFault) {
        let count = self.counts.entry(fault.kind).or_insert(0);
        *count = count.saturating_add(1);
        self.total = self.total.saturating_add(1);
        if *count <= FAULTS_LISTED_MAX {
            self.listed.push(fault);
        }
    }

    fn only(line: u32, kind: FileFaultKind, message: &str) -> Self {
        let mut faults = Self::default();
        faults.add(FileFault {
            line,
            column: None,
            kind,
            message: message.to_owned(),
        });
        faults
    }
}

/// Reads a file.
///
/// # Errors
/// [`FileFaults`]: all of them, so that one look mends the file.
pub fn read(bytes: &[u8], format: Format, whose: Whose<'_>) -> Result<File, FileFaults> {
    let text = decode(bytes)?;
    let mut reader = Reader::new(whose);
    match format {
        Format::Csv => csv::read(&text, &mut reader),
        Format::JsonLines => json::read(&text, &mut reader),
    }
    let lines = reader.finish()?;
    let mut hash = ContentHash::new(whose);
    for line in &lines {
        hash.add(line);
    }
    let content = hash.finish();
    Ok(File { lines, content })
}

/// The text: UTF-8, or what Excel in China writes.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, FileFaults> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, _, broken) = encoding.decode(bytes.get(mark..).unwrap_or_default());
        return if broken { Err(undecodable()) } else { Ok(text) };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let text = encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(undecodable)
}

fn undecodable() -> FileFaults {
    let message = "the file is neither UTF-8 nor GBK: save it as \"CSV UTF-8\", or as CSV from a Chinese Excel";
    FileFaults::only(1, FileFaultKind::Encoding, message)
}

/// The refund number of a line without one. It depends on merchant and order alone: whatever file
/// the order stands in, and whatever amount stands beside it, it is one refund (INV-2).
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "three letters and 40 hex digits are a refund number"
)]
pub fn number_of_order(
    mch_id: &MchId,
    sub_mch_id: Option<&SubMchId>,
    order: &OrderRef,
) -> OutRefundNo {
    let (kind, number) = match (&order.out_trade_no, &order.transaction_id) {
        (Some(number), _) => ("out_trade_no", number.as_str()),
        (None, Some(id)) => ("transaction_id", id.as_str()),
        (None, None) => ("none", ""),
    };
    let sub = sub_mch_id.map_or("", |sub| sub.as_str());
    let text = format!("batch\0{mch_id}\0{sub}\0{kind}\0{number}");
    let hash = digest(&SHA256, text.as_bytes());
    let mut number = String::with_capacity(43);
    // Numbers from idempotency keys are `TK` and small hex digits: no B follows there.
    number.push_str("TKB");
    for byte in hash.as_ref().iter().take(20) {
        for digit in [byte >> 4, byte & 15] {
            number.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    number
        .parse()
        .expect("three letters and 40 hex digits are a refund number")
}

/// The hash of merchant and lines, line by line.
#[derive(Clone)]
pub struct ContentHash(Context);

impl std::fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentHash").finish_non_exhaustive()
    }
}

impl ContentHash {
    /// Of a file without lines.
    #[must_use]
    pub fn new(whose: Whose<'_>) -> Self {
        let mut hash = Self(Context::new(&SHA256));
        hash.field("tuikuan batch 1");
        hash.field(whose.merchant.as_str());
        hash.field(whose.mch_id.as_str());
        hash.field(whose.sub_mch_id.map_or("", |sub| sub.as_str()));
        hash
    }

    /// Takes the next line in.
    pub fn add(&mut self, line: &Line) {
        self.field(&line.number.to_string());
        self.field(line.order.out_trade_no.as_ref().map_or("", |n| n.as_str()));
        self.field(
            line.order
                .transaction_id
                .as_ref()
                .map_or("", |n| n.as_str()),
        );
        self.field(&line.amount.to_string());
        self.field(match line.numbering {
            Numbering::Given => line.out_refund_no.as_str(),
            Numbering::Computed => "",
        });
        self.field(line.reason.as_ref().map_or("", |reason| reason.as_str()));
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        hash
    }

    /// A length before each field, so that no two lists of fields are the same bytes.
    fn field(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(text.as_bytes());
    }
}

/// Whether a sum of amounts is still money.
fn summed(lines: &[Line]) -> Option<Fen> {
    lines
        .iter()
        .try_fold(Fen::ZERO, |sum, line| sum.checked_add(line.amount))
}

/// Whether there are too many lines.
fn too_many(count: usize) -> bool {
    u32::try_from(count).map_or(true, |count| count > LINES_MAX)
}

#[cfg(test)]
mod tests;
