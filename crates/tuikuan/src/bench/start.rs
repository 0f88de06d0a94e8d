//! `bench start`: the real binary from its start to the first good answer of /readyz, with an empty
//! store, and the memory it then has.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::place::Folder;
use super::report::{Report, Times, memory_of, rounded};

/// Starts that are measured.
const STARTS: usize = 9;
/// A start takes no longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The goals: milliseconds and megabytes.
const GOAL_MS: f64 = 300.0;
const GOAL_MB: f64 = 60.0;

/// Measures.
pub(crate) async fn run(folder: Folder) -> anyhow::Result<Report> {
    let options = tuikuan_sim::Options::in_dir(folder.path().join("wechat"));
    let sim = tuikuan_sim::Simulator::start(options).await?;
    let (mut times, mut most_mb) = (Vec::with_capacity(STARTS), 0.0_f64);
    for at in 0..STARTS {
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join(format!("{at}.toml"));
        let text = configuration(&sim, &folder.path().join(format!("{at}.db")), listen)?;
        std::fs::File::create(&config)?.write_all(text.as_bytes())?;
        let began = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("the service could not be started")?;
        let child = Running(child);
        ready(listen, began).await?;
        times.push(began.elapsed());
        most_mb = most_mb.max(memory_of(&child.0.id().to_string()).most_mb);
    }
    sim.shutdown().await;
    let times = Times::of(times);
    Ok(Report {
        bench: "start",
        unit: "ms",
        figure: times.at(0.5),
        baseline: GOAL_MS,
        baseline_is: "the goal; the lower the ratio, the better".to_owned(),
        times,
        more: vec![
            ("starts", json!(STARTS)),
            ("service_rss_mb", rounded(most_mb)),
            ("service_rss_goal_mb", json!(GOAL_MB)),
        ],
    })
}

/// A process of ours; it ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        if let Err(error) = ended {
            tracing::debug!(%error, "the service was gone already");
        }
    }
}

fn configuration(
    sim: &tuikuan_sim::Simulator,
    database: &std::path::Path,
    listen: SocketAddr,
) -> anyhow::Result<String> {
    let merchant = sim.file().merchants.first().context("no merchant")?;
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let path = |path: &std::path::Path| quoted(&sim.dir().join(path).display().to_string());
    Ok(format!(
        "[server]\nlisten = {}\n[store]\nurl = {}\n[[merchant]]\nname = \"main\"\nmch_id = {}\n\
         appid = {}\napi = \"v3\"\napi_v3_key = {}\ncertificate = {}\nprivate_key = {}\n\
         wechat_public_key_id = {}\nwechat_public_key = {}\nendpoint = {}\ntrust_ca = {}\n",
        quoted(&listen.to_string()),
        quoted(&format!("sqlite:{}", database.display())),
        quoted(&merchant.mch_id),
        quoted(&merchant.appid),
        quoted(&merchant.api_v3_key),
        path(&merchant.certificate),
        path(&merchant.private_key),
        quoted(&merchant.public_key_id),
        path(&merchant.public_key),
        quoted(sim.endpoint()),
        path(&sim.file().ca),
    ))
}

/// Asks until the service says that it is ready.
async fn ready(address: SocketAddr, began: Instant) -> anyhow::Result<()> {
    while began.elapsed() < PATIENCE {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let request = b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n";
            let mut answer = Vec::new();
            if stream.write_all(request).await.is_ok()
                && stream.read_to_end(&mut answer).await.is_ok()
                && answer.starts_with(b"HTTP/1.1 200")
            {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("the service was not ready in time")
}
