//! What a test plays on: the binary, a simulator process, a service process. Each ends with its test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The binary, without any setting of the machine it is tested on.
pub(crate) fn tuikuan() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tuikuan"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TUIKUAN_")) {
        command.env_remove(name);
    }
    command
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|_| panic!("no JSON: {}\n{}", self.out, self.err))
    }
}

/// Runs a command to its end.
pub(crate) fn say(command: &mut assert_cmd::Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A child process that is killed with its test.
struct Process {
    child: Child,
}

impl Process {
    /// Starts it and waits until it has said a line with each of the marks; gives those lines.
    fn start(args: &[&str], environment: &[(&str, &str)], marks: &[&str]) -> (Self, Vec<String>) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tuikuan"))
            .args(args)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut found = Vec::new();
        for mark in marks {
            match lines
                .by_ref()
                .map_while(Result::ok)
                .find(|line| line.contains(mark))
            {
                Some(line) => found.push(line),
                None => {
                    let mut err = String::new();
                    child
                        .stderr
                        .take()
                        .unwrap()
                        .read_to_string(&mut err)
                        .unwrap();
                    panic!("{args:?} did not say {mark:?}: {err}");
                }
            }
        }
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || BufReader::new(stderr).lines().for_each(drop));
        (Self { child }, found)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A running simulator with a configuration for it.
pub(crate) struct Sim {
    _process: Process,
    pub(crate) folder: TempDir,
    pub(crate) control: String,
}

impl Sim {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (dir, config) = (folder.path().join("sim"), folder.path().join("t.toml"));
        let args = [
            "sim",
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--speed",
            "20",
            "--dir",
            dir.to_str().unwrap(),
            "--write-config",
            config.to_str().unwrap(),
        ];
        let (process, lines) = Process::start(&args, &[], &["control side is"]);
        let control = lines[0].rsplit(' ').next().unwrap().to_owned();
        Self {
            _process: process,
            folder,
            control,
        }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("t.toml")
    }

    /// The text of the configuration it wrote.
    pub(crate) fn config_text(&self) -> String {
        std::fs::read_to_string(self.config()).unwrap()
    }

    /// A paid order.
    pub(crate) fn pay(&self, mch_id: &str, out_trade_no: &str, total: i64) {
        let body = json!({ "mch_id": mch_id, "out_trade_no": out_trade_no, "total": total });
        call(
            reqwest::Method::POST,
            &format!("{}/orders", self.control),
            Some(body),
        );
    }

    /// The simulator's own books.
    pub(crate) fn refunds(&self, mch_id: &str) -> Value {
        call(
            reqwest::Method::GET,
            &format!("{}/refunds?mch_id={mch_id}", self.control),
            None,
        )
    }
}

/// A running service.
pub(crate) struct Service {
    process: Process,
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Service {
    /// Starts one on a free port, and makes a key beside it.
    pub(crate) fn start(config: &Path, environment: &[(&str, &str)]) -> Self {
        Self::begin(config, environment, &["tuikuan serves"]).0
    }

    /// The same for a store that nobody can sign in to yet, with the link for the first one.
    pub(crate) fn start_unknown(config: &Path) -> (Self, String) {
        let (service, lines) = Self::begin(config, &[], &["tuikuan serves", "/setup/"]);
        (service, lines[1].trim().to_owned())
    }

    fn begin(config: &Path, environment: &[(&str, &str)], marks: &[&str]) -> (Self, Vec<String>) {
        let mut all = vec![("TUIKUAN_SERVER__LISTEN", "127.0.0.1:0")];
        all.extend(environment);
        let args = ["serve", "--config", config.to_str().unwrap()];
        let (process, lines) = Process::start(&args, &all, marks);
        let url = lines[0]
            .split(' ')
            .find(|word| word.starts_with("http"))
            .unwrap()
            .to_owned();
        let made = say(tuikuan()
            .args(["key", "create", "--name", "test", "--json", "--config"])
            .arg(config));
        assert_eq!(made.code, 0, "{}", made.err);
        let key = made.json()["key"].as_str().unwrap().to_owned();
        (Self { process, url, key }, lines)
    }

    /// Sends it a signal and gives its exit code.
    #[cfg(unix)]
    pub(crate) fn end(&mut self, signal: &str) -> Option<i32> {
        let id = self.process.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &id])
            .status()
            .unwrap();
        assert!(sent.success());
        self.process.child.wait().unwrap().code()
    }

    /// A command that talks to it.
    pub(crate) fn command(&self, args: &[&str]) -> Said {
        say(tuikuan()
            .args(args)
            .env("TUIKUAN_URL", &self.url)
            .env("TUIKUAN_KEY", &self.key))
    }

    /// A way to run commands with another key.
    pub(crate) fn with_key<'a>(&'a self, key: &'a str) -> impl Fn(&[&str]) -> Said + 'a {
        move |args| {
            say(tuikuan()
                .args(args)
                .env("TUIKUAN_URL", &self.url)
                .env("TUIKUAN_KEY", key))
        }
    }

    /// Waits on the event stream until a refund has reached a status.
    pub(crate) fn wait_for(&self, refund: &str, status: &str) {
        let request = reqwest::Client::new()
            .get(format!("{}/v1/stream", self.url))
            .bearer_auth(&self.key)
            .header("last-event-id", "0");
        let wanted = |line: &str| {
            let data = line.strip_prefix("data:")?;
            let event: Value = serde_json::from_str(data.trim()).ok()?;
            let about = event.to_string().contains(refund);
            (about && event["status"] == status).then_some(())
        };
        let waiting = async move {
            let mut answer = request.send().await.unwrap();
            let mut text = String::new();
            while let Some(chunk) = answer.chunk().await.unwrap() {
                text.push_str(&String::from_utf8_lossy(&chunk));
                if text.lines().any(|line| wanted(line).is_some()) {
                    return;
                }
            }
            panic!("the stream ended before {refund} was {status}: {text}");
        };
        runtime().block_on(async {
            let limit = std::time::Duration::from_secs(60);
            assert!(
                tokio::time::timeout(limit, waiting).await.is_ok(),
                "{refund} was never {status}"
            );
        });
    }
}

/// One call of a JSON interface.
pub(crate) fn call(method: reqwest::Method, url: &str, body: Option<Value>) -> Value {
    runtime().block_on(async {
        let mut request = reqwest::Client::new().request(method, url);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
