//! `tuikuan audit`: proves the audit log and the histories of refunds, and exports the log (INV-35).
//! Both work beside a running service. An export ends with a head; kept elsewhere, it shows later
//! that nothing before it was changed.

mod head;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use tuikuan_domain::RefundId;
use tuikuan_engine::By;
use tuikuan_store::{Action, AdminChange, Administered, AuditEntry, AuditHead, ReadError, Store};

use crate::config::{Config, FILE};
use crate::failure::SaidAlready;
use crate::output;

/// Entries and ids read at a time.
const STEP: u32 = 500;
/// Faulty histories that are named; more are counted.
const NAMED_MAX: usize = 100;

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Prove that no entry was altered, moved or removed
    Verify(VerifyArgs),
    /// Write all entries as JSON lines, the head of the log last
    Export(ExportArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan audit verify\n  tuikuan audit verify --head audit-2026-11.jsonl --histories\n\nThe chain names the first entry that was altered, moved or removed. Who can write the database\ncould write the whole chain anew: that is seen only against a head that was exported before and\nkept elsewhere."
)]
pub(crate) struct VerifyArgs {
    /// An earlier export (or its last line): the log must still contain it
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Prove the history of every refund too
    #[arg(long)]
    histories: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan audit export > audit-2026-11.jsonl\n  tuikuan audit export --output audit-2026-11.jsonl --json\n\nThe last line is the head: number and hash of the last entry. Keep it where nobody who can write\nthe database can change it, and give it to `tuikuan audit verify --head`."
)]
pub(crate) struct ExportArgs {
    /// Into this new file; otherwise to stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Place {
    /// The store; an audit never makes a new one.
    async fn open(&self) -> anyhow::Result<Store> {
        let config = Config::load(&self.config)?;
        if let Some(file) = config.store.file().filter(|file| !file.exists()) {
            bail!("there is no database at {}", file.display());
        }
        super::key::open(&config).await
    }
}

/// Runs one.
pub(crate) fn run(command: AuditCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            AuditCommand::Verify(args) => verify(&args).await,
            AuditCommand::Export(args) => export(&args).await,
        }
    })
}

async fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    let kept = args.head.as_deref().map(head::read).transpose()?;
    let store = args.place.open().await?;
    let found = store.verify_audit(kept).await?;
    let histories = match args.histories {
        true => Some(histories(&store).await?),
        false => None,
    };
    let sound = found.is_ok() && histories.as_ref().is_none_or(|h| h.faults == 0);
    if args.place.json {
        let (head, fault) = match &found {
            Ok(head) => (Some(head::shown(head)), None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        let histories = histories.map(|h| h.shown());
        let said = json!({ "ok": sound, "head": head, "fault": fault, "histories": histories });
        output::json(&said)?;
    } else {
        match &found {
            Ok(head) => output::line(&format!(
                "audit log: {} entries, the chain is whole",
                head.number
            ))?,
            Err(fault) => output::line(&format!("audit log: {fault}"))?,
        }
        histories.map_or(Ok(()), |h| h.print())?;
    }
    if sound {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

/// What was found of all histories.
struct Histories {
    refunds: u64,
    events: i64,
    faults: u64,
    named: Vec<(RefundId, String)>,
}

impl Histories {
    fn shown(&self) -> Value {
        let named = self.named.iter();
        let named = named.map(|(id, fault)| json!({ "id": id.as_str(), "fault": fault }));
        json!({
            "refunds": self.refunds,
            "events": self.events,
            "faults": self.faults,
            "named": named.collect::<Vec<_>>(),
        })
    }

    fn print(&self) -> std::io::Result<()> {
        output::line(&format!(
            "histories: {} refunds with {} events, {} with a fault",
            self.refunds, self.events, self.faults
        ))?;
        for (id, fault) in &self.named {
            output::line(&format!("{id}: {fault}"))?;
        }
        Ok(())
    }
}

async fn histories(store: &Store) -> anyhow::Result<Histories> {
    let counts = store.counts().await?;
    let all: i64 = counts.iter().map(|count| count.refunds).sum();
    let bar = output::progress(u64::try_from(all).unwrap_or(0), "histories");
    let mut found = Histories {
        refunds: 0,
        events: 0,
        faults: 0,
        named: Vec::new(),
    };
    let mut after = None;
    loop {
        let ids = store.refund_ids_after(after.take(), STEP).await?;
        let Some(last) = ids.last() else { break };
        after = Some(last.clone());
        for id in ids {
            let fault = match store.verify_history(id.clone()).await {
                Ok(Ok(events)) => {
                    found.events = found.events.saturating_add(events);
                    None
                }
                Ok(Err(fault)) => Some(fault.to_string()),
                Err(error @ ReadError::Corrupt { .. }) => Some(error.to_string()),
                Err(error) => return Err(error.into()),
            };
            found.refunds = found.refunds.saturating_add(1);
            if let Some(fault) = fault {
                found.faults = found.faults.saturating_add(1);
                if found.named.len() < NAMED_MAX {
                    found.named.push((id, fault));
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(found)
}

async fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let store = args.place.open().await?;
    // Its own entry is the last one it contains.
    let audit = By::cli().entry(
        Timestamp::now(),
        Action::AUDIT_EXPORTED,
        ("audit", json!({})),
    );
    let act = Administered::Noted;
    store.administer(AdminChange { act, audit }).await?;
    let Some(file) = &args.output else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        write_all(&store, &mut out).await?;
        return Ok(out.flush()?);
    };
    let made = File::create_new(file);
    let made = made.with_context(|| format!("{} could not be made", file.display()))?;
    let mut out = BufWriter::new(made);
    let head = write_all(&store, &mut out).await?;
    out.into_inner()?.sync_all()?;
    if args.place.json {
        let file = file.display().to_string();
        output::json(&json!({ "file": file, "head": head::shown(&head) }))?;
    } else {
        output::line(&format!("{} entries in {}", head.number, file.display()))?;
    }
    Ok(())
}

/// Writes every entry and the head, and keeps no more than a step in memory.
async fn write_all(store: &Store, out: &mut impl Write) -> anyhow::Result<AuditHead> {
    let mut head = AuditHead {
        number: 0,
        hash: [0; 32],
    };
    loop {
        let entries = store.audit_after(head.number, STEP).await?;
        let Some(last) = entries.last() else { break };
        head = AuditHead {
            number: last.number,
            hash: last.hash,
        };
        for entry in &entries {
            writeln!(out, "{}", line(entry))?;
        }
    }
    writeln!(out, "{}", json!({ "head": head::shown(&head) }))?;
    Ok(head)
}

/// An entry as one line. The detail stays the text that was hashed.
fn line(stored: &AuditEntry) -> Value {
    let entry = &stored.entry;
    json!({
        "number": stored.number,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "hash": head::hex(&stored.hash),
    })
}
