//! `tuikuan notify decode`: takes one notification apart, step by step, and says what Tuikuan would
//! do with it. It changes nothing and never prints a key.

mod explain;
mod told;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use tuikuan_wechat::{Certificate, Format, Stamp, TrustedKeys, sniff};

use uuid::Uuid;

use crate::config::{Config, FILE, MerchantConfig};
use crate::failure::SaidAlready;
use crate::output;
use crate::setup;

/// More than this is no notification.
const NOTIFICATION_BYTES_MAX: u64 = 64 * 1024;

/// What to do with notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Decrypt and explain one notification
    Decode(DecodeArgs),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan notify decode body.json --headers headers.txt --merchant main\n  \
curl -s ... | tuikuan notify decode - --merchant main\n\n\
The headers stand in their file as WeChat sent them, one \"Name: value\" on each line. The exit code\n\
is 0 when Tuikuan would take the notification, 1 when it would refuse it."
)]
pub(crate) struct DecodeArgs {
    /// The body as it came; `-` is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Whose notification it is
    #[arg(long, value_name = "NAME")]
    merchant: String,
    /// The request's headers (needed to verify API v3)
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// A platform certificate to verify with, beside the configured public key
    #[arg(long, value_name = "FILE")]
    platform_certificate: Option<PathBuf>,
    /// Ask WeChat for the platform certificates to verify with
    #[arg(long)]
    fetch: bool,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one.
pub(crate) fn run(command: NotifyCommand) -> anyhow::Result<()> {
    let NotifyCommand::Decode(args) = command;
    let config = Config::load(&args.config)?;
    let merchant = config.merchant(&args.merchant).ok_or_else(|| {
        let known: Vec<&str> = config.merchants.iter().map(|m| m.name.as_str()).collect();
        anyhow!(
            "the configuration has no such merchant; it has: {}",
            known.join(", ")
        )
    })?;
    let body = read(&args.file)?;
    let headers = match &args.headers {
        Some(file) => headers(&read(file)?)?,
        None => Vec::new(),
    };
    let mut merchant = merchant.clone();
    if let Some(file) = &args.platform_certificate {
        let certificate = Certificate::from_pem(&read(file)?)
            .with_context(|| format!("{} cannot be used", file.display()))?;
        merchant.credentials = merchant.credentials.with_platform_certificate(&certificate);
    }
    if args.fetch {
        super::block_on(fetch(&merchant, config.engine.call_timeout))?;
    }
    let told = match sniff(&body) {
        Format::Json => explain::v3_message(&merchant, &headers, &body),
        Format::Xml => explain::v2_message(&merchant, &body),
    };
    if args.json {
        output::json(&told.as_json())?;
    } else {
        told.print()?;
    }
    if told.taken() {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

/// Trusts the platform certificates that WeChat hands out now, beside those that are configured.
async fn fetch(merchant: &MerchantConfig, timeout: SignedDuration) -> anyhow::Result<()> {
    let account = setup::account(merchant);
    let nonce = format!("{:X}", Uuid::new_v4().simple());
    let now = Timestamp::now().as_second();
    let request = account.certificates(&Stamp {
        unix_seconds: now,
        nonce,
    })?;
    let response = setup::client(merchant, timeout)?.send(&request).await?;
    let certificates = account
        .read_certificates(&response, now)
        .context("the platform certificates could not be fetched")?;
    let keys = certificates
        .iter()
        .fold(TrustedKeys::new(), TrustedKeys::with_certificate);
    merchant.credentials.trust(keys);
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(NOTIFICATION_BYTES_MAX + 1)
            .read_to_end(&mut bytes)?;
    } else {
        let opened = std::fs::File::open(file)
            .with_context(|| format!("{} could not be read", file.display()))?;
        opened
            .take(NOTIFICATION_BYTES_MAX + 1)
            .read_to_end(&mut bytes)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > NOTIFICATION_BYTES_MAX) {
        bail!(
            "{} has more than {NOTIFICATION_BYTES_MAX} bytes: no notification",
            file.display()
        );
    }
    Ok(bytes)
}

fn headers(bytes: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).context("the headers are not text")?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .filter(|(_, line)| !line.starts_with("POST "))
        .map(|(index, line)| {
            let (name, value) = line.split_once(':').with_context(|| {
                format!("line {} of the headers is not \"Name: value\"", index + 1)
            })?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}
