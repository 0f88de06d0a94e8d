//! Where the books are. The address of a PostgreSQL may hold a password: it is a secret, and what is
//! shown of it is made here (INV-36).

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use tuikuan_store::{Options, Store};

use super::raw::RawStore;
use super::reader::Reader;

const URL: &str = "sqlite:tuikuan.db";
/// The key file of a PostgreSQL, which has no file of its own to keep it beside.
const KEY_FILE: &str = "tuikuan.key";
const CONNECTIONS_MAX: u32 = 200;
const FORMS: &str = "write \"sqlite:FILE\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"; the \
                     password can stand elsewhere: url = { file = \"...\" } or { env = \"...\" }";

/// The store of the configuration.
#[derive(Debug)]
pub(crate) struct StoreConfig {
    url: SecretString,
    /// The address without its password.
    pub(crate) shown: String,
    /// The file with the key that seals secrets.
    pub(crate) key_file: PathBuf,
    /// Connections, where the configuration says how many.
    connections: Option<usize>,
    /// The file that holds the password, if one does.
    pub(crate) secret_file: Option<PathBuf>,
}

impl StoreConfig {
    /// The address, with its password.
    pub(crate) fn url(&self) -> &str {
        self.url.expose_secret()
    }

    /// The database file, if it is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.url().strip_prefix("sqlite:").map(PathBuf::from)
    }

    /// These options, as the configuration wants them.
    pub(crate) fn options(&self, options: &Options) -> Options {
        Options {
            key_file: self.key_file.clone(),
            readers: self.connections.unwrap_or(options.readers),
            ..options.clone()
        }
    }
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, raw: &RawStore) -> Option<StoreConfig> {
    let url = match raw.url {
        Some(_) => reader.secret("store.url", raw.url.as_ref())?,
        None => SecretString::from(URL),
    };
    let connections = connections(reader, raw);
    match url.expose_secret().strip_prefix("sqlite:") {
        Some(path) => sqlite(reader, raw, path),
        None => postgres(reader, raw, url),
    }
    .map(|store| StoreConfig {
        connections,
        ..store
    })
}

fn sqlite(reader: &mut Reader<'_>, raw: &RawStore, path: &str) -> Option<StoreConfig> {
    if path.is_empty() || path.starts_with(':') {
        reader.fault("store.url", "names no file", FORMS);
        return None;
    }
    if raw.key_file.is_some() {
        let advice = "leave it out: the key lies beside the database file";
        reader.fault("store.key_file", "is for PostgreSQL", advice);
    }
    let url = format!("sqlite:{}", reader.sources.path(path).display());
    let file = url.strip_prefix("sqlite:").unwrap_or_default();
    Some(StoreConfig {
        key_file: PathBuf::from(format!("{file}.key")),
        shown: url.clone(),
        url: SecretString::from(url),
        connections: None,
        secret_file: None,
    })
}

fn postgres(reader: &mut Reader<'_>, raw: &RawStore, url: SecretString) -> Option<StoreConfig> {
    let scheme = ["postgres://", "postgresql://"];
    if !scheme
        .iter()
        .any(|scheme| url.expose_secret().starts_with(scheme))
    {
        reader.fault("store.url", "is not a store this version knows", FORMS);
        return None;
    }
    let shown = match Store::shown(url.expose_secret()) {
        Ok(shown) => shown,
        Err(error) => {
            reader.fault("store.url", error.to_string(), FORMS);
            return None;
        }
    };
    let key_file = match raw.key_file {
        Some(_) => reader.text("store.key_file", raw.key_file.as_ref())?,
        None => KEY_FILE.to_owned(),
    };
    let secret_file = raw.url.as_ref().and_then(|url| url.file(reader.sources));
    Some(StoreConfig {
        url,
        shown,
        key_file: reader.sources.path(&key_file),
        connections: None,
        secret_file,
    })
}

fn connections(reader: &mut Reader<'_>, raw: &RawStore) -> Option<usize> {
    let asked = raw.connections?;
    if !(1..=CONNECTIONS_MAX).contains(&asked) {
        let advice = format!("write a number from 1 to {CONNECTIONS_MAX}");
        reader.fault("store.connections", "is out of range", &advice);
        return None;
    }
    usize::try_from(asked).ok()
}
