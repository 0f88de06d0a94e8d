//! CSV as people have it: comma, semicolon or tab; English or Chinese heads; quoted cells; what Excel
//! puts before a number so that it stays text.

use csv::{ReaderBuilder, StringRecord};

use super::FileFaultKind;
use super::cells::{Amount, Cells, Reader, quoted};

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Merchant,
    OutTradeNo,
    TransactionId,
    AmountFen,
    AmountYuan,
    OutRefundNo,
    Reason,
}

/// The names of the columns, as a head may write them.
const NAMES: [(&str, Column); 22] = [
    ("merchant", Column::Merchant),
    ("商户", Column::Merchant),
    ("out_trade_no", Column::OutTradeNo),
    ("商户订单号", Column::OutTradeNo),
    ("transaction_id", Column::TransactionId),
    ("微信订单号", Column::TransactionId),
    ("微信支付单号", Column::TransactionId),
    ("微信支付订单号", Column::TransactionId),
    ("amount_fen", Column::AmountFen),
    ("金额(分)", Column::AmountFen),
    ("退款金额(分)", Column::AmountFen),
    ("金额_分", Column::AmountFen),
    ("amount_yuan", Column::AmountYuan),
    ("金额(元)", Column::AmountYuan),
    ("退款金额(元)", Column::AmountYuan),
    ("金额_元", Column::AmountYuan),
    ("out_refund_no", Column::OutRefundNo),
    ("商户退款单号", Column::OutRefundNo),
    ("退款单号", Column::OutRefundNo),
    ("reason", Column::Reason),
    ("退款原因", Column::Reason),
    ("原因", Column::Reason),
];

/// Where each column stands.
#[derive(Debug, Default)]
struct Head {
    merchant: Option<usize>,
    out_trade_no: Option<usize>,
    transaction_id: Option<usize>,
    amount_fen: Option<usize>,
    amount_yuan: Option<usize>,
    out_refund_no: Option<usize>,
    reason: Option<usize>,
    count: usize,
}

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    let mut records = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut head: Option<Head> = None;
    let mut place = Place::start(text);
    loop {
        match records.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(_) => {
                // The text is UTF-8 and any number of cells is taken: nothing is left to be wrong.
                reader.fault(1, None, FileFaultKind::Encoding, "the file cannot be read");
                return;
            }
        }
        let line = place.of(&record);
        if record.iter().all(|cell| clean(cell).is_empty()) {
            continue;
        }
        match &head {
            None => match columns(&record, line, reader) {
                Some(found) => head = Some(found),
                None => return,
            },
            Some(head) => {
                if !reader.has_room(line) {
                    return;
                }
                take(&record, line, head, reader);
            }
        }
    }
}

/// Counts the lines of the text up to a record, as an editor shows them.
struct Place<'t> {
    bytes: &'t [u8],
    counted: usize,
    line: u32,
}

impl<'t> Place<'t> {
    fn start(text: &'t str) -> Self {
        Self {
            bytes: text.as_bytes(),
            counted: 0,
            line: 1,
        }
    }

    /// The line on which a record begins.
    fn of(&mut self, record: &StringRecord) -> u32 {
        let begin = record.position().map_or(0, csv::Position::byte);
        let begin = usize::try_from(begin).unwrap_or(usize::MAX);
        // A record begins behind the rest of the line end before it, and behind empty lines.
        let rest = self.bytes.get(begin..).unwrap_or_default();
        let ends = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
        let begin = begin.saturating_add(ends.count());
        let passed = self.bytes.get(self.counted..begin).unwrap_or_default();
        let after = self.bytes.get(self.counted.saturating_add(1)..);
        let following = after.unwrap_or_default().iter().map(Some);
        let following = following.chain(std::iter::once(None));
        for (byte, next) in passed.iter().zip(following) {
            let ended = *byte == b'\n' || (*byte == b'\r' && next != Some(&b'\n'));
            self.line = self.line.saturating_add(u32::from(ended));
        }
        self.counted = self.counted.max(begin);
        self.line
    }
}

