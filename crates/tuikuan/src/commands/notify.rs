//! `tuikuan notify decode`: takes one notification apart, step by step, and says what Tuikuan would
//! do with it. It changes nothing and never prints a key.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tuikuan_wechat::v2::{self, Fields};
use tuikuan_wechat::v3::notification::Subject;
use tuikuan_wechat::v3::{self, sign::VerifyError};
use tuikuan_wechat::{
    Certificate, Format, PaymentReport, RefundReport, RefundStatus, Stamp, TrustedKeys, sniff,
};

use uuid::Uuid;

use crate::config::{Config, FILE, MerchantConfig};
use crate::failure::SaidAlready;
use crate::output::{self, Tone, coloured, one_line};
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
        Format::Json => v3_message(&merchant, &headers, &body),
        Format::Xml => v2_message(&merchant, &body),
    };
    if args.json {
        output::json(&told.as_json())?
    } else {
        told.print()?
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

/// How one step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Well,
    Open,
    Wrong,
}

/// A notification, explained.
#[derive(Debug)]
struct Told {
    format: &'static str,
    about: &'static str,
    steps: Vec<(&'static str, Went, String)>,
    plain: Option<String>,
    fields: Map<String, Value>,
    would: String,
}

impl Told {
    fn of(format: &'static str, about: &'static str) -> Self {
        let would = "refuse it: WeChat is answered with failure and delivers it again".to_owned();
        Self {
            format,
            about,
            steps: Vec::new(),
            plain: None,
            fields: Map::new(),
            would,
        }
    }

    fn well(&mut self, step: &'static str, text: impl Into<String>) {
        self.steps.push((step, Went::Well, text.into()));
    }

    fn open(&mut self, step: &'static str, text: impl Into<String>) {
        self.steps.push((step, Went::Open, text.into()));
    }

    fn wrong(mut self, step: &'static str, text: impl Into<String>) -> Self {
        self.steps.push((step, Went::Wrong, text.into()));
        self
    }

    fn taken(&self) -> bool {
        self.steps.iter().all(|(_, went, _)| *went != Went::Wrong)
    }

    fn as_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|(step, went, text)| {
                let ok = match went {
                    Went::Well => Value::Bool(true),
                    Went::Open => Value::Null,
                    Went::Wrong => Value::Bool(false),
                };
                json!({ "step": step, "ok": ok, "text": text })
            })
            .collect();
        json!({
            "format": self.format,
            "about": self.about,
            "steps": steps,
            "plain": self.plain,
            "fields": self.fields,
            "would": self.would,
            "taken": self.taken(),
        })
    }

    fn print(&self) -> std::io::Result<()> {
        output::line(&format!(
            "format     API {}, about a {}",
            self.format, self.about
        ))?;
        for (step, went, text) in &self.steps {
            let mark = match went {
                Went::Well => coloured(Tone::Good, "ok"),
                Went::Open => coloured(Tone::Careful, "--"),
                Went::Wrong => coloured(Tone::Bad, "no"),
            };
            output::line(&format!("{mark} {step:10} {text}"))?;
        }
        if let Some(plain) = &self.plain {
            output::line(&format!("\ndecrypted\n  {}", one_line(plain)))?;
        }
        if !self.fields.is_empty() {
            output::line("\nfields")?;
            for (name, value) in &self.fields {
                output::line(&format!("  {name:24} {}", output::shown(value)))?;
            }
        }
        output::line(&format!("\nTuikuan would {}", self.would))
    }
}

