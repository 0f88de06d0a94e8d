//! `tuikuan store`: the move from a file to PostgreSQL.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tuikuan_store::{CopiedTable, CopyStep, Store};

use crate::config::{Config, FILE};
use crate::{output, setup};

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Copy a database file to an empty PostgreSQL, and compare the two
    Copy(CopyArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tuikuan store copy --from sqlite:/var/lib/tuikuan/tuikuan.db --to postgres://tuikuan@db.example.com/tuikuan\n\n\
Stop the service first; the file is locked while this runs, and not changed. Cut off, it goes on when\n\
it is run again. Until it has ended no service starts on the target. Without --to the store of\n\
the configuration is the target: then no password stands on the command line."
)]
pub(crate) struct CopyArgs {
    /// The source, sqlite:FILE
    #[arg(long, value_name = "URL")]
    from: String,
    /// The target, postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one.
pub(crate) fn run(command: StoreCommand) -> anyhow::Result<()> {
    match command {
        StoreCommand::Copy(args) => super::block_on(copy(args)),
    }
}

async fn copy(args: CopyArgs) -> anyhow::Result<()> {
    let to = match args.to {
        Some(to) => to,
        None => Config::load(&args.config)?.store.url().to_owned(),
    };
    let Some(file) = args.from.strip_prefix("sqlite:").map(Path::new) else {
        bail!("--from is written sqlite:FILE");
    };
    if !file.is_file() {
        bail!("there is no file {}", file.display());
    }
    let shown = Store::shown(&to)?;
    if shown.starts_with("sqlite:") {
        bail!("the target is a file too; write --to postgres://USER@HOST/DATABASE");
    }
    // No service works on the source, and none begins to.
    let _alone = setup::alone(file)?;
    let bar = output::progress(0, "rows");
    let copied = Store::copy(&args.from, &to, |progress| {
        bar.set_length(progress.all.saturating_mul(2));
        bar.set_position(match progress.step {
            CopyStep::Copying => progress.done,
            CopyStep::Comparing => progress.all.saturating_add(progress.done),
        });
    })
    .await;
    bar.finish_and_clear();
    let copied = copied.with_context(|| format!("{} was not copied to {shown}", args.from))?;
    let key_file = format!("{}.key", file.display());
    match args.json {
        true => print_json(&copied, (&args.from, &shown, &key_file)),
        false => print(&copied, (&shown, &key_file)),
    }
}

fn print_json(
    copied: &[CopiedTable],
    (from, to, key_file): (&str, &str, &str),
) -> anyhow::Result<()> {
    let tables = copied.iter().map(|table| {
        json!({ "table": table.table, "rows": table.rows, "sha256": table.checksum, "same": true })
    });
    Ok(output::json(&json!({
        "from": from,
        "to": to,
        "tables": tables.collect::<Vec<_>>(),
        "rows": copied.iter().map(|table| table.rows).sum::<u64>(),
        "key_file": key_file,
    }))?)
}

fn print(copied: &[CopiedTable], (to, key_file): (&str, &str)) -> anyhow::Result<()> {
    for table in copied {
        let digits = table.checksum.get(..16).unwrap_or_default();
        output::line(&format!(
            "{:<14} {:>12} rows  {digits}",
            table.table, table.rows
        ))?;
    }
    output::line(&format!("every row is the same in {to}"))?;
    output::line(&format!(
        "next: copy {key_file} to the key_file of every node, write this address as url under [store],"
    ))?;
    output::line(
        "run `tuikuan doctor`, start the service, and keep the old file as a backup only",
    )?;
    Ok(())
}
