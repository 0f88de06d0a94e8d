//! `tuikuan demo`: what people see first. Embedded SQLite, the built-in simulator, refunds of every
//! kind, and at the end both books side by side. Nothing leaves this machine.

mod board;
mod books;
mod plan;
mod play;
mod receiver;
mod screen;
mod shop;
mod stage;
mod summary;
mod trouble;
mod visitor;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::failure::SaidAlready;
use crate::{output, private, stop};

use board::Board;
use play::{Asked, Play, Tally};
use screen::{Screen, wrapped};
use shop::Shop;
use stage::{SPEED, Stage};

/// One refund begins after the other at this distance, as far as that takes no longer than this ...
const BEGIN_EVERY: Duration = Duration::from_millis(60);
const BEGIN_WITHIN: Duration = Duration::from_secs(12);
/// ... and so many in a second when there are more than fit.
const BEGIN_PER_SECOND_MAX: u32 = 100;
/// A refund that has not ended so long after the last one began is called stuck.
const PATIENCE: Duration = Duration::from_secs(90);

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan demo\n  tuikuan demo --refunds 50 --seed 7 --exit --json"
)]
pub(crate) struct DemoArgs {
    /// How many refunds to play
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) refunds: u32,
    /// The seed that decides which faults happen
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Stop when all refunds have ended; without it the service stays up
    #[arg(long)]
    pub(crate) exit: bool,
    /// Print a summary as JSON as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs it.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let folder = Folder::make()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let played = runtime.block_on(perform(args, &folder.0));
    runtime.shutdown_timeout(Duration::from_secs(2));
    played
}

/// The folder of one demo; gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let name = format!("tuikuan-demo-{}", uuid::Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        private::folder(&path)
            .with_context(|| format!("the folder {} could not be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the demo's folder stays");
        }
    }
}

async fn perform(args: &DemoArgs, dir: &Path) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or_else(any_seed);
    let total = usize::try_from(args.refunds)?;
    output::line(&format!(
        "Tuikuan demo 退款演示: {total} refunds, seed {seed}, every kind of trouble, on clocks {SPEED} times as fast."
    ))?;
    output::line(&format!(
        "Making keys and certificates in {} ...",
        dir.display()
    ))?;
    let stopping = CancellationToken::new();
    stop::on_signal(stopping.clone())?;
    let stage = Stage::build(dir, seed).await?;
    let scenes = plan::scenes(seed, total);
    let begin_within = begin_within(args.refunds);
    let began = Instant::now();
    let play = Arc::new(Play {
        shop: Shop::new(&stage.url, &stage.key)?,
        stage,
        board: Board::default(),
        seed,
        deadline: began + begin_within + PATIENCE,
        tally: Tally::default(),
    });
    output::line(&format!(
        "The service is at {url}, WeChat Pay's stand-in at {wechat}.",
        url = play.stage.url,
        wechat = play.stage.sim.endpoint()
    ))?;
    output::line(&visitor::invitation(&play.stage))?;
    subscribe(&play).await?;
    let screen = Screen::new(total);
    let shown = tokio::select! {
        shown = show(&play, scenes, (&screen, begin_within)) => shown,
        () = stopping.cancelled() => { screen.close(); return Ok(()); }
    };
    screen.close();
    let (asked, crashes) = shown?;
    let elapsed = began.elapsed();
    let found = books::compare(&play, &asked).await?;
    let survived = summary::survived(&play, crashes);
    tell(&play, (&found, &survived), elapsed)?;
    if !args.exit {
        stay(&play, &stopping).await?;
    }
    if args.json {
        output::line(&summary::json(&found, &survived, elapsed).to_string())?;
    }
    let good = found.good();
    if let Some(play) = Arc::into_inner(play) {
        play.stage.stop().await;
    }
    if good {
        Ok(())
    } else {
        Err(SaidAlready.into())
    }
}

fn begin_within(refunds: u32) -> Duration {
    let many = Duration::from_secs(refunds.div_ceil(BEGIN_PER_SECOND_MAX).into());
    (BEGIN_EVERY * refunds).min(BEGIN_WITHIN).max(many)
}

fn any_seed() -> u64 {
    let micros = jiff::Timestamp::now().as_microsecond();
    u64::try_from(micros).unwrap_or(1) % 1_000_000
}

/// Webhooks for every merchant, and the event stream for the board.
async fn subscribe(play: &Arc<Play>) -> anyhow::Result<()> {
    for merchant in play.stage.merchants() {
        let url = play.stage.receiver.url(merchant);
        let body = json!({ "merchant": merchant, "url": url });
        let made = play
            .shop
            .done(Method::POST, "/v1/webhooks", Some(&body))
            .await?;
        let secret = made.get("secret").and_then(Value::as_str);
        play.stage
            .receiver
            .expect(merchant, secret.unwrap_or_default());
    }
    let stream = play.shop.stream(0).await?;
    let listener = Arc::downgrade(play);
    tokio::spawn(async move {
        let mut stream = stream;
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = stream.chunk().await {
            text.extend_from_slice(&chunk);
            let Some(play) = listener.upgrade() else {
                return;
            };
            while let Some(at) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=at).collect();
                let data = line.strip_prefix(b"data:".as_slice());
                if let Some(event) = data.and_then(|data| serde_json::from_slice(data).ok()) {
                    play.board.hear(&event);
                }
            }
        }
    });
    Ok(())
}

