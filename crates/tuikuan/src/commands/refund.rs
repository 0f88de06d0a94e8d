//! `tuikuan refund`: refunds of a running service.

mod create;
mod show;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::output::{self, money, shown};
use crate::remote::{Remote, RemoteArgs};
use create::CreateArgs;
use show::{print_refund, status};

/// What to do with refunds.
#[derive(Debug, Subcommand)]
pub(crate) enum RefundCommand {
    /// Ask for a refund
    Create(CreateArgs),
    /// Show one refund
    Get(OneArgs),
    /// List refunds, the newest first
    List(ListArgs),
    /// Show the history of a refund
    Events(OneArgs),
    /// Agree to a refund that somebody else asked for
    Approve(DecideArgs),
    /// Do not agree to a refund that somebody else asked for; it is withdrawn
    Reject(DecideArgs),
    /// Withdraw a refund that was not submitted yet
    Cancel(OneArgs),
    /// Try a rejected refund again, under its number
    Retry(OneArgs),
    /// Say how an abnormal refund was settled outside WeChat
    Resolve(ResolveArgs),
    /// Ask WeChat about a refund now
    Query(OneArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan refund get rf_0190f5a2\n  tuikuan refund get --merchant main --out-refund-no R20261119001\n\nThe other commands about one refund take the same arguments."
)]
pub(crate) struct OneArgs {
    /// Our id of the refund (`rf_...`)
    #[arg(value_name = "ID", required_unless_present = "out_refund_no")]
    id: Option<String>,
    /// Instead of the id: the merchant's short name ...
    #[arg(
        long,
        value_name = "NAME",
        requires = "out_refund_no",
        conflicts_with = "id"
    )]
    merchant: Option<String>,
    /// ... and the refund's number
    #[arg(long, value_name = "NO", requires = "merchant", conflicts_with = "id")]
    out_refund_no: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan refund approve rf_0190f5a2 --comment \"checked with the buyer\"\n  tuikuan refund reject rf_0190f5a2 --comment \"paid out in cash\"\n\nTakes a key that belongs to a person (`tuikuan key create --owner NAME --role approver`)."
)]
pub(crate) struct DecideArgs {
    /// Why; kept for good
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// `approval.content_hash` as it was looked at: refused when the refund changed since
    #[arg(long, value_name = "SHA256")]
    content_hash: Option<String>,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan refund resolve rf_0190f5a2 --note \"paid by bank transfer 2026-11-20\""
)]
pub(crate) struct ResolveArgs {
    /// How it was settled; kept for good
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    one: OneArgs,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan refund list --merchant main --status processing\n  tuikuan refund list --attention --json"
)]
pub(crate) struct ListArgs {
    /// Only of this merchant
    #[arg(long, value_name = "NAME")]
    merchant: Option<String>,
    /// Only in this status
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only of this order
    #[arg(long, value_name = "NO")]
    out_trade_no: Option<String>,
    /// Only created at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Only created before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    created_to: Option<String>,
    /// Only those that need a person
    #[arg(long)]
    attention: bool,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the last page ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs one.
pub(crate) fn run(command: RefundCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            RefundCommand::Create(args) => create::create(args).await,
            RefundCommand::Get(args) => {
                let remote = Remote::new(&args.remote)?;
                let refund = find(&remote, &args).await?;
                show(&refund, &args)
            }
            RefundCommand::List(args) => list(args).await,
            RefundCommand::Events(args) => events(args).await,
            RefundCommand::Approve(args) => decide(args, "approve").await,
            RefundCommand::Reject(args) => decide(args, "reject").await,
            RefundCommand::Cancel(args) => act(args, "cancel", &json!({})).await,
            RefundCommand::Retry(args) => act(args, "retry", &json!({})).await,
            RefundCommand::Resolve(args) => {
                act(args.one, "resolve", &json!({ "note": args.note })).await
            }
            RefundCommand::Query(args) => act(args, "query", &json!({})).await,
        }
    })
}

