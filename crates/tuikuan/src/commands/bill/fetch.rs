//! Fetches bills from WeChat into files. A file gets its name only after it was read to its end and
//! its sums agreed: what lies there under its name is whole (INV-38).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use tuikuan_domain::reconcile::starts_at;
use tuikuan_engine::{Internet, InternetOptions, Merchant, Network};
use tuikuan_wechat::Stamp;
use tuikuan_wechat::bill::{BillAnswer, BillDay, BillFile, BillKind, Row, WantedBill};
use uuid::Uuid;

use super::flow::RefundFlow;
use super::{FetchArgs, Kind};
use crate::config::Config;
use crate::failure::{Misused, SaidAlready};
use crate::output;
use crate::setup;

/// What became of one day.
enum Fetched {
    Written {
        file: PathBuf,
        lines: u64,
        /// What refunds moved, in a fund-flow bill.
        flow: Option<RefundFlow>,
    },
    Nothing,
    NotReady,
}

pub(super) async fn run(args: &FetchArgs) -> anyhow::Result<()> {
    let days = args.days.each()?;
    let config = Config::load(&args.config)?;
    let found = config.merchant(&args.merchant).ok_or_else(|| {
        let text = format!("no merchant is named {}", output::one_line(&args.merchant));
        Misused(text)
    })?;
    let client = setup::client(found, config.engine.call_timeout)?;
    let clients = HashMap::from([(found.name.clone(), client)]);
    let internet = Internet::new(clients, InternetOptions::default())?;
    let merchant = Merchant::new(found.name.clone(), setup::account(found), None);
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("the folder {} could not be made", args.dir.display()))?;
    let bar = output::progress(u64::try_from(days.len()).unwrap_or(u64::MAX), "fetching");
    let (mut list, mut missing) = (Vec::new(), 0_u32);
    for day in days {
        let fetched = fetch(args, (&internet, &merchant), day).await;
        let fetched = fetched.with_context(|| format!("the bill of {day}"))?;
        missing += u32::from(matches!(fetched, Fetched::NotReady));
        list.push(shape(day, &fetched));
        if !args.json {
            bar.suspend(|| output::line(&sentence(day, &fetched)))?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.json {
        output::json(&json!({ "merchant": args.merchant, "bills": list }))?;
    }
    if missing == 0 {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

fn sentence(day: Date, fetched: &Fetched) -> String {
    match fetched {
        Fetched::Written { file, lines, flow } => {
            let flow = flow.map_or_else(String::new, |flow| format!("  {}", flow.sentence()));
            format!("{day}  {lines} lines  {}{flow}", file.display())
        }
        Fetched::Nothing => format!("{day}  WeChat says that nothing happened on this day"),
        Fetched::NotReady => format!("{day}  WeChat has not made the bill yet"),
    }
}

fn shape(day: Date, fetched: &Fetched) -> Value {
    let date = day.to_string();
    match fetched {
        Fetched::Written { file, lines, flow } => {
            let mut shape = json!({
                "date": date, "state": "fetched", "file": file.display().to_string(), "lines": lines,
            });
            if let Some(flow) = flow {
                shape["refunds"] = flow.shape();
            }
            shape
        }
        Fetched::Nothing => json!({ "date": date, "state": "empty" }),
        Fetched::NotReady => json!({ "date": date, "state": "wanted" }),
    }
}

fn stamp() -> Stamp {
    Stamp {
        unix_seconds: Timestamp::now().as_second(),
        nonce: format!("{:X}", Uuid::new_v4().simple()),
    }
}

async fn fetch(
    args: &FetchArgs,
    (internet, merchant): (&Internet, &Merchant),
    day: Date,
) -> anyhow::Result<Fetched> {
    let bill_day = BillDay::of(starts_at(day));
    let (wanted, word) = match args.kind {
        Kind::Refunds => (WantedBill::refunds(bill_day), String::new()),
        Kind::Trades => (WantedBill::all(bill_day), String::new()),
        Kind::FundFlow => (
            WantedBill::fund_flow(args.account.wechat(), bill_day),
            format!("-{}", args.account.as_str()),
        ),
    };
    let name = format!("{}-{day}-{}{word}.csv", args.merchant, args.kind.as_str());
    let place = args.dir.join(format!("{name}.gz"));
    let part = args.dir.join(format!("{name}.part"));
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&part)
        .with_context(|| format!("{} could not be made", part.display()))?;
    let account = &merchant.account;
    let request = account.bill(&wanted, &stamp())?;
    let received = internet.fetch(merchant, request, file.try_clone()?).await?;
    let answer = account.read_bill(&wanted, &received, Timestamp::now().as_second());
    let kind = match answer? {
        BillAnswer::File(kind) => kind,
        BillAnswer::Location(location) => {
            file.set_len(0)?;
            (&file).seek(SeekFrom::Start(0))?;
            let request = account.download_bill(&location, &stamp())?;
            let received = internet.fetch(merchant, request, file.try_clone()?).await?;
            account.read_download_bill(&location, &received)?
        }
        other => {
            drop(file);
            std::fs::remove_file(&part)?;
            return Ok(match other {
                BillAnswer::NothingThatDay => Fetched::Nothing,
                _ => Fetched::NotReady,
            });
        }
    };
    let (lines, flow) = check(kind, &file)?;
    let flow = (wanted.kind() == BillKind::FundFlow).then_some(flow);
    file.sync_all()?;
    std::fs::rename(&part, &place)
        .with_context(|| format!("{} could not be named", place.display()))?;
    Ok(Fetched::Written {
        file: place,
        lines,
        flow,
    })
}

/// Reads a file to its end; how many lines it has, and what refunds moved.
fn check(kind: BillFile, mut file: &File) -> anyhow::Result<(u64, RefundFlow)> {
    file.seek(SeekFrom::Start(0))?;
    let mut bill = kind.open(BufReader::new(file))?;
    let mut flow = RefundFlow::default();
    while let Some(row) = bill.next_row()? {
        if let Row::FundFlow(row) = row {
            flow.add(&row);
        }
    }
    match bill.summary() {
        Some(sums) => Ok((sums.rows, flow)),
        None => bail!("the bill has no summary"),
    }
}