/// Plays all scenes while the screen shows them.
async fn show(
    play: &Arc<Play>,
    scenes: Vec<plan::Scene>,
    (screen, begin_within): (&Screen, Duration),
) -> anyhow::Result<(Vec<Asked>, u64)> {
    let total: usize = scenes.iter().map(|scene| scene.trouble.refunds()).sum();
    let count = u32::try_from(scenes.len()).unwrap_or(u32::MAX);
    let pause = begin_within.checked_div(count).unwrap_or_default();
    let mut running = JoinSet::new();
    let beginning = Arc::clone(play);
    running.spawn(async move {
        let mut playing = JoinSet::new();
        let mut next = tokio::time::interval(pause.max(Duration::from_millis(1)));
        for scene in scenes {
            next.tick().await;
            playing.spawn(Arc::clone(&beginning).scene(scene));
        }
        let mut asked = Vec::new();
        while let Some(ended) = playing.join_next().await {
            asked.extend(ended??);
        }
        Ok::<_, anyhow::Error>(asked)
    });
    let mut redraw = tokio::time::interval(screen.pace());
    let mut turns = Turns::default();
    loop {
        tokio::select! {
            ended = running.join_next() => {
                screen.draw(&play.board.view(), total)?;
                let asked = ended.context("no scene was played")???;
                return Ok((asked, turns.crashes));
            }
            _ = redraw.tick() => {
                screen.draw(&play.board.view(), total)?;
                turns.take(play, total).await?;
            }
        }
    }
}

/// What happens once, when the demo has come so far.
#[derive(Default)]
struct Turns {
    crashes: u64,
    rotations: u64,
    top_ups: u64,
}

impl Turns {
    async fn take(&mut self, play: &Play, total: usize) -> anyhow::Result<()> {
        let finished = play.board.view().finished;
        let note = |what: &str| play.board.note(play.time(), "", what.to_owned());
        if self.rotations == 0 && finished * 5 >= total {
            self.rotations = 1;
            rotate(play).await?;
            note("WeChat signs with a new platform certificate 平台证书轮换");
        }
        if self.crashes == 0 && finished * 5 >= total * 2 {
            self.crashes = 1;
            play.stage.crash_workers().await?;
            note("the workers were killed in the middle and started again 进程崩溃并重启");
        }
        if self.top_ups == 0 && finished * 2 >= total {
            self.top_ups = 1;
            let (mch_id, _) = Stage::account(plan::SHORT);
            let top_up = 100_000_000;
            play.stage
                .sim
                .with_world(|world| world.set_balance(mch_id, top_up, None))?;
            note("the empty account was topped up 余额已充值");
        }
        Ok(())
    }
}

async fn rotate(play: &Play) -> anyhow::Result<()> {
    let url = format!(
        "{}/merchants/1900000109/rotate",
        play.stage.sim.control_url()
    );
    let body = json!({ "what": "platform_certificate" }).to_string();
    let client = reqwest::Client::builder().no_proxy().build()?;
    client
        .post(url)
        .body(body)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

fn tell(
    play: &Play,
    (found, survived): (&books::Found, &summary::Survived),
    elapsed: Duration,
) -> anyhow::Result<()> {
    let webhooks = play.stage.receiver.tally();
    output::line("")?;
    output::line(&summary::books(found))?;
    output::line("")?;
    output::line(&wrapped(&summary::sentence(survived)))?;
    output::line(&format!(
        "{} events; {} signed webhooks reached the shop, {} after a refusal.",
        play.board.events(),
        webhooks.messages,
        webhooks.refused
    ))?;
    output::line(&summary::verdict(found, elapsed))?;
    Ok(())
}

/// The service stays up, to be tried out.
async fn stay(play: &Arc<Play>, stopping: &CancellationToken) -> anyhow::Result<()> {
    play.leave_work().await?;
    let (url, key) = (&play.stage.url, &play.stage.key);
    output::line(&format!(
        "\nThe service stays up until Ctrl-C 服务继续运行.\n{invitation}\nThe JSON interface 接口:\n  {url}/docs\n\n  export TUIKUAN_URL={url} TUIKUAN_KEY={key}\n  \
         tuikuan refund list\n  curl -H \"Authorization: Bearer $TUIKUAN_KEY\" \"$TUIKUAN_URL/v1/refunds?limit=3\"\n\n\
         The simulator's own books: {control}/refunds?mch_id=1900000109\n",
        invitation = visitor::invitation(&play.stage),
        control = play.stage.sim.control_url()
    ))?;
    let trickle = tokio::spawn(Arc::clone(play).trickle(stopping.clone()));
    stopping.cancelled().await;
    trickle.await?;
    Ok(())
}
