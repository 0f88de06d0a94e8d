//! Where it happens: a folder, a simulator that lives through the whole test, and services that do
//! not. All calls of the test go through here.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::port;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tuikuan");
/// Everything a test waits for takes at most so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Short times, so that what takes minutes in production takes seconds here.
const ENGINE: &str = r#"
[engine]
lease = "3s"
wechat_timeout = "1s"
first_query = "400ms"
visibility = "2s"
spacing = "1500ms"
balance = ["1s"]
rate_limit = ["1s"]
order_not_ready = ["1s"]
merchant = ["1s"]
unreachable = ["200ms", "1s"]
resend = ["0s", "1s"]

[webhooks]"#;

/// One merchant of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) name: &'static str,
    pub(crate) mch_id: String,
    pub(crate) sub_mch_id: Option<String>,
}

/// The folder, the simulator and what is needed to talk to both sides.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) shops: Vec<Shop>,
    pub(crate) url: String,
    control: String,
    key: String,
    http: reqwest::Client,
    _simulator: Child,
}

impl Place {
    pub(crate) async fn prepare(seed: u64) -> Self {
        Self::prepare_with(seed, "sqlite:torture.db").await
    }

    /// A place whose service keeps its books under `store`.
    pub(crate) async fn prepare_with(seed: u64, store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let simulator = simulator(&folder, seed).await;
        let file = folder.path().join("sim/sim.json");
        let book: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        // WeChat has been told this address, so each new service comes back to it.
        let listen = format!("127.0.0.1:{}", port::free());
        let config = folder.path().join("t.toml");
        let text = std::fs::read_to_string(&config)
            .unwrap()
            .replace(
                "listen = \"127.0.0.1:8080\"",
                &format!("listen = \"{listen}\"\npublic_url = \"http://{listen}\""),
            )
            .replace("sqlite:tuikuan-sim.db", store)
            .replace("\n[webhooks]", ENGINE);
        assert!(text.contains(&listen) && text.contains(store) && text.contains("[engine]"));
        std::fs::write(&config, text).unwrap();
        let shops = ["main", "classic", "provider"];
        let shops = shops.into_iter().enumerate().map(|(index, name)| {
            let merchant = &book["merchants"][index];
            Shop {
                name,
                mch_id: merchant["mch_id"].as_str().unwrap().to_owned(),
                sub_mch_id: merchant["sub_merchants"][0]["sub_mch_id"]
                    .as_str()
                    .map(str::to_owned),
            }
        });
        let mut place = Self {
            shops: shops.collect(),
            url: format!("http://{listen}"),
            control: book["control"].as_str().unwrap().to_owned(),
            key: String::new(),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
            _simulator: simulator,
            folder,
        };
        place.key = place.make_key().await;
        let limits = json!({ "order_gap_ms": 1_000, "applications_per_second": 150 });
        place.control(Method::PUT, "/limits", Some(limits)).await;
        let ends = json!({ "default": "SUCCESS", "after_ms": [50, 900], "abnormal_rate": 0.04,
            "closed_rate": 0.03 });
        place.control(Method::PUT, "/outcomes", Some(ends)).await;
        place
    }

    async fn make_key(&self) -> String {
        let create = ["key", "create", "--name", "torture"];
        let made = self.operator(&create).await;
        made["key"].as_str().unwrap().to_owned()
    }