fn v3_message(merchant: &MerchantConfig, headers: &[(String, String)], body: &[u8]) -> Told {
    let mut told = Told::of("v3", "notification");
    if headers.is_empty() {
        told.open(
            "signature",
            "not looked at: give the request's headers with --headers",
        );
    } else if let Err(why) = v3_signature(&mut told, merchant, headers, body) {
        return told.wrong("signature", why);
    }
    let Some(key) = merchant.credentials.api_v3_key() else {
        return told.wrong(
            "decryption",
            "the merchant has no api_v3_key in the configuration",
        );
    };
    let opened = match v3::notification::open_verified(body, key) {
        Ok(opened) => opened,
        Err(error) => return told.wrong("decryption", error.to_string()),
    };
    told.well("decryption", "AEAD_AES_256_GCM opens with api_v3_key");
    told.plain = Some(String::from_utf8_lossy(&opened.plain).into_owned());
    told.fields.insert("id".to_owned(), opened.id.into());
    told.fields
        .insert("event_type".to_owned(), opened.event_type.into());
    match opened.subject {
        Subject::Refund(report) => {
            told.about = "refund";
            refund_fields(&mut told.fields, &report);
            if let Some(why) =
                other_merchant(merchant, report.mch_id.as_ref().map(|id| id.as_str()))
            {
                return told.wrong("merchant", why);
            }
            told.would = v3_refund_does(&report);
        }
        Subject::Payment(report) => {
            told.about = "payment";
            payment_fields(&mut told.fields, &report);
            if let Some(why) =
                other_merchant(merchant, report.mch_id.as_ref().map(|id| id.as_str()))
            {
                return told.wrong("merchant", why);
            }
            told.would = payment_does(&report);
        }
        Subject::Other => {
            told.would =
                "store it and answer success; it is about neither refund nor payment".to_owned();
        }
    }
    told
}

