//! Watching a batch until nothing more comes of it.

use std::time::Duration;

use serde_json::Value;

use super::read;
use crate::output;
use crate::output::shown;
use crate::remote::{Problem, Remote};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(500);
/// A service that is away for so many looks in a row is given up.
const AWAY_MAX: u32 = 120;

/// States from which nothing more comes by itself.
const STILL: [&str; 4] = ["finished", "cancelled", "rejected", "paused"];

/// Follows a batch to its end. A service that restarts meanwhile is waited for.
pub(super) async fn follow(remote: &Remote, mut batch: Value) -> anyhow::Result<Value> {
    let lines = batch["lines"].as_u64().unwrap_or(0);
    let bar = output::progress(lines, "refunding");
    let id = shown(&batch["id"]);
    let mut away = 0_u32;
    while !still(&batch) {
        bar.set_position(ended(&batch));
        tokio::time::sleep(EVERY).await;
        match read(remote, &id).await {
            Ok(now) => {
                batch = now;
                away = 0;
            }
            Err(error) => {
                let answered = error.downcast_ref::<Problem>();
                let given_up = answered.is_some_and(|problem| problem.status < 500);
                away = away.saturating_add(1);
                if given_up || away > AWAY_MAX {
                    bar.abandon();
                    return Err(error);
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(batch)
}

fn still(batch: &Value) -> bool {
    let state = batch["state"].as_str().unwrap_or_default();
    STILL.contains(&state)
}

/// Lines of which nothing more comes.
fn ended(batch: &Value) -> u64 {
    let over = [
        "succeeded",
        "settled_offline",
        "closed",
        "rejected",
        "cancelled",
        "refused",
        "withdrawn",
    ];
    let count = |name: &str| batch["counts"][name]["lines"].as_u64().unwrap_or(0);
    over.into_iter().map(count).sum()
}
