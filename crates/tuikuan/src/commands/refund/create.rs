//! `tuikuan refund create`. Without an identity nothing is sent: the command run twice would be two
//! refunds (INV-15).

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::show::print_refund;
use crate::failure::Misused;
use crate::output;
use crate::remote::{Remote, RemoteArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan refund create --merchant main --out-trade-no 20261119001 \\\n      --amount 3960 --out-refund-no R20261119001 --reason \"sold out\""
)]
pub(crate) struct CreateArgs {
    /// The merchant's short name
    #[arg(long, value_name = "NAME")]
    merchant: String,
    /// The merchant's order number
    #[arg(long, value_name = "NO")]
    out_trade_no: Option<String>,
    /// WeChat's order number
    #[arg(long, value_name = "ID")]
    transaction_id: Option<String>,
    /// How much, in fen
    #[arg(long, value_name = "FEN", value_parser = clap::value_parser!(i64).range(1..))]
    amount: i64,
    /// The refund's number; the same number is always the same refund
    #[arg(long, value_name = "NO")]
    out_refund_no: Option<String>,
    /// Any text that stands for this refund; the same key is always the same refund
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Shown to the buyer
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Refuse unless exactly so much of the payment is left, in fen
    #[arg(long, value_name = "FEN", value_parser = clap::value_parser!(i64).range(0..))]
    expected_refundable: Option<i64>,
    /// Do not submit before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Our id of a closed refund that this one stands in for
    #[arg(long, value_name = "ID")]
    replaces: Option<String>,
    /// Take the money from here instead of WeChat's default
    #[arg(long, value_name = "ACCOUNT", value_enum)]
    funds_account: Option<FundsAccount>,
    /// Items of the order that are refunded, as WeChat's JSON list
    #[arg(long, value_name = "JSON", value_parser = json_text)]
    goods_detail: Option<Value>,
    /// Anything to keep with the refund, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = json_text)]
    metadata: Option<Value>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Where the money comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FundsAccount {
    /// The available balance
    Available,
    /// Money that is not settled yet
    Unsettled,
}

/// Runs it.
pub(super) async fn create(args: CreateArgs) -> anyhow::Result<()> {
    if args.out_refund_no.is_none() && args.idempotency_key.is_none() {
        let text = "give --out-refund-no or --idempotency-key: without either, this command run \
                    twice would be two refunds, and the money would leave twice";
        return Err(Misused(text.to_owned()).into());
    }
    if args.out_trade_no.is_none() && args.transaction_id.is_none() {
        let text = "give --out-trade-no or --transaction-id: which order is refunded?";
        return Err(Misused(text.to_owned()).into());
    }
    let remote = Remote::new(&args.remote)?;
    let body = create_body(&args);
    let path = ["v1", "refunds"];
    let refund = match &args.idempotency_key {
        Some(key) => remote.post_once(&path, key, &body).await?,
        None => remote.post(&path, &body).await?,
    };
    if args.json {
        Ok(output::json(&refund)?)
    } else {
        print_refund(&refund)
    }
}

fn create_body(args: &CreateArgs) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let text = |value: &Option<String>| value.clone().map(Value::from);
    put("merchant", Some(args.merchant.clone().into()));
    put("out_trade_no", text(&args.out_trade_no));
    put("transaction_id", text(&args.transaction_id));
    put("amount", Some(args.amount.into()));
    put("out_refund_no", text(&args.out_refund_no));
    put("reason", text(&args.reason));
    put(
        "expected_refundable",
        args.expected_refundable.map(Value::from),
    );
    put("not_before", text(&args.not_before));
    put("replaces", text(&args.replaces));
    put("goods_detail", args.goods_detail.clone());
    put("metadata", args.metadata.clone());
    let account = args.funds_account.map(|account| match account {
        FundsAccount::Available => Value::from("available"),
        FundsAccount::Unsettled => Value::from("unsettled"),
    });
    put("funds_account", account);
    Value::Object(body)
}

fn json_text(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))
}
