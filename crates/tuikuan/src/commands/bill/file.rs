//! A bill that is here as a file: compared with the store, or added up. Nothing is written, no
//! network and no service is needed.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use indicatif::ProgressBarIter;
use serde_json::{Value, json};
use tuikuan_engine::reconcile::{Books, Comparison, compare};
use tuikuan_engine::{MachineIds, Merchant};
use tuikuan_store::{NewDifference, Sums};
use tuikuan_wechat::bill::{BillError, BillFile, BillKind, BillReader, Row, Unpacked};

use super::flow::RefundFlow;
use super::report::{self, yuan};
use super::{ReconcileArgs, ReportArgs};
use crate::commands::key;
use crate::config::{Config, FILE};
use crate::failure::{Misused, SaidAlready};
use crate::output;
use crate::setup;

/// Differences that are shown; a day with more compares the wrong things.
const DIFFERENCES_MAX: usize = 200_000;

type Bar = ProgressBarIter<File>;
type Reader = BillReader<Unpacked<BufReader<Bar>>>;

/// Opens a bill of whichever kind it is; those of refunds name more columns.
fn open(file: &Path) -> anyhow::Result<(BillKind, Reader)> {
    let mut first = None;
    for kind in [
        BillKind::Refund,
        BillKind::All,
        BillKind::Success,
        BillKind::FundFlow,
    ] {
        let opened =
            File::open(file).with_context(|| format!("{} could not be opened", file.display()))?;
        let bytes = opened.metadata().map_or(0, |metadata| metadata.len());
        let bar = output::progress(bytes, "reading");
        let input = BufReader::with_capacity(256 * 1024, bar.wrap_read(opened));
        match BillFile::given(kind).open(input) {
            Ok(reader) => return Ok((kind, reader)),
            Err(error @ BillError::MissingColumn { .. }) => {
                bar.finish_and_clear();
                first.get_or_insert(error);
            }
            Err(error) => {
                bar.finish_and_clear();
                return Err(told(error));
            }
        }
    }
    let error = first.map_or_else(|| anyhow::anyhow!("no kind of bill fits"), told);
    Err(error)
}

/// An error with what to do about it.
fn told(error: BillError) -> anyhow::Error {
    let advice = error.advice();
    anyhow::Error::new(error).context(advice)
}

/// Compares a file with the store of the configuration.
pub(super) async fn reconcile(args: &ReconcileArgs, file: &Path) -> anyhow::Result<()> {
    let (day, _) = args.days.range()?;
    let config = Config::load(args.remote.config().unwrap_or_else(|| Path::new(FILE)))?;
    let merchant = config.merchant(&args.merchant).ok_or_else(|| {
        let text = format!("no merchant is named {}", output::one_line(&args.merchant));
        Misused(text)
    })?;
    let merchant = Merchant::new(merchant.name.clone(), setup::account(merchant), None);
    let store = Arc::new(key::open(&config).await?);
    let (kind, bill) = open(file)?;
    if !matches!(kind, BillKind::Refund | BillKind::All) {
        let text = "the file shows no refunds: take the bill of refunds, or of all trades";
        return Err(Misused(text.to_owned()).into());
    }
    let books = Books::of(store, &merchant, day, Arc::new(MachineIds));
    let mut comparison = compare(bill, books).await?;
    let mut found = Vec::new();
    loop {
        let batch = comparison.next().await?;
        if batch.is_empty() {
            break;
        }
        found.extend(batch);
        if found.len() > DIFFERENCES_MAX {
            bail!(
                "more than {DIFFERENCES_MAX} differences: is this the bill of {} for {day}?",
                output::one_line(&args.merchant)
            );
        }
    }
    say(args, &comparison, &found)
}

