//! The configuration: read from TOML, with values from files and the environment, checked whole
//! before anything starts (INV-41). Every refusal names the file, the line, the key and what to do.

mod fault;
mod merchant;
mod numbers;
mod overrides;
mod place;
mod raw;
mod reader;
mod store;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::SignedDuration;
use reqwest::Url;
use toml::Table;
use tuikuan_server::MetricsAccess;

pub(crate) use fault::{Fault, Faults};
pub(crate) use merchant::{MerchantConfig, is_wechat};
pub(crate) use store::StoreConfig;

use numbers::Numbers;
use place::{Places, line_at, nearest};
use raw::{RawConfig, RawServer};
use reader::Reader;
use value::{Sources, Span};

/// The file that is read when none is named.
pub(crate) const FILE: &str = "tuikuan.toml";
const LISTEN: &str = "127.0.0.1:8080";

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object for each line.
    Json,
}

/// A configuration that can be used.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) file: PathBuf,
    pub(crate) listen: SocketAddr,
    public_url: Option<Url>,
    console_url: Option<Url>,
    pub(crate) metrics: MetricsAccess,
    pub(crate) store: StoreConfig,
    pub(crate) engine: tuikuan_engine::Settings,
    /// How far the engine's clock is ahead: for trials against a simulator whose clock was pushed.
    pub(crate) clock_ahead: SignedDuration,
    pub(crate) webhook_networks: Vec<IpNet>,
    pub(crate) webhook_ca: Option<Vec<u8>>,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    pub(crate) merchants: Vec<MerchantConfig>,
}

impl Config {
    /// Reads and checks a file, with the environment of this process.
    pub(crate) fn load(file: &Path) -> Result<Self, Faults> {
        Self::load_with(file, std::env::vars().collect())
    }

    /// A merchant by its short name.
    pub(crate) fn merchant(&self, name: &str) -> Option<&MerchantConfig> {
        self.merchants
            .iter()
            .find(|merchant| merchant.name.as_str() == name)
    }

    /// Where WeChat reaches the service that listens on `listen`. Without a setting, that address
    /// itself: good for test merchants on this machine only.
    pub(crate) fn public_url(&self, listen: SocketAddr) -> anyhow::Result<Url> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None => Ok(format!("http://{listen}").parse()?),
        }
    }

    /// Where people reach the console, without a path: as configured, or where the public address is.
    pub(crate) fn console_url(&self, listen: SocketAddr) -> anyhow::Result<Url> {
        let url = match &self.console_url {
            Some(url) => url.clone(),
            None => self.public_url(listen)?,
        };
        Ok(url.join("/")?)
    }

    fn load_with(file: &Path, environment: BTreeMap<String, String>) -> Result<Self, Faults> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let advice = "name the file with --config, or make one with `tuikuan init`";
            Faults::whole(file, format!("it cannot be read: {error}"), advice)
        })?;
        let raw = parse(file, &text, &environment)?;
        let own = std::path::absolute(file).unwrap_or_else(|_no_folder| file.to_owned());
        let folder = own.parent().map(Path::to_owned).unwrap_or_default();
        let sources = Sources {
            own,
            folder,
            environment,
        };
        let places = Places::read(&text);
        let mut reader = Reader {
            places: &places,
            sources: &sources,
            faults: Vec::new(),
        };
        let config = check(&mut reader, file, &raw);
        let list = reader.faults;
        match config {
            Some(config) if list.is_empty() => Ok(config),
            _ => Err(Faults {
                file: file.to_owned(),
                list,
            }),
        }
    }
}

