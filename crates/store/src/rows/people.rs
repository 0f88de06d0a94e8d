//! Rows of people, sessions and invitations into records.

use secrecy::SecretString;
use tuikuan_domain::{PersonId, Role};

use crate::error::ReadError;
use crate::people::{Invitation, Purpose, SecondFactor, Session, User};
use crate::rows::{Columns, Row};
use crate::scope::parse_scope;
use crate::seal::{DataKey, Place};

type Read<T> = Result<T, ReadError>;

/// The columns of a person, in the order of [`user`].
macro_rules! user_columns {
    () => {
        "id, name, password, role, scope, totp, totp_used, language, created_at, last_login_at, \
         disabled_at, version"
    };
}

/// The columns of a session, in the order of [`session`].
macro_rules! session_columns {
    () => {
        "hash, user_id, created_at, seen_at, expires_at, second_factor, csrf, address, agent"
    };
}

pub(crate) use {session_columns, user_columns};

/// Where the secret of a second factor stands.
pub(crate) fn totp_place(id: &str) -> Place<'_> {
    Place {
        table: "users",
        id,
        field: "totp",
    }
}

pub(crate) fn user(row: Row<'_>, key: &DataKey) -> Read<User> {
    let mut c = Columns::of(row, "user");
    let id: PersonId = c.parsed()?;
    Ok(User {
        name: c.raw()?,
        password: c.raw::<Option<String>>()?.map(SecretString::from),
        role: c.known(Role::parse)?,
        scope: c.known(parse_scope)?,
        totp: match c.raw::<Option<Vec<u8>>>()? {
            None => None,
            Some(sealed) => {
                let plain = key.open(totp_place(id.as_str()), &sealed);
                let plain = plain.map_err(|_foreign| c.corrupt())?;
                let text = String::from_utf8(plain).map_err(|_foreign| c.corrupt())?;
                Some(SecretString::from(text))
            }
        },
        totp_used: c.raw()?,
        language: c.raw()?,
        created_at: c.time()?,
        last_login_at: c.time_maybe()?,
        disabled_at: c.time_maybe()?,
        version: c.raw()?,
        id,
    })
}

pub(crate) fn session(row: Row<'_>) -> Read<Session> {
    let mut c = Columns::of(row, "session");
    Ok(Session {
        hash: c.raw()?,
        user: c.parsed()?,
        created_at: c.time()?,
        seen_at: c.time()?,
        expires_at: c.time()?,
        second_factor: c.known(SecondFactor::parse)?,
        csrf: c.raw()?,
        address: c.raw()?,
        agent: c.raw()?,
    })
}

pub(crate) fn invitation(row: Row<'_>) -> Read<Invitation> {
    let mut c = Columns::of(row, "invitation");
    Ok(Invitation {
        hash: c.raw()?,
        purpose: c.known(Purpose::parse)?,
        user: c.parsed_maybe()?,
        created_at: c.time()?,
        expires_at: c.time()?,
        used_at: c.time_maybe()?,
    })
}
