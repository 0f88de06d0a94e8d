//! `tuikuan batch`: many refunds in one file, through a running service.

mod file;
mod follow;
mod show;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::failure::{Misused, SaidAlready};
use crate::output::{self, money, shown};
use crate::remote::{Remote, RemoteArgs};
use follow::follow;
use show::{dry_run, faults, print_batch};

/// What to do with batches.
#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Check every line of a file; nothing is refunded
    Check(CheckArgs),
    /// Check a file, show what would happen, and refund it
    Submit(SubmitArgs),
    /// List batches, the newest first
    List(ListArgs),
    /// Show how far a batch is
    Status(StatusArgs),
    /// Agree to a batch that somebody else submitted
    Approve(ApproveArgs),
    /// Do not agree to a batch that somebody else submitted
    Reject(OneArgs),
    /// Make no further refunds for now
    Pause(OneArgs),
    /// Go on with a paused batch
    Resume(OneArgs),
    /// Withdraw what was not sent
    Cancel(OneArgs),
    /// Fetch the result: one line for each line of the file
    Result(ResultArgs),
}

/// A file and whose it is.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file: CSV, or JSON lines when its name ends with `.jsonl`; `-` is CSV from stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The merchant's short name
    #[arg(long, value_name = "NAME")]
    merchant: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan batch check --merchant main refunds.csv\n\n\
The first line names the columns, in English or Chinese:\n  \
out_trade_no (商户订单号) or transaction_id (微信订单号)\n  \
amount_fen (金额(分)) or amount_yuan (金额(元))\n  \
out_refund_no (商户退款单号), reason (退款原因), merchant (商户) where wanted\n\n\
With any fault the exit code is 1."
)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan batch submit --merchant main refunds.csv\n  tuikuan batch submit --merchant main refunds.csv --yes --detach --json\n\n\
The same file again is the same batch: nothing is refunded twice. The command follows the batch to\nits end; when it is broken off, the batch goes on (see `tuikuan batch status`)."
)]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Do not ask before going on
    #[arg(long)]
    yes: bool,
    /// Leave lines with a fault out and refund the others
    #[arg(long)]
    leave_out: bool,
    /// Do not wait for the end
    #[arg(long)]
    detach: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan batch pause bt_0190f5a2\n\nThe other commands about one batch take the same arguments."
)]
pub(crate) struct OneArgs {
    /// Our id of the batch (`bt_...`)
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan batch approve bt_0190f5a2 --content-hash 1f0c...\n\nThe hash stands in the dry run and in the status: it is what you have looked at."
)]
pub(crate) struct ApproveArgs {
    /// The content that you looked at
    #[arg(long, value_name = "HASH")]
    content_hash: String,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan batch status bt_0190f5a2 --follow")]
pub(crate) struct StatusArgs {
    /// Wait for the end
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan batch list --merchant main")]
pub(crate) struct ListArgs {
    /// Only of this merchant
    #[arg(long, value_name = "NAME")]
    merchant: Option<String>,
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Where the last page ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan batch result bt_0190f5a2 --out result.csv")]
pub(crate) struct ResultArgs {
    /// Our id of the batch (`bt_...`)
    #[arg(value_name = "ID")]
    id: String,
    /// Where to put it; stdout when not said
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value = "csv")]
    format: ResultFormat,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// For spreadsheets
    Csv,
    /// A JSON object on each line
    Jsonl,
}

/// Runs one.
pub(crate) fn run(command: BatchCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            BatchCommand::Check(args) => check(args).await,
            BatchCommand::Submit(args) => submit(args).await,
            BatchCommand::List(args) => list(args).await,
            BatchCommand::Status(args) => {
                let remote = Remote::new(&args.one.remote)?;
                let mut batch = read(&remote, &args.one.id).await?;
                if args.follow {
                    batch = follow(&remote, batch).await?;
                }
                say(&batch, &args.one)
            }
            BatchCommand::Approve(args) => {
                let body = json!({ "content_hash": args.content_hash });
                act(args.one, "approve", &body).await
            }
            BatchCommand::Reject(args) => act(args, "reject", &json!({})).await,
            BatchCommand::Pause(args) => act(args, "pause", &json!({})).await,
            BatchCommand::Resume(args) => act(args, "resume", &json!({})).await,
            BatchCommand::Cancel(args) => act(args, "cancel", &json!({})).await,
            BatchCommand::Result(args) => result(args).await,
        }
    })
}

async fn read(remote: &Remote, id: &str) -> anyhow::Result<Value> {
    remote.get(&["v1", "batches", id], &[]).await
}

async fn act(args: OneArgs, what: &str, body: &Value) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let batch = remote
        .post(&["v1", "batches", &args.id, what], body)
        .await?;
    say(&batch, &args)
}

