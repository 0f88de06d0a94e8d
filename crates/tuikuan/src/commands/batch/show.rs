//! Batches as people read them.

use std::path::Path;

use serde_json::Value;

use crate::failure::SaidAlready;
use crate::output::{self, Tone, coloured, money, one_line, shown};
use crate::remote::{Problem, Remote};

/// So many faulty lines are shown; the rest are counted.
const LINES_SHOWN: u64 = 20;

/// A file that cannot be used: every fault that the service names, on a line of its own.
pub(super) fn faults(error: anyhow::Error, file: &Path) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else {
        return error;
    };
    let Some(list) = problem.body["faults"].as_array() else {
        return error;
    };
    match print_faults(&problem.body, list, file) {
        Ok(()) => SaidAlready.into(),
        Err(error) => error.into(),
    }
}

fn print_faults(body: &Value, list: &[Value], file: &Path) -> std::io::Result<()> {
    for fault in list {
        let place = match fault["column"].as_str() {
            Some(column) => format!("line {}, {}", fault["line"], one_line(column)),
            None => format!("line {}", fault["line"]),
        };
        output::note(&format!("{place}: {}", shown(&fault["message"])))?;
    }
    for (kind, count) in body["counts"].as_object().into_iter().flatten() {
        output::note(&format!("{count} x {}", one_line(kind)))?;
    }
    output::note(&format!(
        "error: {} has {} faults, nothing was kept",
        file.display(),
        body["total"]
    ))
}

/// What would happen.
pub(super) async fn dry_run(remote: &Remote, batch: &Value) -> anyhow::Result<()> {
    let of = |name: &str| shown(&batch[name]);
    output::line(&format!("batch             {}", of("id")))?;
    output::line(&format!("content           {}", of("content_hash")))?;
    output::line(&format!("lines             {}", of("lines")))?;
    output::line(&format!(
        "to refund         {} lines, {}",
        of("new_lines"),
        money(&batch["new_amount"])
    ))?;
    output::line(&format!(
        "balance needed    {}",
        money(&batch["new_amount"])
    ))?;
    output::line(&format!("takes at least    {} s", of("takes_s")))?;
    for (name, words) in [
        (
            "existing_lines",
            "lines are refunds already: nothing more happens for them",
        ),
        (
            "unknown_payments",
            "payments are not registered: WeChat is asked for them",
        ),
        ("warned_lines", "lines have a warning"),
    ] {
        if batch[name].as_u64().unwrap_or(0) > 0 {
            let text = format!("{} {words}", of(name));
            output::line(&coloured(Tone::Careful, &text))?;
        }
    }
    let faulty = batch["faulty_lines"].as_u64().unwrap_or(0);
    if faulty > 0 {
        let text = format!("{faulty} lines have a fault:");
        output::line(&coloured(Tone::Bad, &text))?;
        print_faulty(remote, &of("id"), faulty).await?;
    }
    Ok(())
}

async fn print_faulty(remote: &Remote, id: &str, faulty: u64) -> anyhow::Result<()> {
    let query = [
        ("filter", "faults".to_owned()),
        ("limit", LINES_SHOWN.to_string()),
    ];
    let page = remote.get(&["v1", "batches", id, "lines"], &query).await?;
    for line in page["data"].as_array().into_iter().flatten() {
        let error = &line["error"];
        let order = line["out_trade_no"]
            .as_str()
            .or(line["transaction_id"].as_str())
            .unwrap_or_default();
        output::line(&format!(
            "  line {} ({}): {}: {}; {}",
            line["line"],
            one_line(order),
            shown(&error["code"]),
            shown(&error["message"]),
            shown(&error["advice"])
        ))?;
    }
    if faulty > LINES_SHOWN {
        output::line(&format!("  ... and {} more", faulty - LINES_SHOWN))?;
    }
    Ok(())
}

/// How far a batch is.
pub(super) fn print_batch(batch: &Value) -> anyhow::Result<()> {
    let names = [
        "id",
        "merchant",
        "name",
        "state",
        "content_hash",
        "lines",
        "created_by",
        "requested_by",
        "approved_by",
        "ended_at",
    ];
    for name in names {
        if !batch[name].is_null() {
            output::line(&format!("{name:16}  {}", shown(&batch[name])))?;
        }
    }
    let mut table = output::table(&["status", "lines", "amount"]);
    for (outcome, count) in batch["counts"].as_object().into_iter().flatten() {
        let row = [
            one_line(outcome),
            shown(&count["lines"]),
            money(&count["amount"]),
        ];
        table.add_row(row);
    }
    if table.row_count() > 0 {
        output::line(&table.to_string())?;
    }
    Ok(())
}
