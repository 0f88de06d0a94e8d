//! One Chromium with its driver. Both end with their test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Whatever a page is to show, it shows within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A window on a desk, and one in a hand.
pub(crate) const DESK: (u32, u32) = (1280, 900);
pub(crate) const PHONE: (u32, u32) = (390, 844);

/// Chromium's switches: nothing of it may call home, and it runs as whoever runs the tests.
const SWITCHES: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A browser window.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    port: u16,
    _profile: TempDir,
    downloads: TempDir,
}

/// Whether browser tests can run here; says aloud when they cannot.
pub(crate) fn available() -> bool {
    let found = |program: &str| {
        let asked = Command::new(program).arg("--version").output();
        asked.is_ok_and(|output| output.status.success())
    };
    if found("chromedriver") && found("chromium") {
        return true;
    }
    let required = std::env::var("TUIKUAN_TEST_BROWSER").is_ok_and(|value| value == "required");
    assert!(
        !required,
        "chromium and chromedriver are needed: scripts/browser installs them"
    );
    println!("SKIPPED: chromium or chromedriver is missing (scripts/browser installs them)");
    false
}

impl Browser {
    /// A fresh window of a size, in Chinese as a newcomer in China has it.
    pub(crate) async fn open(size: (u32, u32)) -> Self {
        Self::open_in(size, "zh-CN").await
    }

    /// A fresh window in a language.
    pub(crate) async fn open_in(size: (u32, u32), language: &str) -> Self {
        let (driver, port) = start_driver();
        let (profile, downloads) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut arguments: Vec<String> = SWITCHES.iter().map(ToString::to_string).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.push(format!("--window-size={},{}", size.0, size.1));
        arguments.push(format!("--lang={language}"));
        let options = json!({
            "args": arguments,
            "prefs": {
                "intl.accept_languages": language,
                "download.default_directory": downloads.path(),
                "download.prompt_for_download": false,
            },
        });
        let mut wanted = serde_json::Map::new();
        wanted.insert("goog:chromeOptions".to_owned(), options);
        wanted.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        // A phone's width is narrower than the narrowest window: it is the page that gets the size.
        let metrics = json!({
            "width": size.0, "height": size.1, "deviceScaleFactor": 1, "mobile": size.0 < 500,
        });
        let browser = Self {
            client,
            driver,
            port,
            _profile: profile,
            downloads,
        };
        browser
            .devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        browser
    }

    /// Tells Chromium something that WebDriver has no word for.
    async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.extra("goog/cdp/execute", &body).await;
    }

    /// A command of Chromium's driver beyond WebDriver.
    async fn extra(&self, command: &str, body: &Value) -> Value {
        let session = self.client.session_id().await.unwrap().unwrap_or_default();
        let url = format!("http://127.0.0.1:{}/session/{session}/{command}", self.port);
        let request = reqwest::Client::new().post(url).body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{command}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Goes to an address.
    pub(crate) async fn visit(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Where it is: path and query.
    pub(crate) async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// The first element that a selector finds, as soon as there is one.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        match wait.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => {
                let page = self.text().await;
                panic!("no {css} at {}: {error}\n{page}", self.place().await);
            }
        }
    }

    /// How many elements a selector finds now.
    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// Clicks what a selector finds.
    pub(crate) async fn click(&self, css: &str) {
        // A page that is live may renew the element between the two.
        let begun = tokio::time::Instant::now();
        loop {
            match self.find(css).await.click().await {
                Ok(()) => return,
                Err(error) if error.is_stale_element_reference() && begun.elapsed() < PATIENCE => {}
                Err(error) => panic!("{css} cannot be clicked: {error}"),
            }
        }
    }

    /// Clicks what leads to another page, and waits until that page is there: what is read next is read
    /// from it.
    pub(crate) async fn go(&self, css: &str) {
        self.script("window.left = false;").await;
        self.click(css).await;
        let begun = tokio::time::Instant::now();
        let there = "return window.left === undefined && document.readyState === 'complete';";
        // The page may be on its way, or a question may stand before it.
        while self.client.execute(there, Vec::new()).await.ok() != Some(json!(true)) {
            assert!(begun.elapsed() < PATIENCE, "{css} leads nowhere");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Writes into a field, in place of what stood there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &[Key]) {
        for key in keys {
            let focused = self.client.active_element().await.unwrap();
            focused
                .send_keys(&char::from(*key).to_string())
                .await
                .unwrap();
        }
    }

    /// Types, wherever the focus is.
    pub(crate) async fn write(&self, text: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(text).await.unwrap();
    }

    /// What the page says, as a person reads it.
    pub(crate) async fn text(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await.unwrap();
        body.text().await.unwrap()
    }

    /// Waits until the page says something, without loading it again.
    pub(crate) async fn reads(&self, wanted: &str) {
        let begun = tokio::time::Instant::now();
        loop {
            // The page may be on its way to another.
            if let Ok(body) = self.client.find(Locator::Css("body")).await
                && body.text().await.is_ok_and(|text| text.contains(wanted))
            {
                return;
            }
            if begun.elapsed() > PATIENCE {
                let (place, page) = (self.place().await, self.text().await);
                panic!("{place} never said {wanted:?}:\n{page}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Says yes to the question that the page asks.
    pub(crate) async fn agree(&self) {
        self.client.accept_alert().await.unwrap();
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The same for a script that calls its last argument when it is done.
    pub(crate) async fn later(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.unwrap()
    }

    /// Whether the page is wider than its window: then a person has to scroll sideways.
    pub(crate) async fn overflows(&self) -> bool {
        let wider = "const page = document.documentElement; return page.scrollWidth > page.clientWidth + 1;";
        self.script(wider).await == json!(true)
    }

    /// Leaves a picture of the whole page in `target/screenshots`.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = pictures();
        std::fs::create_dir_all(&folder).unwrap();
        let image = self.client.screenshot().await.unwrap();
        assert!(image.len() > 1000, "the picture {name} is empty");
        std::fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }

    /// The content of the one file that was downloaded.
    pub(crate) async fn download(&self) -> Vec<u8> {
        let begun = tokio::time::Instant::now();
        loop {
            let files: Vec<_> = std::fs::read_dir(self.downloads.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            if let [file] = files.as_slice()
                && !is_unfinished(file)
            {
                let content = std::fs::read(file).unwrap_or_default();
                if !content.is_empty() {
                    return content;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "nothing was downloaded");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the browser complained about since the last call: refused scripts and styles, errors.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let logs = self.extra("se/log", &json!({ "type": "browser" })).await;
        let entries = logs["value"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Ends the window in order; a test that fails before leaves it to [`Drop`].
    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ended = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}

/// Where pictures are left.
fn pictures() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    workspace.join("target/screenshots")
}

/// Chrome writes under a name of its own, beside an empty file of the true name, and renames at the end.
fn is_unfinished(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with(".crdownload")
}

/// A driver on a port that the system chose.
fn start_driver() -> (Child, u16) {
    let mut driver = Command::new("chromedriver")
        .args(["--port=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // Nobody may block on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (
        driver,
        port.unwrap_or_else(|| panic!("chromedriver said no port")),
    )
}