fn say(batch: &Value, args: &OneArgs) -> anyhow::Result<()> {
    if args.json {
        Ok(output::json(batch)?)
    } else {
        print_batch(batch)
    }
}

/// Uploads the file; says what is wrong with it, line by line.
async fn upload(remote: &Remote, args: &FileArgs) -> anyhow::Result<Value> {
    let (bytes, media) = file::read(&args.file)?;
    let mut query = vec![("merchant", args.merchant.clone())];
    if let Some(name) = args.file.file_name().and_then(|name| name.to_str()) {
        query.push(("name", name.to_owned()));
    }
    let uploaded = remote
        .upload(&["v1", "batches"], &query, (media, bytes))
        .await;
    uploaded.map_err(|error| faults(error, &args.file))
}

async fn check(args: CheckArgs) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let batch = upload(&remote, &args.file).await?;
    if args.json {
        output::json(&batch)?;
    } else {
        dry_run(&remote, &batch).await?;
    }
    if batch["faulty_lines"].as_u64() == Some(0) {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

async fn submit(args: SubmitArgs) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let mut batch = upload(&remote, &args.file).await?;
    let id = shown(&batch["id"]);
    // The same file again: whatever was submitted before goes on, nothing is asked twice.
    if batch["state"] == "checked" {
        if !args.json {
            dry_run(&remote, &batch).await?;
        }
        if !args.yes && !agreed(&batch)? {
            output::note("nothing was submitted; the dry run is kept")?;
            return Err(SaidAlready.into());
        }
        let faulty = if args.leave_out {
            "leave_out"
        } else {
            "refuse"
        };
        let body = json!({ "faulty_lines": faulty });
        batch = remote
            .post(&["v1", "batches", &id, "submit"], &body)
            .await?;
    }
    if batch["state"] == "awaiting_approval" {
        let hash = shown(&batch["content_hash"]);
        output::note(&format!(
            "another person must agree: tuikuan batch approve {id} --content-hash {hash}"
        ))?;
    } else if !args.detach {
        batch = follow(&remote, batch).await?;
    }
    if args.json {
        output::json(&batch)?;
    } else {
        print_batch(&batch)?;
    }
    ended_well(&batch)
}

/// Asks whoever sits there; without a terminal nobody does.
fn agreed(batch: &Value) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        let text = "nobody is there to be asked: look at the dry run, then say --yes";
        return Err(Misused(text.to_owned()).into());
    }
    let (lines, amount) = (shown(&batch["new_lines"]), money(&batch["new_amount"]));
    let mut out = std::io::stderr().lock();
    write!(out, "refund {lines} orders, {amount} together? [y/N] ")?;
    out.flush()?;
    drop(out);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A batch that came to its end with refunds that did not is a failure for scripts.
fn ended_well(batch: &Value) -> anyhow::Result<()> {
    let count = |name: &str| batch["counts"][name]["lines"].as_u64().unwrap_or(0);
    let bad = ["refused", "rejected", "closed", "withdrawn", "cancelled"];
    if bad.into_iter().any(|name| count(name) > 0) {
        return Err(SaidAlready.into());
    }
    Ok(())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let given = [
        ("merchant", args.merchant),
        ("state", args.state),
        ("cursor", args.cursor),
    ];
    let query: Vec<(&str, String)> = given
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    let page = remote.get(&["v1", "batches"], &query).await?;
    if args.json {
        return Ok(output::json(&page)?);
    }
    let mut table = output::table(&[
        "batch", "merchant", "name", "state", "lines", "amount", "created",
    ]);
    for batch in page["data"].as_array().into_iter().flatten() {
        table.add_row([
            shown(&batch["id"]),
            shown(&batch["merchant"]),
            shown(&batch["name"]),
            shown(&batch["state"]),
            shown(&batch["lines"]),
            money(&batch["new_amount"]),
            shown(&batch["created_at"]),
        ]);
    }
    output::line(&table.to_string())?;
    if let Some(cursor) = page["next_cursor"].as_str() {
        output::note(&format!("more with --cursor {cursor}"))?;
    }
    Ok(())
}

async fn result(args: ResultArgs) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let format = match args.format {
        ResultFormat::Csv => "csv",
        ResultFormat::Jsonl => "jsonl",
    };
    let path = ["v1", "batches", &args.id, "result"];
    let query = [("format", format.to_owned())];
    match &args.out {
        None => {
            let mut out = std::io::stdout().lock();
            remote.download(&path, &query, &mut out).await?;
            Ok(out.flush()?)
        }
        Some(file) => {
            if file.exists() {
                bail!("{} exists already", file.display());
            }
            let mut out = std::fs::File::create(file)
                .with_context(|| format!("{} could not be made", file.display()))?;
            remote.download(&path, &query, &mut out).await?;
            Ok(out.sync_all()?)
        }
    }
}
