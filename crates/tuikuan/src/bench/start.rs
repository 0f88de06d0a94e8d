//! `bench start`: the real binary from its start to the first good answer of /readyz, and to the
//! first job that it claims, with the memory it then has. Without `--stored` each start
//! has an empty store; with it all have the same one, of whose refunds one in twenty is open.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tuikuan_domain::{RefundId, Status};
use tuikuan_store::{Filling, JobKey, Store};

use super::place::{self, Folder};
use super::report::{Report, Times, memory_of, rounded};

/// Starts that are measured.
const STARTS: usize = 9;
/// A start takes no longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The goals: milliseconds and megabytes.
const GOAL_MS: f64 = 300.0;
const GOAL_CLAIM_MS: f64 = 1_000.0;
const GOAL_MB: f64 = 60.0;

/// One refund in so many is open.
const OPEN_ONE_IN: u32 = 20;

/// Measures.
pub(crate) async fn run(folder: Folder, stored: u32) -> anyhow::Result<Report> {
    let options = tuikuan_sim::Options::in_dir(folder.path().join("wechat"));
    let sim = tuikuan_sim::Simulator::start(options).await?;
    let open = stored / OPEN_ONE_IN;
    place::fill_bare(&folder, stored, open).await?;
    let watching = match open {
        0 => None,
        _ => Some(place::store(&folder).await?),
    };
    let (mut times, mut claims) = (Vec::with_capacity(STARTS), Vec::new());
    let (mut most_mb, mut place) = (0.0_f64, stored.saturating_sub(open));
    for at in 0..STARTS {
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join(format!("{at}.toml"));
        let store = match (stored, folder.postgres()) {
            (0, None) => format!(
                "sqlite:{}",
                folder.path().join(format!("{at}.db")).display()
            ),
            _ => folder.url(),
        };
        let text = configuration(&sim, (&folder, &store), listen)?;
        std::fs::File::create(&config)?.write_all(text.as_bytes())?;
        if let Some(store) = &watching {
            place = unclaimed(store, place).await?;
        }
        let began = Instant::now();
        let child = Running::start(&config)?;
        ready(listen, began).await?;
        times.push(began.elapsed());
        if let Some(store) = &watching {
            claimed(store, (place, began)).await?;
            claims.push(began.elapsed());
        }
        most_mb = most_mb.max(memory_of(&child.0.id().to_string()).most_mb);
    }
    sim.shutdown().await;
    let (times, claims) = (Times::of(times), Times::of(claims));
    let mut more = vec![
        ("starts", json!(STARTS)),
        ("stored_before", json!(stored)),
        ("open_before", json!(open)),
        ("service_rss_mb", rounded(most_mb)),
        ("service_rss_goal_mb", json!(GOAL_MB)),
    ];
    if !claims.is_empty() {
        more.push(("first_claim_p50_ms", rounded(claims.at(0.5))));
        more.push(("first_claim_longest_ms", rounded(claims.at(1.0))));
        more.push(("first_claim_goal_ms", json!(GOAL_CLAIM_MS)));
    }
    Ok(Report {
        bench: "start",
        unit: "ms",
        figure: times.at(0.5),
        baseline: GOAL_MS,
        baseline_is: "the goal; the lower the ratio, the better".to_owned(),
        times,
        more,
    })
}

/// The first due job that nobody has claimed, from a place on.
async fn unclaimed(store: &Store, mut place: u32) -> anyhow::Result<u32> {
    while !waits(store, place).await? {
        place += 1;
    }
    Ok(place)
}

/// Whether the refund at a place is as it was filled in: its job not yet claimed.
async fn waits(store: &Store, place: u32) -> anyhow::Result<bool> {
    let id: RefundId = Filling::id(place).parse()?;
    let refund = store.refund(&id).await?.context("the queue is empty")?;
    let job = store.job(&JobKey::Refund(id)).await?;
    let free = job.is_some_and(|job| job.leased_since.is_none());
    Ok(free && refund.status == Status::Queued)
}

/// Waits until it was claimed.
async fn claimed(store: &Store, (place, began): (u32, Instant)) -> anyhow::Result<()> {
    while waits(store, place).await? {
        ensure!(began.elapsed() < PATIENCE, "no job was claimed in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// A process of ours; it ends with its owner.
struct Running(Child);

impl Running {
    fn start(config: &Path) -> anyhow::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("the service could not be started")?;
        Ok(Self(child))
    }
}

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
    (folder, store): (&Folder, &str),
    listen: SocketAddr,
) -> anyhow::Result<String> {
    let merchant = sim.file().merchants.first().context("no merchant")?;
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let path = |path: &Path| quoted(&sim.dir().join(path).display().to_string());
    let key = match folder.postgres() {
        Some(_) => format!(
            "key_file = {}\n",
            quoted(&folder.key_file().display().to_string())
        ),
        None => String::new(),
    };
    Ok(format!(
        "[server]\nlisten = {}\n[store]\nurl = {}\n{key}[[merchant]]\nname = \"main\"\nmch_id = {}\n\
         appid = {}\napi = \"v3\"\napi_v3_key = {}\ncertificate = {}\nprivate_key = {}\n\
         wechat_public_key_id = {}\nwechat_public_key = {}\nendpoint = {}\ntrust_ca = {}\n",
        quoted(&listen.to_string()),
        quoted(store),
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
