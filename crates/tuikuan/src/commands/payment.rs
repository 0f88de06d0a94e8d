//! `tuikuan payment`: payments of a running service.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use csv::StringRecord;
use serde_json::{Map, Value, json};
use tuikuan_terms::Fen;

use crate::failure::{Misused, SaidAlready};
use crate::output::{self, money, one_line, shown};
use crate::remote::{Problem, Remote, RemoteArgs};

/// So many bad lines are shown; the rest are counted.
const BAD_LINES_SHOWN: usize = 100;
/// So many lines are registered at once.
const CALLS_AT_ONCE: usize = 16;

/// What to do with payments.
#[derive(Debug, Subcommand)]
pub(crate) enum PaymentCommand {
    /// Register the payments of a CSV file
    Import(ImportArgs),
    /// Show a payment, its refunds and what is left
    Get(GetArgs),
    /// Register one payment
    Put(PutArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan payment import --merchant main payments.csv\n\n\
The first line names the columns:\n  out_trade_no     the merchant's order number (needed)\n  \
total_fen        the total in fen, or\n  total_yuan       the total in yuan, such as 39.60\n  \
transaction_id   WeChat's order number\n  paid_at          when it was paid (RFC 3339)\n  \
merchant         the merchant's short name, where --merchant is not given\n\n\
Good lines are registered, bad ones are reported; with any bad line the exit code is 1.\n\
Importing a file again changes nothing."
)]
pub(crate) struct ImportArgs {
    /// The file; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The merchant's short name, for all lines
    #[arg(long, value_name = "NAME")]
    merchant: Option<String>,
    /// Print a summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan payment get main 20261119001")]
pub(crate) struct GetArgs {
    /// The merchant's short name
    merchant: String,
    /// The merchant's order number
    out_trade_no: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan payment put main 20261119001 --total 3960 --paid-at 2026-11-19T08:24:13Z"
)]
pub(crate) struct PutArgs {
    /// The merchant's short name
    merchant: String,
    /// The merchant's order number
    out_trade_no: String,
    /// The total in fen
    #[arg(long, value_name = "FEN", value_parser = clap::value_parser!(i64).range(1..))]
    total: i64,
    /// WeChat's order number
    #[arg(long, value_name = "ID")]
    transaction_id: Option<String>,
    /// When it was paid (RFC 3339)
    #[arg(long, value_name = "TIME")]
    paid_at: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs one.
pub(crate) fn run(command: PaymentCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            PaymentCommand::Import(args) => import(args).await,
            PaymentCommand::Get(args) => {
                let remote = Remote::new(&args.remote)?;
                let path = ["v1", "payments", &args.merchant, &args.out_trade_no];
                let payment = remote.get(&path, &[]).await?;
                if args.json {
                    Ok(output::json(&payment)?)
                } else {
                    print_payment(&payment)
                }
            }
            PaymentCommand::Put(args) => {
                let remote = Remote::new(&args.remote)?;
                let line = Line {
                    number: 0,
                    merchant: args.merchant,
                    out_trade_no: args.out_trade_no,
                    body: body(args.total, args.transaction_id, args.paid_at),
                };
                let payment = put(&remote, &line).await?;
                if args.json {
                    Ok(output::json(&payment)?)
                } else {
                    print_payment(&payment)
                }
            }
        }
    })
}

async fn put(remote: &Remote, line: &Line) -> anyhow::Result<Value> {
    remote
        .put(
            &["v1", "payments", &line.merchant, &line.out_trade_no],
            &line.body,
        )
        .await
}

fn body(total: i64, transaction_id: Option<String>, paid_at: Option<String>) -> Value {
    let mut body = Map::new();
    body.insert("total".to_owned(), total.into());
    for (name, value) in [("transaction_id", transaction_id), ("paid_at", paid_at)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(body)
}

fn print_payment(payment: &Value) -> anyhow::Result<()> {
    let Some(members) = payment.as_object() else {
        return Ok(output::json(payment)?);
    };
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let text = match name.as_str() {
            "total" | "refunded" | "reserved" | "refundable" | "external" => money(value),
            "refunds" => continue,
            _ => shown(value),
        };
        output::line(&format!("{name:16}  {text}"))?;
    }
    let refunds = members
        .get("refunds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut table = output::table(&["refund", "out_refund_no", "amount", "status"]);
    for refund in refunds {
        let of = |name: &str| refund.get(name).unwrap_or(&Value::Null);
        let row = [
            shown(of("id")),
            shown(of("out_refund_no")),
            money(of("amount")),
            shown(of("status")),
        ];
        table.add_row(row);
    }
    if table.row_count() > 0 {
        output::line(&table.to_string())?;
    }
    Ok(())
}

/// A good line of the file.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    number: u64,
    merchant: String,
    out_trade_no: String,
    body: Value,
}

/// A bad line, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BadLine {
    number: u64,
    why: String,
}

async fn import(args: ImportArgs) -> anyhow::Result<()> {
    let text = read(&args.file)?;
    let (lines, mut bad) = parse(&text, args.merchant.as_deref())?;
    let remote = Remote::new(&args.remote)?;
    let bar = output::progress(
        u64::try_from(lines.len()).unwrap_or(u64::MAX),
        "registering",
    );
    let mut registered = 0_u64;
    for group in lines.chunks(CALLS_AT_ONCE) {
        let mut calls = tokio::task::JoinSet::new();
        for line in group {
            let (remote, line) = (remote.clone(), line.clone());
            calls.spawn(async move { (line.number, put(&remote, &line).await) });
        }
        while let Some(ended) = calls.join_next().await {
            match ended? {
                (_, Ok(_)) => registered += 1,
                (number, Err(error)) => match error.downcast_ref::<Problem>() {
                    Some(problem) if problem.status < 500 && problem.status != 401 => {
                        bad.push(BadLine {
                            number,
                            why: format!("{error:#}"),
                        });
                    }
                    Some(_) | None => {
                        bar.abandon();
                        let what = format!(
                            "stopped at line {number}, {registered} registered; import the file again"
                        );
                        return Err(error.context(what));
                    }
                },
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    bad.sort_by_key(|bad| bad.number);
    say(&args, registered, &bad)
}

fn say(args: &ImportArgs, registered: u64, bad: &[BadLine]) -> anyhow::Result<()> {
    for bad in bad.iter().take(BAD_LINES_SHOWN) {
        output::note(&format!("line {}: {}", bad.number, bad.why))?;
    }
    if bad.len() > BAD_LINES_SHOWN {
        output::note(&format!(
            "... and {} more bad lines",
            bad.len() - BAD_LINES_SHOWN
        ))?;
    }
    if args.json {
        let list: Vec<Value> = bad
            .iter()
            .map(|bad| json!({ "line": bad.number, "error": bad.why }))
            .collect();
        output::json(&json!({ "registered": registered, "bad": list }))?;
    } else {
        output::line(&format!(
            "{registered} payments registered, {} bad lines",
            bad.len()
        ))?;
    }
    if bad.is_empty() {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("stdin could not be read")?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("{} could not be read", file.display()))
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

fn parse(bytes: &[u8], merchant: Option<&str>) -> anyhow::Result<(Vec<Line>, Vec<BadLine>)> {
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
