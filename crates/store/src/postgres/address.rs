//! The address of a PostgreSQL, as libpq writes it, with its TLS settings taken out: the driver does
//! not know them all, and what it calls `require` would not verify anybody (INV-41).

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::error::OpenError;

/// Where the database is, and how it is reached.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) protection: Protection,
}

/// How the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Protection {
    /// Not at all: a socket of this machine, or the operator asked for it.
    None,
    /// TLS, verified against these roots, or against the public ones.
    Tls { roots: Option<PathBuf> },
}

/// What the text of the address asks for.
#[derive(Default)]
struct Asked {
    mode: Option<String>,
    roots: Option<PathBuf>,
}

impl Address {
    /// Takes `postgres://USER:PASSWORD@HOST[:PORT][,HOST...]/DATABASE[?sslmode=..&sslrootcert=..]`.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let refused = |reason: &str| OpenError::Address {
            reason: reason.to_owned(),
        };
        let (plain, asked) = take_tls(url);
        let mut config = Config::from_str(&plain).map_err(|error| refused(&error.to_string()))?;
        let protection = match asked.mode.as_deref() {
            None if local(&config) => Protection::None,
            None | Some("verify-full" | "require" | "verify-ca" | "prefer" | "allow") => {
                Protection::Tls { roots: asked.roots }
            }
            Some("disable") => Protection::None,
            Some(_) => return Err(refused("sslmode is verify-full or disable")),
        };
        config
            .ssl_mode(match protection {
                Protection::None => SslMode::Disable,
                Protection::Tls { .. } => SslMode::Require,
            })
            .application_name("tuikuan")
            // Of several hosts the one that takes writes: after a failover that is another.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_hosts().iter().any(odd) {
            return Err(refused("an @ in the password is written as %40"));
        }
        Ok(Self { config, protection })
    }

    /// As people may read it: who, where and which, without the password.
    pub(super) fn shown(&self) -> String {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(index, host)| {
                let name = match host {
                    Host::Tcp(name) => name.clone(),
                    Host::Unix(folder) => folder.display().to_string(),
                };
                let ports = self.config.get_ports();
                let port = ports.get(index).or_else(|| ports.first());
                port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"))
            })
            .collect();
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        format!("postgres://{user}@{}/{database}", hosts.join(","))
    }
}

/// The address without the settings of TLS, and those.
fn take_tls(url: &str) -> (String, Asked) {
    let mut asked = Asked::default();
    let Some((before, query)) = url.split_once('?') else {
        return (url.to_owned(), asked);
    };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => asked.mode = Some(mode.to_owned()),
            Some(("sslrootcert", file)) => asked.roots = Some(PathBuf::from(file)),
            _ => rest.push(pair),
        }
    }
    let plain = match rest.is_empty() {
        true => before.to_owned(),
        false => format!("{before}?{}", rest.join("&")),
    };
    (plain, asked)
}

/// Whether a host is what stands behind an @ of a password.
fn odd(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name.contains('@'),
        Host::Unix(_) => false,
    }
}

/// Whether every host is this machine.
fn local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || IpAddr::from_str(name).is_ok_and(|address| address.is_loopback())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(url: &str) -> Protection {
        Address::parse(url).unwrap().protection
    }

    #[test]
    fn another_machine_is_reached_by_verified_tls_only() {
        let public = Protection::Tls { roots: None };
        assert_eq!(protection("postgres://u@db.example.com/t"), public);
        // What libpq would not verify.
        assert_eq!(
            protection("postgres://u@db.example.com/t?sslmode=require"),
            public
        );
        assert_eq!(
            protection("postgres://u@127.0.0.1,db.example.com/t"),
            public
        );
    }

    #[test]
    fn this_machine_needs_none_and_the_operator_may_refuse_it() {
        assert_eq!(
            protection("postgres://u@127.0.0.1:5433/t"),
            Protection::None
        );
        assert_eq!(protection("postgres://u@localhost/t"), Protection::None);
        assert_eq!(
            protection("postgres://u@db/t?sslmode=disable"),
            Protection::None
        );
    }

    #[test]
    fn roots_and_other_settings_stand_beside_each_other() {
        let url = "postgres://u@db/t?connect_timeout=3&sslrootcert=/etc/ca.pem&sslmode=verify-full";
        let address = Address::parse(url).unwrap();
        let roots = Some(PathBuf::from("/etc/ca.pem"));
        assert_eq!(address.protection, Protection::Tls { roots });
        let timeout = address.config.get_connect_timeout().copied();
        assert_eq!(timeout, Some(std::time::Duration::from_secs(3)));
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let shown = |url| Address::parse(url).unwrap().shown();
        let url =
            "postgres://tuikuan:hush%40hush@db1.example.com:5433,db2/books?sslmode=verify-full";
        assert_eq!(
            shown(url),
            "postgres://tuikuan@db1.example.com:5433,db2:5432/books"
        );
        assert_eq!(
            shown("postgres://u@127.0.0.1"),
            "postgres://u@127.0.0.1:5432/u"
        );
        assert!(Address::parse("postgres://u:hush@hush@db/t").is_err());
    }

    #[test]
    fn a_mistake_in_the_address_is_told() {
        assert!(Address::parse("postgres://u@db/t?sslmode=perhaps").is_err());
        assert!(Address::parse("postgres://u@db/t?nonsense=1").is_err());
    }
}
