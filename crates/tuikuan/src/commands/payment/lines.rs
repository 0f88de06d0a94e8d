//! The lines of a CSV file of payments. The head says what each column is; an amount is never guessed to
//! be fen or yuan.

use anyhow::Context;
use csv::StringRecord;
use serde_json::{Map, Value};
use tuikuan_terms::Fen;

use crate::failure::Misused;
use crate::output::one_line;

/// A good line of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) merchant: String,
    pub(super) out_trade_no: String,
    pub(super) body: Value,
}

/// A bad line, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) number: u64,
    pub(super) why: String,
}

/// The columns of a file.
struct Columns {
    out_trade_no: usize,
    total: usize,
    unit: Unit,
    transaction_id: Option<usize>,
    paid_at: Option<usize>,
    merchant: Option<usize>,
}

#[derive(Clone, Copy)]
enum Unit {
    Fen,
    Yuan,
}

/// Reads the lines of a file, good and bad ones apart. A file that does not say what its columns are is
/// refused as a whole.
pub(super) fn parse(
    bytes: &[u8],
    merchant: Option<&str>,
) -> anyhow::Result<(Vec<Line>, Vec<BadLine>)> {
    // Excel writes a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(bytes);
    let head = reader
        .headers()
        .context("the first line is not text")?
        .clone();
    let columns = columns(&head, merchant)?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                bad.push(BadLine {
                    number,
                    why: "is not UTF-8 text; save the file as UTF-8".to_owned(),
                });
                continue;
            }
        };
        let number = record.position().map_or(0, csv::Position::line);
        match line(&columns, &record, merchant) {
            Ok(mut line) => {
                line.number = number;
                good.push(line);
            }
            Err(why) => bad.push(BadLine { number, why }),
        }
    }
    Ok((good, bad))
}

fn columns(head: &StringRecord, merchant: Option<&str>) -> Result<Columns, Misused> {
    let mut columns = Columns {
        out_trade_no: usize::MAX,
        total: usize::MAX,
        unit: Unit::Fen,
        transaction_id: None,
        paid_at: None,
        merchant: None,
    };
    for (index, name) in head.iter().enumerate() {
        match name {
            "out_trade_no" => columns.out_trade_no = index,
            "total_fen" | "total_yuan" if columns.total != usize::MAX => {
                return Err(Misused(
                    "the file has two totals, total_fen and total_yuan".to_owned(),
                ));
            }
            "total_fen" => columns.total = index,
            "total_yuan" => (columns.total, columns.unit) = (index, Unit::Yuan),
            "transaction_id" => columns.transaction_id = Some(index),
            "paid_at" => columns.paid_at = Some(index),
            "merchant" => columns.merchant = Some(index),
            other => {
                let known =
                    "out_trade_no, total_fen or total_yuan, transaction_id, paid_at, merchant";
                let text = format!(
                    "the column {:?} is not known; known are {known}",
                    one_line(other)
                );
                return Err(Misused(text));
            }
        }
    }
    let missing = |what: &str| Err(Misused(format!("the first line names no column {what}")));
    if columns.out_trade_no == usize::MAX {
        return missing("out_trade_no");
    }
    if columns.total == usize::MAX {
        return missing("total_fen or total_yuan");
    }
    if columns.merchant.is_none() && merchant.is_none() {
        return missing("merchant, and --merchant is not given");
    }
    Ok(columns)
}

fn line(columns: &Columns, record: &StringRecord, merchant: Option<&str>) -> Result<Line, String> {
    let field = |index: usize| record.get(index).filter(|text| !text.is_empty());
    let optional = |index: Option<usize>| index.and_then(field).map(str::to_owned);
    let own = optional(columns.merchant);
    if let (Some(own), Some(given)) = (&own, merchant)
        && own != given
    {
        return Err(format!("is of merchant {}, not of {given}", one_line(own)));
    }
    let merchant = own
        .or_else(|| merchant.map(str::to_owned))
        .ok_or("has no merchant")?;
    let out_trade_no = field(columns.out_trade_no)
        .ok_or("has no out_trade_no")?
        .to_owned();
    let total = field(columns.total).ok_or("has no total")?;
    let total = match columns.unit {
        Unit::Yuan => Fen::from_yuan(total)
            .map_err(|error| format!("total_yuan is {error}"))?
            .get(),
        Unit::Fen => fen(total).ok_or("total_fen is not a whole number of fen")?,
    };
    if total == 0 {
        return Err("the total is zero".to_owned());
    }
    let body = body(
        total,
        optional(columns.transaction_id),
        optional(columns.paid_at),
    );
    Ok(Line {
        number: 0,
        merchant,
        out_trade_no,
        body,
    })
}

fn fen(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// What is registered.
pub(super) fn body(total: i64, transaction_id: Option<String>, paid_at: Option<String>) -> Value {
    let mut body = Map::new();
    body.insert("total".to_owned(), total.into());
    for (name, value) in [("transaction_id", transaction_id), ("paid_at", paid_at)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_and_fen_columns_mean_what_they_say() {
        let yuan = "\u{feff}out_trade_no,total_yuan\nT00001,39.60\nT00002,39.601\nT00003,\n";
        let (good, bad) = parse(yuan.as_bytes(), Some("main")).unwrap();
        assert_eq!(good.len(), 1);
        assert_eq!(good[0].body["total"], 3960);
        assert_eq!(bad.iter().map(|b| b.number).collect::<Vec<_>>(), [3, 4]);
        let fen = "merchant,total_fen,out_trade_no\nmain,3960,T00001\nother,1.5,T00002\n";
        let (good, bad) = parse(fen.as_bytes(), None).unwrap();
        assert_eq!((good[0].merchant.as_str(), good[0].number), ("main", 2));
        assert_eq!(bad[0].number, 3);
    }

    #[test]
    fn a_file_that_does_not_say_its_unit_is_refused() {
        for head in [
            "out_trade_no,total",
            "out_trade_no,total_fen,total_yuan",
            "total_fen",
            "",
        ] {
            assert!(
                parse(format!("{head}\nT00001,1,1\n").as_bytes(), Some("main")).is_err(),
                "{head}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_text_spoil_their_line_only() {
        let (good, bad) = parse(
            b"out_trade_no,total_fen\nT00001,1\nT\xff0002,1\nT00003,1\n",
            Some("main"),
        )
        .unwrap();
        assert_eq!((good.len(), bad.len()), (2, 1));
    }
}
