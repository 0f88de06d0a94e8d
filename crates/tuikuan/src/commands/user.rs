//! `tuikuan user`: the people who sign in to the console. It works beside a running service. A new
//! person gets a link, used once, or a password from a prompt or stdin; never one from an argument.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::{EngineError, MachineClock, MachineIds, NewUser, People};
use tuikuan_server::{link, password_hash};
use tuikuan_store::{Purpose, Scope, Store, User};

use super::key::{merchants, open, scope};
use crate::config::{Config, FILE};
use crate::{output, setup};

mod password;

/// Names are this long at most, in characters.
const NAME_CHARS_MAX: usize = 64;

/// What to do with people.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody; shows a link to choose a password with
    Add(AddArgs),
    /// List the people
    List(ListArgs),
    /// Set another password, or show a link to choose one with
    Passwd(PasswdArgs),
    /// Keep somebody out; sessions and keys end at once
    Disable(NameArgs),
    /// Let somebody in again
    Enable(NameArgs),
    /// Change what somebody may do, and for which merchants
    Role(RoleArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan user add wang --role admin\n  tuikuan user add li --role operator --merchant shop-a --json\n  pass show li | tuikuan user add li --role viewer --password"
)]
pub(crate) struct AddArgs {
    /// The name to sign in with
    name: String,
    /// What the person may do
    #[arg(long, value_enum)]
    role: RoleName,
    /// Only for this merchant; can be given several times. All merchants by default
    #[arg(long, value_name = "NAME")]
    merchant: Vec<String>,
    /// Ask for a password (or read one line from stdin) instead of showing a link
    #[arg(long)]
    password: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan user list --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan user passwd wang\n  tuikuan user passwd wang --link\n  tuikuan user passwd wang --link --forget-second-factor    the phone is lost"
)]
pub(crate) struct PasswdArgs {
    /// Whose
    name: String,
    /// Show a link to choose the password with, instead of asking for it
    #[arg(long)]
    link: bool,
    /// Forget the second factor too: a new one is set up at the next sign-in
    #[arg(long)]
    forget_second_factor: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tuikuan user disable li\n  tuikuan user enable li")]
pub(crate) struct NameArgs {
    /// Who
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan user role li approver\n  tuikuan user role li operator --merchant shop-a"
)]
pub(crate) struct RoleArgs {
    /// Whose
    name: String,
    /// What the person may do from now on
    #[arg(value_enum)]
    role: RoleName,
    /// Only for this merchant; can be given several times. As before by default
    #[arg(long, value_name = "NAME", conflicts_with = "all_merchants")]
    merchant: Vec<String>,
    /// For all merchants
    #[arg(long)]
    all_merchants: bool,
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

/// A role as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    /// Looks
    Viewer,
    /// Also asks for refunds and acts on them
    Operator,
    /// Also agrees to what others ask
    Approver,
    /// Also manages people, keys and rules
    Admin,
}

impl RoleName {
    /// The role.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Viewer => Role::Viewer,
            Self::Operator => Role::Operator,
            Self::Approver => Role::Approver,
            Self::Admin => Role::Admin,
        }
    }
}

/// Runs one.
pub(crate) fn run(command: UserCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            UserCommand::Add(args) => add(args).await,
            UserCommand::List(args) => list(&args).await,
            UserCommand::Passwd(args) => passwd(args).await,
            UserCommand::Disable(args) => switch(args, Some(Timestamp::now())).await,
            UserCommand::Enable(args) => switch(args, None).await,
            UserCommand::Role(args) => role(args).await,
        }
    })
}

/// What commands about people work with.
struct Desk {
    config: Config,
    store: Store,
    clock: MachineClock,
    json: bool,
}

impl Desk {
    async fn open(place: &Place) -> anyhow::Result<Self> {
        let config = Config::load(&place.config)?;
        let store = open(&config).await?;
        Ok(Self {
            // Links are good by the clock of the service.
            clock: setup::clock(&config, &store).await?,
            config,
            store,
            json: place.json,
        })
    }