/// The file's form: TOML, known keys, values of the right kind; then the environment over it.
fn parse(
    file: &Path,
    text: &str,
    environment: &BTreeMap<String, String>,
) -> Result<RawConfig, Faults> {
    let places = Places::read(text);
    if let Err(error) = toml::from_str::<RawConfig>(text) {
        return Err(Faults {
            file: file.to_owned(),
            list: vec![form_fault(&places, text, &error)],
        });
    }
    let table: Table = toml::from_str(text).map_err(|error| Faults {
        file: file.to_owned(),
        list: vec![form_fault(&places, text, &error)],
    })?;
    overrides::apply(&table, environment).map_err(|misfits| {
        let list = misfits.into_iter().map(|misfit| Fault {
            key: format!("the environment variable {}", misfit.name),
            line: None,
            what: form_words(&misfit.what).0,
            advice: form_words(&misfit.what).1,
        });
        Faults {
            file: file.to_owned(),
            list: list.collect(),
        }
    })
}

/// What is wrong with the form, without the text of the line: it may hold a secret.
fn form_fault(places: &Places, text: &str, error: &toml::de::Error) -> Fault {
    let offset = error.span().map(|span| span.start);
    let key = offset
        .and_then(|at| places.key_at(at))
        .unwrap_or_default()
        .to_owned();
    let (what, advice) = form_words(error.message());
    Fault {
        key,
        line: offset.map(|at| line_at(text, at)),
        what,
        advice,
    }
}

/// Turns serde's "unknown field" into the nearest key that exists.
fn form_words(message: &str) -> (String, String) {
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return (message.to_owned(), String::new());
    };
    let mut quoted = rest.split('`');
    let word = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted
        .skip(1)
        .step_by(2)
        .filter(|known| !known.is_empty())
        .collect();
    let advice = match nearest(word, &known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known here are: {}", known.join(", ")),
    };
    (format!("the key \"{word}\" is not known"), advice)
}

fn check(reader: &mut Reader<'_>, file: &Path, raw: &RawConfig) -> Option<Config> {
    let listen = listen(reader, &raw.server);
    let metrics = [
        ("local", MetricsAccess::Local),
        ("key", MetricsAccess::Key),
        ("everybody", MetricsAccess::Everybody),
    ];
    let metrics = reader.word("server.metrics", raw.server.metrics.as_ref(), &metrics);
    let store = store::read(reader, &raw.store);
    let engine = Numbers { reader }.settings(raw);
    let webhook_networks = networks(reader, &raw.webhooks.allow);
    let webhook_ca = reader.material("webhooks.trust_ca", raw.webhooks.trust_ca.as_ref());
    let levels = ["error", "warn", "info", "debug"].map(|level| (level, level));
    let log_level = reader.word("log.level", raw.log.level.as_ref(), &levels);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log_format = reader.word("log.format", raw.log.format.as_ref(), &formats);
    let read = raw.merchant.iter().enumerate();
    let merchants: Vec<_> = read
        .filter_map(|(index, raw)| merchant::read(reader, index, raw))
        .collect();
    check_merchants(reader, &merchants);
    let public_url = public_url(reader, raw, &merchants);
    let clock_ahead = clock_ahead(reader, raw, &merchants);
    let console_url = console_url(reader, raw);
    Some(Config {
        file: file.to_owned(),
        listen: listen?,
        public_url,
        console_url,
        metrics: metrics.unwrap_or(MetricsAccess::Local),
        store: store?,
        engine,
        clock_ahead,
        webhook_networks,
        webhook_ca,
        log_level: log_level.unwrap_or("info").to_owned(),
        log_format: log_format.unwrap_or(LogFormat::Text),
        merchants,
    })
}

fn listen(reader: &mut Reader<'_>, raw: &RawServer) -> Option<SocketAddr> {
    let text = match raw.listen {
        Some(_) => reader.text("server.listen", raw.listen.as_ref())?,
        None => LISTEN.to_owned(),
    };
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let advice = "write an address and a port, such as \"127.0.0.1:8080\" or \"0.0.0.0:8080\"";
        reader.fault("server.listen", "is not an address with a port", advice);
    }
    parsed
}

fn networks(reader: &mut Reader<'_>, texts: &[String]) -> Vec<IpNet> {
    let mut networks = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let key = format!("webhooks.allow[{index}]");
                let advice = "write a network such as \"127.0.0.0/8\" or \"10.1.0.0/16\"";
                reader.fault(&key, "is not a network", advice);
            }
        }
    }
    networks
}