/// The signature is checked at the time it names, so that an old capture can be looked at.
fn v3_signature(
    told: &mut Told,
    merchant: &MerchantConfig,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<(), String> {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    let now = Timestamp::now().as_second();
    let made: i64 = header("Wechatpay-Timestamp")
        .and_then(|t| t.parse().ok())
        .unwrap_or(now);
    let trusted = merchant.credentials.trusted();
    match v3::sign::verify(headers, body, &trusted, made) {
        Ok(()) => {}
        Err(VerifyError::UnknownSerial { serial }) => {
            let known: Vec<&str> = trusted.serials().collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(format!(
                "no key for the serial {} is configured (configured: {known}); ask for the \
                 platform certificates with --fetch, or set wechat_public_key in the configuration",
                one_line(&serial)
            ));
        }
        Err(error) => return Err(error.to_string()),
    }
    let serial = one_line(header("Wechatpay-Serial").unwrap_or_default());
    told.well("signature", format!("right, made with the key {serial}"));
    let away = now.saturating_sub(made).unsigned_abs();
    if away < v3::sign::WINDOW_S.unsigned_abs() {
        told.well("time", format!("{away} s from now"));
    } else {
        let text =
            format!("{away} s from now: right when it came, refused as a replay if it came now");
        told.open("time", text);
    }
    Ok(())
}

fn v2_message(merchant: &MerchantConfig, body: &[u8]) -> Told {
    let told = Told::of("v2", "notification");
    let envelope = match Fields::parse(body) {
        Ok(envelope) => envelope,
        Err(error) => return told.wrong("XML", error.to_string()),
    };
    let Some(key) = merchant.credentials.api_v2_key() else {
        return told.wrong("key", "the merchant has no api_v2_key in the configuration");
    };
    if envelope.get("req_info").is_some() {
        v2_refund(merchant, body, key)
    } else {
        v2_payment(merchant, body, key)
    }
}

fn v2_refund(merchant: &MerchantConfig, body: &[u8], key: &secrecy::SecretString) -> Told {
    let mut told = Told::of("v2", "refund");
    told.open(
        "signature",
        "there is none: v2 refund notifications prove nothing, anyone may have sent it",
    );
    let hint = match v2::notification::open_refund(body, merchant.mch_id.as_str(), key) {
        Ok(hint) => hint,
        Err(error) => return told.wrong("decryption", error.to_string()),
    };
    told.well("decryption", "req_info opens with api_v2_key");
    told.plain = Some(String::from_utf8_lossy(&hint.plain).into_owned());
    refund_fields(&mut told.fields, &hint.report);
    told.would = format!(
        "ask WeChat about refund {} now and believe only that answer; answer this with success",
        hint.report.out_refund_no
    );
    told
}

fn v2_payment(merchant: &MerchantConfig, body: &[u8], key: &secrecy::SecretString) -> Told {
    let mut told = Told::of("v2", "payment");
    match v2::notification::open_payment(body, merchant.mch_id.as_str(), key) {
        Ok(report) => {
            told.well("signature", "right, made with api_v2_key");
            payment_fields(&mut told.fields, &report);
            told.would = payment_does(&report);
            told
        }
        Err(error) => told.wrong("signature", error.to_string()),
    }
}

fn other_merchant(merchant: &MerchantConfig, named: Option<&str>) -> Option<String> {
    let named = named?;
    let same = named == merchant.mch_id.as_str();
    (!same).then(|| format!("it is for merchant {named}, not for {}", merchant.mch_id))
}

fn v3_refund_does(report: &RefundReport) -> String {
    let number = &report.out_refund_no;
    let end = match report.status {
        RefundStatus::Success => "move it to succeeded and count the money as spent",
        RefundStatus::Closed => "move it to closed and release the money",
        RefundStatus::Abnormal => {
            "move it to abnormal, keep the money reserved, and ask for a person"
        }
        RefundStatus::Processing | RefundStatus::Accepted => "move it to processing",
    };
    format!(
        "compare it with our record of refund {number} (order, amount, total, merchant); where all \
         agree, {end}; where something differs, change nothing and ask for a person; answer success"
    )
}

fn payment_does(report: &PaymentReport) -> String {
    if report.state.is_paid() {
        format!(
            "register the payment {} and answer success",
            report.out_trade_no
        )
    } else {
        format!(
            "store it and answer success; order {} is not paid",
            report.out_trade_no
        )
    }
}

fn refund_fields(fields: &mut Map<String, Value>, report: &RefundReport) {
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    let status = match report.status {
        RefundStatus::Accepted => "accepted",
        RefundStatus::Processing => "PROCESSING",
        RefundStatus::Success => "SUCCESS",
        RefundStatus::Abnormal => "ABNORMAL",
        RefundStatus::Closed => "CLOSED",
    };
    put("status", status.into());
    put("mch_id", text(report.mch_id.as_ref().map(|id| id.as_str())));
    put(
        "sub_mch_id",
        text(report.sub_mch_id.as_ref().map(|id| id.as_str())),
    );
    put("out_refund_no", report.out_refund_no.as_str().into());
    put(
        "refund_id",
        text(report.refund_id.as_ref().map(|id| id.as_str())),
    );
    put(
        "out_trade_no",
        text(report.out_trade_no.as_ref().map(|no| no.as_str())),
    );
    put(
        "transaction_id",
        text(report.transaction_id.as_ref().map(|id| id.as_str())),
    );
    put("refund_fen", report.refund.get().into());
    put(
        "total_fen",
        report.total.map_or(Value::Null, |fen| fen.get().into()),
    );
    put(
        "user_received_account",
        text(report.user_received_account.as_deref()),
    );
    put("success_time", time(report.success_time));
    put("request_source", text(report.request_source.as_deref()));
    fields.retain(|_, value| !value.is_null());
}

fn payment_fields(fields: &mut Map<String, Value>, report: &PaymentReport) {
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    put("mch_id", text(report.mch_id.as_ref().map(|id| id.as_str())));
    put("out_trade_no", report.out_trade_no.as_str().into());
    put(
        "transaction_id",
        text(report.transaction_id.as_ref().map(|id| id.as_str())),
    );
    put(
        "total_fen",
        report.total.map_or(Value::Null, |fen| fen.get().into()),
    );
    put("paid", report.state.is_paid().into());
    put("paid_at", time(report.paid_at));
    fields.retain(|_, value| !value.is_null());
}

fn time(unix_seconds: Option<i64>) -> Value {
    let time = unix_seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or(Value::Null, |time| time.to_string().into())
}