    fn people(&self) -> People<'_> {
        People::new(&self.store, &self.clock, &MachineIds)
    }

    async fn user(&self, name: &str) -> anyhow::Result<User> {
        let found = self.store.user_by_name(name).await?;
        let name = output::one_line(name);
        found.ok_or_else(|| anyhow!("nobody is named {name}; see `tuikuan user list`"))
    }

    async fn update(&self, changed: User, action: &str) -> anyhow::Result<()> {
        let name = output::one_line(&changed.name);
        match self
            .people()
            .update_user(&Actor::Cli, changed, action)
            .await
        {
            Ok(()) => Ok(()),
            Err(EngineError::LastAdmin) => bail!(
                "{name} is the last active administrator: make another one first, with \
                 `tuikuan user add ... --role admin`"
            ),
            Err(error) => Err(error).with_context(|| format!("{name} could not be changed")),
        }
    }

    /// A link with which somebody chooses a password.
    async fn link(&self, user: &User) -> anyhow::Result<String> {
        let purpose = match user.password {
            Some(_) => Purpose::Reset,
            None => Purpose::Invite,
        };
        let people = self.people();
        let token = people.invite(&Actor::Cli, Some(&user.id), purpose).await?;
        let base = self.config.console_url(self.config.listen)?;
        Ok(link(base.as_str(), &token))
    }

    fn show_link(&self, user: &User, link: &str) -> anyhow::Result<()> {
        if self.json {
            let mut shown = user_json(user);
            shown["link"] = json!(link);
            return Ok(output::json(&shown)?);
        }
        output::line(link)?;
        let name = output::one_line(&user.name);
        Ok(output::note(&format!(
            "for {name}, to choose a password: good for 24 hours, once"
        ))?)
    }

    fn show_done(&self, user: &User, what: &str) -> anyhow::Result<()> {
        if self.json {
            return Ok(output::json(&user_json(user))?);
        }
        Ok(output::line(&format!(
            "{} {what}",
            output::one_line(&user.name)
        ))?)
    }
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    let desk = Desk::open(&args.place).await?;
    let name = args.name.trim();
    let length = name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&length) || name.chars().any(char::is_control) {
        bail!("a name has 1 to {NAME_CHARS_MAX} characters on one line");
    }
    let password = if args.password {
        Some(hashed(&password::ask(name)?)?)
    } else {
        None
    };
    let new = NewUser {
        name: name.to_owned(),
        role: args.role.role(),
        scope: scope(&desk.config, &args.merchant)?,
        language: None,
        password,
    };
    let user = match desk.people().create_user(&Actor::Cli, new).await {
        Ok(user) => user,
        Err(EngineError::Conflict) => bail!("somebody is named {} already", output::one_line(name)),
        Err(error) => return Err(error).context("nobody was added"),
    };
    if user.password.is_some() {
        return desk.show_done(&user, "may sign in");
    }
    let link = desk.link(&user).await?;
    desk.show_link(&user, &link)
}

fn hashed(password: &SecretString) -> anyhow::Result<SecretString> {
    Ok(password_hash(password)?)
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let desk = Desk::open(&args.place).await?;
    let users = desk.store.users().await?;
    if desk.json {
        let list: Vec<Value> = users.iter().map(user_json).collect();
        return Ok(output::json(&json!({ "data": list, "next_cursor": null }))?);
    }
    let head = [
        "id",
        "name",
        "role",
        "merchants",
        "second factor",
        "last sign-in",
        "state",
    ];
    let mut table = output::table(&head);
    for user in &users {
        let last = user.last_login_at;
        table.add_row([
            user.id.to_string(),
            output::one_line(&user.name),
            user.role.as_str().to_owned(),
            merchants(&user.scope).map_or_else(|| "all".to_owned(), |names| names.join(", ")),
            user.totp.as_ref().map_or("-", |_| "yes").to_owned(),
            last.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            state(user).to_owned(),
        ]);
    }
    Ok(output::line(&table.to_string())?)
}

fn state(user: &User) -> &'static str {
    match (user.disabled_at, &user.password) {
        (Some(_), _) => "disabled",
        (None, None) => "invited",
        (None, Some(_)) => "active",
    }
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id.as_str(),
        "name": user.name,
        "role": user.role.as_str(),
        "merchants": merchants(&user.scope),
        "second_factor": user.totp.is_some(),
        "state": state(user),
        "created_at": user.created_at.to_string(),
        "last_login_at": user.last_login_at.map(|time| time.to_string()),
    })
}

async fn passwd(args: PasswdArgs) -> anyhow::Result<()> {
    let desk = Desk::open(&args.place).await?;
    let mut user = desk.user(&args.name).await?;
    if args.forget_second_factor {
        user.totp = None;
        desk.update(user, "user.second_factor_removed").await?;
        user = desk.user(&args.name).await?;
    }
    if args.link {
        let link = desk.link(&user).await?;
        return desk.show_link(&user, &link);
    }
    user.password = Some(hashed(&password::ask(&user.name)?)?);
    desk.update(user.clone(), "user.password_changed").await?;
    desk.show_done(&user, "has another password and is signed out everywhere")
}

async fn switch(args: NameArgs, disabled_at: Option<Timestamp>) -> anyhow::Result<()> {
    let desk = Desk::open(&args.place).await?;
    let user = desk.user(&args.name).await?;
    let changed = User {
        disabled_at,
        ..user
    };
    let (action, what) = match disabled_at {
        Some(_) => ("user.disabled", "is kept out; sessions and keys have ended"),
        None => ("user.enabled", "may sign in again"),
    };
    desk.update(changed.clone(), action).await?;
    desk.show_done(&changed, what)
}

async fn role(args: RoleArgs) -> anyhow::Result<()> {
    let desk = Desk::open(&args.place).await?;
    let user = desk.user(&args.name).await?;
    let scope = match (args.all_merchants, args.merchant.as_slice()) {
        (true, _) => Scope::All,
        (false, []) => user.scope.clone(),
        (false, names) => scope(&desk.config, names)?,
    };
    let changed = User {
        role: args.role.role(),
        scope,
        ..user
    };
    desk.update(changed.clone(), "user.role_changed").await?;
    desk.show_done(&changed, &format!("is {} now", changed.role.as_str()))
}