fn check_merchants(reader: &mut Reader<'_>, merchants: &[MerchantConfig]) {
    for (index, merchant) in merchants.iter().enumerate() {
        let earlier = merchants.iter().take(index);
        let same_number = |other: &MerchantConfig| {
            other.mch_id == merchant.mch_id && other.sub_mch_id == merchant.sub_mch_id
        };
        if earlier.clone().any(|other| other.name == merchant.name) {
            let key = format!("merchant[{index}].name");
            reader.fault(
                &key,
                format!("the name {} is taken", merchant.name),
                "choose another",
            );
        }
        if earlier.clone().any(same_number) {
            let key = format!("merchant[{index}].mch_id");
            let what = format!("the merchant number {} stands here twice", merchant.mch_id);
            reader.fault(&key, what, "let each merchant number have one name only");
        }
        if earlier
            .clone()
            .any(|other| other.is_live() != merchant.is_live())
        {
            let key = format!("merchant[{index}].endpoint");
            let advice = "run test merchants in a service of their own, with a store of their own";
            reader.fault(
                &key,
                "live and test merchants stand in one configuration",
                advice,
            );
        }
    }
}

/// Only where no merchant is live: a clock that is not right must never meet real money (INV-41).
fn clock_ahead(
    reader: &mut Reader<'_>,
    raw: &RawConfig,
    merchants: &[MerchantConfig],
) -> SignedDuration {
    let Some(Span(ahead)) = raw.engine.clock_ahead else {
        return SignedDuration::ZERO;
    };
    if merchants.iter().any(MerchantConfig::is_live) {
        let advice = "leave it out: it is for trials against a simulator whose clock was pushed";
        let what = "is set, and a merchant points at WeChat";
        reader.fault("engine.clock_ahead", what, advice);
    }
    ahead
}

fn public_url(
    reader: &mut Reader<'_>,
    raw: &RawConfig,
    merchants: &[MerchantConfig],
) -> Option<Url> {
    let key = "server.public_url";
    let live = merchants.iter().any(MerchantConfig::is_live);
    let Some(value) = raw.server.public_url.as_ref() else {
        if live {
            let advice = "write the https address under which WeChat reaches this service, such \
                          as public_url = \"https://refunds.example.com\"";
            reader.fault(key, "is missing, and a merchant points at WeChat", advice);
        }
        return None;
    };
    let text = reader.text(key, Some(value))?;
    let url = text.trim_end_matches('/').parse::<Url>().ok();
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    else {
        reader.fault(
            key,
            "is not an address",
            "write it as https://refunds.example.com",
        );
        return None;
    };
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        let advice = "write scheme, host and perhaps a path only: WeChat takes no parameters";
        reader.fault(key, "has more than scheme, host and path", advice);
    }
    if live && url.scheme() != "https" {
        let advice = "use https; plain http is accepted only for test merchants";
        reader.fault(key, "is http, and a merchant points at WeChat", advice);
    }
    if live && is_local(&url) {
        let advice = "write the name under which the internet reaches this service";
        reader.fault(
            key,
            "is an address of this machine, and a merchant points at WeChat",
            advice,
        );
    }
    Some(url)
}

/// The address of the console. Over http it is meant for this machine and networks one trusts.
fn console_url(reader: &mut Reader<'_>, raw: &RawConfig) -> Option<Url> {
    let key = "server.console_url";
    let value = raw.server.console_url.as_ref()?;
    let text = reader.text(key, Some(value))?;
    let url = text.trim_end_matches('/').parse::<Url>().ok();
    let fits =
        |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/";
    let url = url.filter(fits);
    if url.is_none() {
        let advice = "write scheme and host, such as http://127.0.0.1:8080";
        reader.fault(key, "is not an address without a path", advice);
    }
    url
}

/// Whether an address leads to this machine.
pub(crate) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
    loopback || host == "localhost" || host.ends_with(".localhost")
}
