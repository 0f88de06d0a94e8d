//! Asking for a password: twice at a terminal, without showing it; otherwise one line of stdin.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};
use tuikuan_server::password_fits_rules;

/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 1024;

/// A new password for somebody.
pub(crate) fn ask(name: &str) -> anyhow::Result<SecretString> {
    let password = if std::io::stdin().is_terminal() {
        let first = prompt("new password: ")?;
        let second = prompt("again: ")?;
        if first.expose_secret() != second.expose_secret() {
            bail!("the two passwords differ; nothing was changed");
        }
        first
    } else {
        line()?
    };
    if !password_fits_rules(password.expose_secret(), name) {
        bail!("a password has 10 to 128 characters, is not the name, and not one character only");
    }
    Ok(password)
}

fn line() -> anyhow::Result<SecretString> {
    use std::io::Read;
    let mut text = String::new();
    let input = std::io::stdin().lock();
    let read = input.take(LINE_BYTES_MAX).read_line(&mut text);
    if read.context("stdin could not be read")? == 0 {
        bail!("no password came on stdin");
    }
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

fn prompt(text: &str) -> anyhow::Result<SecretString> {
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "{text}")?;
    terminal.flush()?;
    let _silence = Silence::begin()?;
    let password = line();
    writeln!(terminal)?;
    password
}

/// While it lives, the terminal does not show what is typed.
struct Silence(Termios);

impl Silence {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("the terminal does not answer")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)
            .context("the terminal would show the password")?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0) {
            tracing::warn!(%error, "the terminal may not show what is typed; run `stty echo`");
        }
    }
}
