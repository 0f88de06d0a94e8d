//! `tuikuan payment`: payments of a running service.

mod lines;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::failure::SaidAlready;
use crate::output::{self, money, shown};
use crate::remote::{Problem, Remote, RemoteArgs};
use lines::{BadLine, Line, body, parse};

/// A file is read up to this size.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
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
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    let length = read.with_context(|| format!("{} could not be read", file.display()))?;
    if u64::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        bail!(
            "{} has more than {FILE_BYTES_MAX} bytes: split it",
            file.display()
        );
    }
    Ok(bytes)
}
