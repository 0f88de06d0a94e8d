//! `tuikuan key`: API keys, made in the store directly. It works beside a running service. A key is
//! shown once, when it is made; only its SHA-256 is kept (INV-36).

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::digest::{SHA256, digest};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use tuikuan_domain::{Actor, MerchantName, Role};
use tuikuan_engine::{EngineError, MachineClock, MachineIds, NewKey, People};
use tuikuan_store::{ApiKey, KeyId, Options, Scope, Store, User};

use super::user::RoleName;
use crate::config::{Config, FILE};
use crate::{output, setup};

/// A key's random part, in bytes.
const KEY_BYTES: usize = 32;
/// Names of keys are this long at most, in characters.
const NAME_CHARS_MAX: usize = 64;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown this once
    Create(CreateArgs),
    /// List the keys, without the keys themselves
    List(ListArgs),
    /// End a key
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan key create --name back-office\n  tuikuan key create --name shop-a --merchant shop-a --json\n  tuikuan key create --name till --owner li --role approver --expires 2027-12-31"
)]
pub(crate) struct CreateArgs {
    /// Whose key it is, for people
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Only for this merchant; can be given several times. All merchants by default
    #[arg(long, value_name = "NAME")]
    merchant: Vec<String>,
    /// As whom it acts: a name from `tuikuan user list`. A key without an owner cannot approve
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// What it may do, at most: never more than its owner
    #[arg(long, value_enum, default_value = "operator")]
    role: RoleName,
    /// Its last day, in Beijing
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan key list --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan key revoke key_0190f5a2b3c4")]
pub(crate) struct RevokeArgs {
    /// The key's id (`key_...`), from `tuikuan key list`
    id: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one.
pub(crate) fn run(command: KeyCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            KeyCommand::Create(args) => create(args).await,
            KeyCommand::List(args) => list(&args).await,
            KeyCommand::Revoke(args) => revoke(args).await,
        }
    })
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.place.config)?;
    let scope = scope(&config, &args.merchant)?;
    let name = args.name.trim();
    if name.is_empty()
        || name.chars().count() > NAME_CHARS_MAX
        || name.chars().any(char::is_control)
    {
        bail!("--name must have 1 to {NAME_CHARS_MAX} characters on one line");
    }
    let store = open(&config).await?;
    let owner = match &args.owner {
        Some(owner) => {
            let found = store.user_by_name(owner).await?;
            let owner = output::one_line(owner);
            Some(found.ok_or_else(|| anyhow!("nobody is named {owner}; see `tuikuan user list`"))?)
        }
        None => None,
    };
    let new = NewKey {
        name: name.to_owned(),
        owner: owner.map(|owner| owner.id),
        role: args.role.role(),
        scope,
        expires_at: args.expires,
    };
    let made = store_key(&store, new).await?;
    if args.place.json {
        let (id, key) = (made.id.as_str(), &made.key);
        return Ok(output::json(
            &json!({ "id": id, "name": name, "key": key }),
        )?);
    }
    output::line(&made.key)?;
    output::note(&format!(
        "{} \"{name}\": keep the key, it is not shown again",
        made.id
    ))?;
    Ok(())
}

/// A key just made.
pub(crate) struct MadeKey {
    /// Its id.
    pub(crate) id: KeyId,
    /// The key itself.
    pub(crate) key: String,
}

/// Makes a key in a store.
pub(crate) async fn make_key(store: &Store, name: &str, scope: Scope) -> anyhow::Result<MadeKey> {
    let new = NewKey {
        name: name.to_owned(),
        owner: None,
        role: Role::Operator,
        scope,
        expires_at: None,
    };
    store_key(store, new).await
}

async fn store_key(store: &Store, new: NewKey) -> anyhow::Result<MadeKey> {
    let key = random_key()?;
    let people = People::new(store, &MachineClock::real(), &MachineIds);
    let made = match people.create_key(&Actor::Cli, sha256(&key)?, new).await {
        Ok(made) => made,
        Err(EngineError::NotAllowed) => {
            bail!("the owner is disabled, or has a lower role than the key would")
        }
        Err(error) => return Err(error).context("the key could not be stored"),
    };
    Ok(MadeKey { id: made.id, key })
}

