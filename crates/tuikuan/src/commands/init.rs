//! `tuikuan init`: a commented configuration to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::config::FILE;
use crate::output;

/// What a new configuration says.
const TEMPLATE: &str = include_str!("init.toml");

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tuikuan init shop && cd shop && tuikuan doctor")]
pub(crate) struct InitArgs {
    /// Where; made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Runs it.
pub(crate) fn run(args: &InitArgs) -> anyhow::Result<()> {
    let file = args.dir.join(FILE);
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("the folder {} could not be made", args.dir.display()))?;
    write_new(&file)?;
    for folder in ["data", "keys"] {
        private_folder(&args.dir.join(folder))?;
    }
    output::line(&format!("wrote {}", file.display()))?;
    output::line(
        "next: put the merchant's key files into keys/, fill in the [[merchant]] section,",
    )?;
    output::line("then run `tuikuan doctor` and `tuikuan serve` there")?;
    Ok(())
}

fn write_new(file: &Path) -> anyhow::Result<()> {
    let mut opened = match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{} is there already, nothing was changed; choose another folder",
                file.display()
            )
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{} could not be made", file.display()));
        }
    };
    opened.write_all(TEMPLATE.as_bytes())?;
    Ok(opened.sync_all()?)
}

/// A folder that only its owner can look into.
fn private_folder(folder: &Path) -> anyhow::Result<()> {
    let made = make_private(folder);
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        other => {
            other.with_context(|| format!("the folder {} could not be made", folder.display()))
        }
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir(folder)
}