    /// Runs a command of the operator on this configuration and gives what it said.
    pub(crate) async fn operator(&self, args: &[&str]) -> Value {
        let said = command()
            .args(args)
            .args(["--json", "--config"])
            .arg(self.folder.path().join("t.toml"))
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        let out = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success(), "{args:?}: {text} {out}");
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// Faults of the network, of WeChat and of its notifications.
    pub(crate) async fn faults_on(&self) {
        let rule = |action: Value, rate: f64| json!({ "action": action, "rate": rate });
        let busy = |code: &str, accepted: bool| json!({ "error_code": { "code": code, "accepted": accepted } });
        let rules = json!([
            rule(json!("reply_lost_after_accept"), 0.06),
            rule(json!("reply_lost_before_accept"), 0.05),
            rule(busy("SYSTEMERROR", true), 0.03),
            rule(busy("SYSTEMERROR", false), 0.03),
            rule(busy("FREQUENCY_LIMITED", false), 0.02),
            rule(json!("hang"), 0.01),
            rule(json!({ "cut_at_byte": { "n": 180 } }), 0.02),
            rule(json!({ "delay": { "ms": 300 } }), 0.05),
            rule(json!("unsigned"), 0.02),
            rule(json!("bad_signature"), 0.02),
            rule(json!("truncated"), 0.02),
            rule(json!("html"), 0.02),
            rule(json!("notification_drop"), 0.2),
            rule(json!({ "notification_duplicate": { "n": 3 } }), 0.1),
            rule(json!({ "notification_delay": { "s": 1 } }), 0.1),
            rule(json!({ "notification_forge": {} }), 0.05),
            rule(json!("notification_reorder"), 0.05),
        ]);
        self.control(Method::PUT, "/faults", Some(rules)).await;
    }

    pub(crate) async fn faults_off(&self) {
        self.control(Method::PUT, "/faults", Some(json!([]))).await;
    }

    /// A call of the simulator's control side, which always works.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.control);
        let (status, answer) = self.call(method, &url, body).await.unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// A call of the service, which may be dead.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), reqwest::Error> {
        self.call(method, &format!("{}{path}", self.url), body)
            .await
    }

    async fn call(
        &self,
        method: Method,
        url: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), reqwest::Error> {
        let mut request = self.http.request(method, url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }
}

/// A service process.
#[derive(Debug)]
pub(crate) struct Service(Child);

impl Service {
    /// Starts one and does not wait for it.
    pub(crate) fn spawn(place: &Place) -> Self {
        Self::spawn_with(place, &[])
    }

    /// Starts one with these settings over the configuration.
    pub(crate) fn spawn_with(place: &Place, settings: &[(&str, &str)]) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(place.folder.path().join("serve.log"))
            .unwrap();
        let child = command()
            .args(["serve", "--config"])
            .arg(place.folder.path().join("t.toml"))
            .envs(settings.iter().copied())
            .current_dir(place.folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Starts one and waits until it takes refunds.
    pub(crate) async fn start(place: &Place) -> Self {
        let mut service = Self::spawn(place);
        service.ready(place, &place.url).await;
        service
    }

    /// Waits until it takes refunds at its address.
    pub(crate) async fn ready(&mut self, place: &Place, url: &str) {
        let ready = async {
            loop {
                let path = format!("{url}/readyz");
                if let Ok((200, _)) = place.call(Method::GET, &path, None).await {
                    return;
                }
                assert!(self.lives(), "serve ended: {}", place.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, ready).await;
        assert!(waited.is_ok(), "never ready: {}", place.log());
    }

    /// Stops its clock and everything else in it, or lets it go on.
    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.0.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await;
        assert!(sent.unwrap().success());
    }

    /// SIGKILL, and the corpse is gone when this returns.
    pub(crate) async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }

    /// SIGTERM: it must end by itself, soon, with exit code 0.
    pub(crate) async fn stop_in_order(mut self) {
        self.signal("-TERM").await;
        let ended = tokio::time::timeout(PATIENCE, self.0.wait()).await;
        let status = ended.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "an orderly stop ends well");
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Place {
    /// What the services have said last.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("serve.log"));
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn command() -> Command {
    let program = std::env::var_os("TUIKUAN_TORTURE_PROGRAM").unwrap_or_else(|| PROGRAM.into());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TUIKUAN_")) {
        command.env_remove(name);
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn simulator(folder: &TempDir, seed: u64) -> Child {
    let mut child = command()
        .args(["sim", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(["--dir", "sim", "--write-config", "t.toml", "--seed"])
        .arg(seed.to_string())
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("control side is") {
            return child;
        }
    }
    panic!("the simulator did not start");
}