/// The end of a day in Beijing.
fn end_of_day(text: &str) -> Result<Timestamp, String> {
    let day: jiff::civil::Date = text
        .parse()
        .map_err(|_foreign| "write it as 2027-12-31".to_owned())?;
    let end = tuikuan_domain::approval::day_end(day).ok_or("this day is out of range")?;
    if end <= Timestamp::now() {
        return Err("this day has passed".to_owned());
    }
    Ok(end)
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.place.config)?;
    let store = open(&config).await?;
    let keys = store.api_keys().await?;
    let users = store.users().await?;
    if args.place.json {
        let list: Vec<Value> = keys.iter().map(|key| key_json(key, &users)).collect();
        return Ok(output::json(&json!({ "data": list, "next_cursor": null }))?);
    }
    let head = [
        "id",
        "name",
        "owner",
        "role",
        "merchants",
        "created",
        "last used",
        "expires",
        "revoked",
    ];
    let mut table = output::table(&head);
    for key in &keys {
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |t| t.to_string());
        table.add_row([
            key.id.to_string(),
            output::one_line(&key.name),
            owner_name(key, &users).map_or_else(|| "-".to_owned(), |name| output::one_line(&name)),
            key.role.as_str().to_owned(),
            merchants(&key.scope).map_or_else(|| "all".to_owned(), |names| names.join(", ")),
            key.created_at.to_string(),
            time(key.last_used_at),
            time(key.expires_at),
            time(key.revoked_at),
        ]);
    }
    Ok(output::line(&table.to_string())?)
}

async fn revoke(args: RevokeArgs) -> anyhow::Result<()> {
    let id: KeyId = args.id.parse()?;
    let config = Config::load(&args.place.config)?;
    let store = open(&config).await?;
    let people = People::new(&store, &MachineClock::real(), &MachineIds);
    match people.revoke_key(&Actor::Cli, &id).await {
        Ok(()) => {}
        Err(EngineError::Conflict | EngineError::NotFound) => {
            return Err(anyhow!(
                "there is no key {id} that is still good; see `tuikuan key list`"
            ));
        }
        Err(error) => return Err(error).context("the key could not be revoked"),
    }
    if args.place.json {
        return Ok(output::json(
            &json!({ "id": id.as_str(), "revoked": true }),
        )?);
    }
    output::line(&format!("{id} is revoked"))?;
    Ok(())
}

/// The store of a configuration, for a short command beside a running service.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Store> {
    setup::store(&config.store, &Options::inline()).await
}

pub(super) fn scope(config: &Config, names: &[String]) -> anyhow::Result<Scope> {
    if names.is_empty() {
        return Ok(Scope::All);
    }
    let mut found: Vec<MerchantName> = Vec::with_capacity(names.len());
    for name in names {
        let merchant = config.merchant(name).ok_or_else(|| {
            anyhow!(
                "the configuration has no merchant named {}",
                output::one_line(name)
            )
        })?;
        found.push(merchant.name.clone());
    }
    Ok(Scope::Only(found))
}

pub(super) fn merchants(scope: &Scope) -> Option<Vec<String>> {
    match scope {
        Scope::All => None,
        Scope::Only(names) => Some(names.iter().map(ToString::to_string).collect()),
    }
}

/// The name of a key's owner.
fn owner_name(key: &ApiKey, users: &[User]) -> Option<String> {
    let owner = key.owner.as_ref()?;
    let found = users.iter().find(|user| user.id == *owner);
    Some(found.map_or_else(|| owner.to_string(), |user| user.name.clone()))
}

fn key_json(key: &ApiKey, users: &[User]) -> Value {
    json!({
        "id": key.id.as_str(),
        "name": key.name,
        "owner": owner_name(key, users),
        "role": key.role.as_str(),
        "merchants": merchants(&key.scope),
        "created_at": key.created_at.to_string(),
        "last_used_at": key.last_used_at.map(|time| time.to_string()),
        "expires_at": key.expires_at.map(|time| time.to_string()),
        "revoked_at": key.revoked_at.map(|time| time.to_string()),
    })
}

fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0_u8; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| anyhow!("no random numbers"))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("tk_{hex}"))
}

fn sha256(key: &str) -> anyhow::Result<[u8; 32]> {
    Ok(digest(&SHA256, key.as_bytes()).as_ref().try_into()?)
}
