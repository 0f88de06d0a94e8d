//! `tuikuan sim`: a WeChat Pay for development and tests. With `--write-config` it also writes a
//! configuration with which `tuikuan serve` works against it at once.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;
use tuikuan_sim::setup::{SimFile, SimMerchant};
use tuikuan_sim::{Options, Simulator};

use crate::{output, private, stop};

/// How a configuration of ours begins; others are never overwritten.
const MARK: &str = "# Written by `tuikuan sim`";
/// A clock may run so much faster.
const SPEED_MAX: f64 = 100_000.0;
/// Short names and generations of the simulator's merchants, in their order.
const MERCHANTS: [(&str, &str); 3] = [("main", "v3"), ("classic", "v2"), ("provider", "v3")];

#[derive(Debug, Args)]
#[command(
    after_help = "Example, in two terminals:\n  tuikuan sim --write-config t.toml\n  tuikuan serve --config t.toml"
)]
pub(crate) struct SimArgs {
    /// Where WeChat's side listens (TLS)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    listen: SocketAddr,
    /// Where the control side listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9444")]
    control: SocketAddr,
    /// Where keys, certificates and sim.json are written
    #[arg(long, value_name = "DIR", default_value = "tuikuan-sim")]
    dir: PathBuf,
    /// How many times as fast its clock runs
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The seed of everything that happens by chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Write a configuration for `tuikuan serve`
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

/// Runs it.
pub(crate) fn run(args: SimArgs) -> anyhow::Result<()> {
    if let Some(file) = &args.write_config {
        may_write(file)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(simulate(args))
}

async fn simulate(args: SimArgs) -> anyhow::Result<()> {
    let options = Options {
        listen: args.listen,
        control: args.control,
        speed: args.speed,
        seed: args.seed,
        ..Options::in_dir(&args.dir)
    };
    let running = Simulator::start(options)
        .await
        .context("the simulator could not be started")?;
    let stopping = CancellationToken::new();
    stop::on_signal(stopping.clone())?;
    let book = running.file();
    if let Some(file) = &args.write_config {
        let text = configuration(book, &args.dir)?;
        private::write(file, &text)
            .with_context(|| format!("{} could not be written", file.display()))?;
        output::line(&format!(
            "wrote {}: run `tuikuan serve --config {}`",
            file.display(),
            file.display()
        ))?;
    }
    output::line(&format!("the simulator answers on {}", book.endpoint))?;
    output::line(&format!("its control side is {}", book.control))?;
    stopping.cancelled().await;
    running.shutdown().await;
    Ok(())
}

/// A configuration for `tuikuan serve`.
fn configuration(book: &SimFile, dir: &Path) -> anyhow::Result<String> {
    let dir = std::path::absolute(dir).context("the simulator's folder has no path")?;
    let endpoint = quoted(&book.endpoint);
    let mut text = format!(
        "{MARK} on {}. Test keys, worthless elsewhere.\n# 由模拟器生成的测试配置，密钥仅供测试。\n\n\
         [server]\nlisten = \"127.0.0.1:8080\"\n\n[store]\nurl = \"sqlite:tuikuan-sim.db\"\n\n\
         [webhooks]\nallow = [\"127.0.0.0/8\", \"::1/128\"]\n",
        book.endpoint
    );
    for (index, merchant) in book.merchants.iter().enumerate() {
        let numbered = format!("merchant{}", index + 1);
        let (name, api) = MERCHANTS.get(index).copied().unwrap_or((&numbered, "v3"));
        merchant_section(&mut text, merchant, (name, api), &dir)?;
        let ca = quoted(&dir.join(&book.ca).display().to_string());
        writeln!(text, "endpoint = {endpoint}\ntrust_ca = {ca}")?;
    }
    Ok(text)
}

fn merchant_section(
    text: &mut String,
    merchant: &SimMerchant,
    (name, api): (&str, &str),
    dir: &Path,
) -> std::fmt::Result {
    let path = |path: &Path| quoted(&dir.join(path).display().to_string());
    writeln!(
        text,
        "\n[[merchant]]\nname = {}\nmch_id = {}",
        quoted(name),
        quoted(&merchant.mch_id)
    )?;
    writeln!(
        text,
        "appid = {}\napi = {}",
        quoted(&merchant.appid),
        quoted(api)
    )?;
    if let Some(sub) = merchant.sub_merchants.first() {
        writeln!(text, "sub_mch_id = {}", quoted(&sub.sub_mch_id))?;
        if let Some(appid) = &sub.sub_appid {
            writeln!(text, "sub_appid = {}", quoted(appid))?;
        }
    }
    writeln!(text, "api_v2_key = {}", quoted(&merchant.api_v2_key))?;
    writeln!(text, "api_v3_key = {}", quoted(&merchant.api_v3_key))?;
    writeln!(text, "certificate = {}", path(&merchant.certificate))?;
    writeln!(text, "private_key = {}", path(&merchant.private_key))?;
    writeln!(
        text,
        "wechat_public_key_id = {}",
        quoted(&merchant.public_key_id)
    )?;
    writeln!(text, "wechat_public_key = {}", path(&merchant.public_key))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text
        .parse()
        .map_err(|_not_a_number| "is not a number".to_owned())?;
    if (0.01..=SPEED_MAX).contains(&speed) {
        Ok(speed)
    } else {
        Err(format!("choose between 0.01 and {SPEED_MAX}"))
    }
}

fn may_write(file: &Path) -> anyhow::Result<()> {
    match std::fs::read_to_string(file) {
        Ok(text) if !text.starts_with(MARK) => {
            bail!(
                "{} was not written by `tuikuan sim`; choose another name",
                file.display()
            )
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