fn take(record: &StringRecord, line: u32, head: &Head, reader: &mut Reader<'_>) {
    // Cells beyond the head are a separator within a cell, or a line that was cut.
    let beyond = record.iter().skip(head.count);
    let extra = beyond.filter(|cell| !clean(cell).is_empty()).count();
    if extra > 0 || record.len() < head.needed() {
        let message = format!(
            "{} cells where the head has {}: a cell with a separator stands in double quotes",
            record.len(),
            head.count
        );
        reader.fault(line, None, FileFaultKind::CellCount, message);
        return;
    }
    let cell = |place: Option<usize>| place.and_then(|at| record.get(at)).map_or("", clean);
    let amount = match (head.amount_fen, head.amount_yuan) {
        (Some(at), _) => Amount::Fen(cell(Some(at))),
        (None, Some(at)) => Amount::Yuan(cell(Some(at))),
        (None, None) => Amount::Missing,
    };
    let cells = Cells {
        merchant: cell(head.merchant),
        out_trade_no: cell(head.out_trade_no),
        transaction_id: cell(head.transaction_id),
        amount,
        out_refund_no: cell(head.out_refund_no),
        reason: cell(head.reason),
    };
    reader.take(line, cells);
}

impl Head {
    /// The cells a line must have at least: up to the last one that is needed.
    fn needed(&self) -> usize {
        let amount = self.amount_fen.or(self.amount_yuan).unwrap_or(0);
        amount.saturating_add(1)
    }

    fn place(&mut self, column: Column) -> &mut Option<usize> {
        match column {
            Column::Merchant => &mut self.merchant,
            Column::OutTradeNo => &mut self.out_trade_no,
            Column::TransactionId => &mut self.transaction_id,
            Column::AmountFen => &mut self.amount_fen,
            Column::AmountYuan => &mut self.amount_yuan,
            Column::OutRefundNo => &mut self.out_refund_no,
            Column::Reason => &mut self.reason,
        }
    }
}

/// What the columns are. Nothing is guessed: a column nobody knows, a name that comes twice and an
/// amount without its unit are refused.
fn columns(record: &StringRecord, line: u32, reader: &mut Reader<'_>) -> Option<Head> {
    let mut head = Head {
        count: record.len(),
        ..Head::default()
    };
    let mut messages = Vec::new();
    for (at, name) in record.iter().enumerate() {
        let name = canonical(name);
        let known = NAMES.iter().find(|(known, _)| *known == name);
        match known {
            _ if name.is_empty() => {}
            None if matches!(name.as_str(), "amount" | "金额" | "退款金额") => messages.push(format!(
                "the column {} does not say its unit: name it amount_fen, 金额(分), amount_yuan or 金额(元)",
                quoted(&name)
            )),
            None => messages.push(format!(
                "the column {} is not known: take it out, or name it merchant, out_trade_no, transaction_id, amount_fen, amount_yuan, out_refund_no or reason",
                quoted(&name)
            )),
            Some((_, column)) => {
                let place = head.place(*column);
                if place.is_some() {
                    messages.push(format!("the column {} stands there twice", quoted(&name)));
                }
                *place = Some(at);
            }
        }
    }
    if head.out_trade_no.is_none() && head.transaction_id.is_none() {
        messages.push(
            "no column names the order: out_trade_no (商户订单号) or transaction_id (微信订单号)"
                .to_owned(),
        );
    }
    match (head.amount_fen, head.amount_yuan) {
        (Some(_), Some(_)) => {
            messages.push("there are two columns of amounts: keep one".to_owned());
        }
        (None, None) => messages.push(
            "no column holds the amount: amount_fen (金额(分)) or amount_yuan (金额(元))"
                .to_owned(),
        ),
        (Some(_), None) | (None, Some(_)) => {}
    }
    let good = messages.is_empty();
    for message in messages {
        reader.fault(line, None, FileFaultKind::Columns, message);
    }
    good.then_some(head)
}

/// A column's name without what does not matter: case, spaces, wide brackets.
fn canonical(name: &str) -> String {
    clean(name)
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '（' => '(',
            '）' => ')',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// A cell without what was put around it so that Excel keeps it as text: a leading apostrophe,
/// backtick or tab, `="..."`, and spaces.
fn clean(cell: &str) -> &str {
    let cell = cell.trim();
    let cell = cell
        .strip_prefix("=\"")
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(cell);
    cell.trim_start_matches(['\'', '`', '\u{2018}', '\u{2019}'])
        .trim()
}

/// The separator: whichever of the three stands most often in the head.
fn delimiter(text: &str) -> u8 {
    let head = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |separator: u8| head.bytes().filter(|b| *b == separator).count();
    let all = [b',', b';', b'\t'];
    all.into_iter()
        .rev()
        .max_by_key(|separator| count(*separator))
        .unwrap_or(b',')
}