fn say(
    args: &ReconcileArgs,
    comparison: &Comparison,
    found: &[NewDifference],
) -> anyhow::Result<()> {
    let open = found.iter().filter(|found| found.healing.is_none()).count();
    let (day, _) = args.days.range()?;
    let sums = comparison.sums();
    if args.json {
        let list: Vec<Value> = found.iter().map(shape).collect();
        output::json(&json!({
            "merchant": args.merchant, "date": day.to_string(), "matched": sums.matched,
            "open": open, "sums": sums_of(sums), "differences": list,
        }))?;
    } else {
        let rows = found.iter().map(|found| row(args, day.to_string(), found));
        report::print(std::io::stdout().lock(), rows)?;
        output::note(&format!(
            "{} refunds in the bill, {} match, {open} differences are open",
            sums.refunds, sums.matched
        ))?;
    }
    if open == 0 {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

fn row(args: &ReconcileArgs, date: String, found: &NewDifference) -> report::Row {
    let facts = &found.facts;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        args.merchant.clone(),
        date,
        found.class.as_str().to_owned(),
        state(found).to_owned(),
        found.repair.as_str().to_owned(),
        found.out_refund_no.clone(),
        yuan(facts.our_amount.map(|amount| amount.get())),
        yuan(facts.bill_amount.map(|amount| amount.get())),
        facts
            .our_status
            .map_or("", |status| status.as_str())
            .to_owned(),
        facts
            .bill_state
            .map_or("", |state| state.as_str())
            .to_owned(),
        facts
            .refund_id
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        text(&facts.wechat_refund_id),
        text(&facts.transaction_id),
        text(&facts.out_trade_no),
        String::new(),
    ]
}

const fn state(found: &NewDifference) -> &'static str {
    match found.healing {
        Some(_) => "healed",
        None => "open",
    }
}

fn shape(found: &NewDifference) -> Value {
    let facts = &found.facts;
    json!({
        "out_refund_no": found.out_refund_no,
        "class": found.class.as_str(),
        "state": state(found),
        "repair": found.repair.as_str(),
        "refund": facts.refund_id.as_ref().map(ToString::to_string),
        "our_amount": facts.our_amount.map(|amount| amount.get()),
        "our_status": facts.our_status.map(|status| status.as_str()),
        "bill_amount": facts.bill_amount.map(|amount| amount.get()),
        "bill_state": facts.bill_state.map(|state| state.as_str()),
        "refund_id": facts.wechat_refund_id,
        "transaction_id": facts.transaction_id,
        "out_trade_no": facts.out_trade_no,
    })
}

fn sums_of(sums: &Sums) -> Value {
    json!({
        "lines": sums.lines, "payments": sums.payments, "payments_amount": sums.payments_fen,
        "refunds": sums.refunds, "refunds_amount": sums.refunds_fen,
        "fees": tuikuan_server::shape::fee(sums.fees),
        "fees_returned": tuikuan_server::shape::fee(sums.fees_returned),
    })
}

/// Says what a file adds up to, whoever's it is.
pub(super) fn report(args: &ReportArgs, file: &Path) -> anyhow::Result<()> {
    let (kind, mut bill) = open(file)?;
    let (mut payments, mut refunds, mut flows) = (0_u64, 0_u64, 0_u64);
    let mut moved = RefundFlow::default();
    loop {
        match bill.next_row().map_err(told)? {
            Some(Row::Payment(_)) => payments += 1,
            Some(Row::Refund(_)) => refunds += 1,
            Some(Row::FundFlow(row)) => {
                flows += 1;
                moved.add(&row);
            }
            None => break,
        }
    }
    let Some(sums) = bill.summary() else {
        return Err(told(BillError::CutShort { line: bill.line() }));
    };
    let refunded = sums.requested_fen.max(sums.refund_fen);
    if args.json {
        return Ok(output::json(&json!({
            "kind": kind.as_str(), "lines": sums.rows, "payments": payments, "refunds": refunds,
            "movements": flows, "payments_amount": sums.total_fen, "refunds_amount": refunded,
            "fee": sums.fee.to_string(), "income_amount": sums.income_fen,
            "expense_amount": sums.expense_fen, "refund_movements": moved.shape(),
        }))?);
    }
    output::line(&format!("{:16}{}", "kind", kind.as_str()))?;
    output::line(&format!("{:16}{}", "lines", sums.rows))?;
    if kind == BillKind::FundFlow {
        output::line(&format!("{:16}¥{}", "income", yuan(Some(sums.income_fen))))?;
        output::line(&format!(
            "{:16}¥{}",
            "expense",
            yuan(Some(sums.expense_fen))
        ))?;
        output::line(&format!("{:16}{}", "refunds", moved.sentence()))?;
        return Ok(());
    }
    let (paid, refunded) = (yuan(Some(sums.total_fen)), yuan(Some(refunded)));
    output::line(&format!("{:16}{payments}, ¥{paid}", "payments"))?;
    output::line(&format!("{:16}{refunds}, ¥{refunded}", "refunds"))?;
    output::line(&format!("{:16}¥{}", "fee", sums.fee))?;
    Ok(())
}
