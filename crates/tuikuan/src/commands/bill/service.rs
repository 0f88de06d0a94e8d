//! Days of a running service: it fetches and compares, this waits and prints.

use std::time::Duration;

use anyhow::bail;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::report::{self, yuan};
use super::{ReconcileArgs, ReportArgs};
use crate::failure::{Misused, SaidAlready};
use crate::output::{self, shown};
use crate::remote::{Problem, Remote};

/// A day is looked at this often while it is worked on ...
const LOOK: Duration = Duration::from_millis(500);
/// ... and for so long.
const LOOKS_MAX: u32 = 1200;
/// Differences asked for at once.
const PAGE: &str = "200";

/// Has the service fetch and compare days, and waits for it.
pub(super) async fn reconcile(args: &ReconcileArgs) -> anyhow::Result<()> {
    let days = args.days.each()?;
    let remote = Remote::new(&args.remote)?;
    let bar = output::progress(u64::try_from(days.len()).unwrap_or(u64::MAX), "reconciling");
    for day in &days {
        let before = look(&remote, &args.merchant, *day).await?;
        let date = day.to_string();
        let path = ["v1", "reconciliations", &args.merchant, &date, "run"];
        remote.post(&path, &json!({})).await?;
        wait(&remote, (&args.merchant, *day), before.as_ref()).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let form = if args.json { Form::Json } else { Form::Csv };
    tell(&remote, (&args.merchant, &days), form).await
}

/// Says what the service knows of days.
pub(super) async fn report(args: &ReportArgs) -> anyhow::Result<()> {
    let days = args.days.each()?;
    let Some(merchant) = &args.merchant else {
        return Err(Misused("give --merchant".to_owned()).into());
    };
    let remote = Remote::new(&args.remote)?;
    let form = if args.json { Form::Json } else { Form::Csv };
    match tell(&remote, (merchant, &days), form).await {
        // A report reports; that something is open is no failure of it.
        Err(error) if error.is::<SaidAlready>() => Ok(()),
        other => other,
    }
}

/// A day, if the service knows it.
async fn look(remote: &Remote, merchant: &str, day: Date) -> anyhow::Result<Option<Value>> {
    match page(remote, merchant, day, None).await {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.downcast_ref::<Problem>() {
            Some(problem) if problem.status == 404 => Ok(None),
            Some(_) | None => Err(error),
        },
    }
}

async fn page(
    remote: &Remote,
    merchant: &str,
    day: Date,
    cursor: Option<String>,
) -> anyhow::Result<Value> {
    let mut query = vec![("limit", PAGE.to_owned())];
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    let date = day.to_string();
    remote
        .get(&["v1", "reconciliations", merchant, &date], &query)
        .await
}

/// Waits until both bills of a day were processed anew, or could not be.
async fn wait(
    remote: &Remote,
    (merchant, day): (&str, Date),
    before: Option<&Value>,
) -> anyhow::Result<()> {
    let mark = |day: Option<&Value>, bill: &str| {
        let of = |name: &str| {
            day.and_then(|day| day.pointer(&format!("/{bill}/{name}")))
                .cloned()
        };
        (of("fetched_at"), of("tries"))
    };
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(LOOK).await;
        let now = look(remote, merchant, day).await?;
        let settled = |bill| {
            let (fetched, tries) = mark(now.as_ref(), bill);
            let (fetched_before, _) = mark(before, bill);
            let tried = tries.as_ref().and_then(Value::as_u64).unwrap_or(0) > 0;
            (fetched.is_some() && fetched != Some(Value::Null) && fetched != fetched_before)
                || tried
        };
        if settled("refunds_bill") && settled("trades_bill") {
            return Ok(());
        }
    }
    bail!("the service is still at work on {day}: look again with `tuikuan bill report`")
}

/// A day without its differences, which are added to the list; all pages of them.
async fn whole(
    remote: &Remote,
    merchant: &str,
    day: Date,
    differences: &mut Vec<Value>,
) -> anyhow::Result<Option<Value>> {
    let Some(first) = look(remote, merchant, day).await? else {
        return Ok(None);
    };
    let mut found = first.clone();
    loop {
        let list = found.get("data").and_then(Value::as_array);
        differences.extend(list.cloned().unwrap_or_default());
        let next = found.get("next_cursor").and_then(Value::as_str);
        let Some(next) = next.map(str::to_owned) else {
            break;
        };
        found = page(remote, merchant, day, Some(next)).await?;
    }
    let mut day = first;
    if let Some(members) = day.as_object_mut() {
        members.remove("data");
        members.remove("next_cursor");
    }
    Ok(Some(day))
}

/// How days are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Json,
}

async fn tell(
    remote: &Remote,
    (merchant, days): (&str, &[Date]),
    form: Form,
) -> anyhow::Result<()> {
    let (mut known, mut differences) = (Vec::new(), Vec::new());
    for day in days {
        let Some(found) = whole(remote, merchant, *day, &mut differences).await? else {
            continue;
        };
        known.push(found);
    }
    let sound = |day: &&Value| {
        let state = day.get("state").and_then(Value::as_str);
        matches!(state, Some("fetched" | "empty"))
    };
    let all_there = known.len() == days.len() && known.iter().filter(sound).count() == days.len();
    let is_open = |difference: &&Value| difference.get("state") == Some(&json!("open"));
    let open = differences.iter().filter(is_open).count();
    if form == Form::Json {
        output::json(&json!({ "days": known, "differences": differences, "open": open }))?;
    } else {
        report::print(std::io::stdout().lock(), differences.iter().map(row))?;
        for day in &known {
            output::note(&line(day))?;
        }
    }
    if open == 0 && all_there {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

fn line(day: &Value) -> String {
    let of = |name: &str| day.get(name).map_or_else(|| "-".to_owned(), shown);
    let open = |class: &Value| class.get("open").and_then(Value::as_u64).unwrap_or(0);
    let classes = day.get("differences").and_then(Value::as_array);
    let open: u64 = classes.into_iter().flatten().map(open).sum();
    let error = day
        .pointer("/refunds_bill/error")
        .filter(|error| !error.is_null());
    let error = error.map_or_else(String::new, |error| format!("; {}", shown(error)));
    format!(
        "{}  {}  {} match, {open} open{error}",
        of("date"),
        of("state"),
        of("matched")
    )
}

fn row(difference: &Value) -> report::Row {
    let text = |name: &str| match difference.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let money = |name: &str| yuan(difference.get(name).and_then(Value::as_i64));
    [
        text("merchant"),
        text("date"),
        text("class"),
        text("state"),
        text("repair"),
        text("out_refund_no"),
        money("our_amount"),
        money("bill_amount"),
        text("our_status"),
        text("bill_state"),
        text("refund"),
        text("refund_id"),
        text("transaction_id"),
        text("out_trade_no"),
        text("note"),
    ]
}