async fn find(remote: &Remote, args: &OneArgs) -> anyhow::Result<Value> {
    if let Some(id) = &args.id {
        return remote.get(&["v1", "refunds", id], &[]).await;
    }
    let query: Vec<(&str, String)> = [
        ("merchant", &args.merchant),
        ("out_refund_no", &args.out_refund_no),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.clone()?)))
    .collect();
    let list = remote.get(&["v1", "refunds"], &query).await?;
    let found = list.get("data").and_then(|data| data.get(0)).cloned();
    found.ok_or_else(|| anyhow::anyhow!("there is no such refund"))
}

async fn id_of(remote: &Remote, args: &OneArgs) -> anyhow::Result<String> {
    if let Some(id) = &args.id {
        return Ok(id.clone());
    }
    Ok(shown(
        find(remote, args).await?.get("id").unwrap_or(&Value::Null),
    ))
}

async fn decide(args: DecideArgs, what: &str) -> anyhow::Result<()> {
    let mut body = serde_json::Map::new();
    let said = [
        ("comment", args.comment),
        ("content_hash", args.content_hash),
    ];
    for (name, value) in said {
        body.extend(value.map(|value| (name.to_owned(), Value::String(value))));
    }
    act(args.one, what, &Value::Object(body)).await
}

async fn act(args: OneArgs, what: &str, body: &Value) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let id = id_of(&remote, &args).await?;
    let refund = remote.post(&["v1", "refunds", &id, what], body).await?;
    show(&refund, &args)
}

fn show(refund: &Value, args: &OneArgs) -> anyhow::Result<()> {
    if args.json {
        Ok(output::json(refund)?)
    } else {
        print_refund(refund)
    }
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let mut query = vec![("limit", args.limit.to_string())];
    let filters = [
        ("merchant", &args.merchant),
        ("status", &args.status),
        ("out_trade_no", &args.out_trade_no),
        ("created_from", &args.created_from),
        ("created_to", &args.created_to),
        ("cursor", &args.cursor),
    ];
    query.extend(
        filters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?))),
    );
    if args.attention {
        query.push(("attention", "true".to_owned()));
    }
    let page = remote.get(&["v1", "refunds"], &query).await?;
    if args.json {
        return Ok(output::json(&page)?);
    }
    let mut table = output::table(&[
        "id",
        "merchant",
        "out_refund_no",
        "amount",
        "status",
        "created_at",
        "attention",
    ]);
    for refund in rows(&page) {
        let of = |name: &str| refund.get(name).unwrap_or(&Value::Null);
        let attention = of("attention").get("reason").unwrap_or(&Value::Null);
        table.add_row([
            shown(of("id")),
            shown(of("merchant")),
            shown(of("out_refund_no")),
            money(of("amount")),
            status(of("status")),
            shown(of("created_at")),
            shown(attention),
        ]);
    }
    output::line(&table.to_string())?;
    if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
        output::note(&format!("more: --cursor {cursor}"))?;
    }
    Ok(())
}

async fn events(args: OneArgs) -> anyhow::Result<()> {
    let remote = Remote::new(&args.remote)?;
    let id = id_of(&remote, &args).await?;
    let mut all = Vec::new();
    let mut query = vec![("limit", "200".to_owned())];
    loop {
        let page = remote
            .get(&["v1", "refunds", &id, "events"], &query)
            .await?;
        all.extend(rows(&page).cloned());
        let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else {
            break;
        };
        query = vec![("limit", "200".to_owned()), ("cursor", cursor.to_owned())];
    }
    if args.json {
        return Ok(output::json(&json!({ "data": all, "next_cursor": null }))?);
    }
    let mut table = output::table(&["seq", "at", "type", "status", "source"]);
    for event in &all {
        let of = |name: &str| event.get(name).unwrap_or(&Value::Null);
        table.add_row([
            shown(of("seq")),
            shown(of("at")),
            shown(of("type")),
            status(of("status")),
            shown(of("source")),
        ]);
    }
    Ok(output::line(&table.to_string())?)
}

fn rows(page: &Value) -> impl Iterator<Item = &Value> {
    page.get("data")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
