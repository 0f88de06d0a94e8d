//! `tuikuan doctor`: looks at everything a running service depends on and says what to do about each
//! finding. It sends WeChat one harmless question for each merchant and changes nothing.

mod keys;
mod public;
mod store;
mod wechat;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::config::{Config, FILE};
use crate::failure::SaidAlready;
use crate::output::{self, Tone, coloured};
use crate::self_test;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan doctor\n  tuikuan doctor --config /etc/tuikuan/tuikuan.toml --json\n\n\
The exit code is 1 when anything is an error."
)]
pub(crate) struct DoctorArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Do not connect to anything
    #[arg(long)]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    level: Level,
    /// What was looked at: `config`, `merchant main: certificate`, `store: schema` ...
    subject: String,
    /// What was seen.
    seen: String,
    /// What to do; empty when there is nothing to do.
    advice: String,
}

/// All findings, in the order they were made.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, subject: impl Into<String>, seen: impl Into<String>) {
        self.add(Level::Ok, (subject.into(), seen.into()), "");
    }

    fn warn(&mut self, subject: impl Into<String>, seen: impl Into<String>, advice: &str) {
        self.add(Level::Warn, (subject.into(), seen.into()), advice);
    }

    fn error(&mut self, subject: impl Into<String>, seen: impl Into<String>, advice: &str) {
        self.add(Level::Error, (subject.into(), seen.into()), advice);
    }

    fn add(&mut self, level: Level, (subject, seen): (String, String), advice: &str) {
        let (seen, advice) = (output::one_line(&seen), advice.to_owned());
        self.0.push(Finding {
            level,
            subject,
            seen,
            advice,
        });
    }

    fn worst(&self) -> Level {
        self.0
            .iter()
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Ok)
    }
}

/// Runs it.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    super::block_on(async {
        look(args, &mut findings).await;
        Ok(())
    })?;
    if args.json {
        output::json(&as_json(&findings))?;
    } else {
        print(&findings)?;
    }
    if findings.worst() == Level::Error {
        Err(SaidAlready.into())
    } else {
        Ok(())
    }
}

async fn look(args: &DoctorArgs, findings: &mut Findings) {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults.list {
                let line = fault
                    .line
                    .map_or_else(String::new, |line| format!("line {line}, "));
                let subject = format!("config: {line}{}", fault.key);
                let subject = subject.trim_end_matches([',', ' ', ':']).to_owned();
                findings.error(subject, fault.what, &fault.advice);
            }
            return;
        }
    };
    let (file, merchants) = (config.file.display(), config.merchants.len());
    findings.ok("config", format!("{file} is sound, {merchants} merchants"));
    if config.merchants.is_empty() {
        let advice = "add a [[merchant]] section to the configuration";
        findings.warn(
            "config: merchant",
            "there is no merchant, so no refund can be made",
            advice,
        );
    }
    match self_test::run(&config.merchants) {
        Ok(()) => findings.ok("cryptography", "gives the known answers"),
        Err(error) => {
            let advice = "install Tuikuan again; if that does not help, change the machine";
            findings.error("cryptography", error.to_string(), advice);
        }
    }
    keys::look(&config, findings);
    store::look(&config, findings).await;
    if args.offline {
        findings.warn(
            "network",
            "not looked at: --offline",
            "run the doctor again without --offline",
        );
        return;
    }
    for merchant in &config.merchants {
        wechat::look(merchant, config.engine.call_timeout, findings).await;
    }
    public::look(&config, findings).await;
}

fn as_json(findings: &Findings) -> Value {
    let list: Vec<Value> = findings
        .0
        .iter()
        .map(|finding| {
            json!({
                "level": finding.level.as_str(),
                "subject": finding.subject,
                "seen": finding.seen,
                "advice": finding.advice,
            })
        })
        .collect();
    json!({ "worst": findings.worst().as_str(), "findings": list })
}

fn print(findings: &Findings) -> std::io::Result<()> {
    for finding in &findings.0 {
        let tone = match finding.level {
            Level::Ok => Tone::Good,
            Level::Warn => Tone::Careful,
            Level::Error => Tone::Bad,
        };
        let level = coloured(tone, &format!("{:5}", finding.level.as_str()));
        output::line(&format!("{level}  {}: {}", finding.subject, finding.seen))?;
        if !finding.advice.is_empty() {
            output::line(&format!("       -> {}", finding.advice))?;
        }
    }
    let count = |level| {
        findings
            .0
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    };
    let (good, warnings, errors) = (count(Level::Ok), count(Level::Warn), count(Level::Error));
    output::line(&format!(
        "\n{good} good, {warnings} warnings, {errors} errors"
    ))
}
