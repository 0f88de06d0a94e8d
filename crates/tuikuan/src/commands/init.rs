//! `tuikuan init`: a commented configuration to begin with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::config::FILE;
use crate::{output, private};

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
        let folder = args.dir.join(folder);
        private::folder(&folder)
            .with_context(|| format!("the folder {} could not be made", folder.display()))?;
    }
    output::line(&format!("wrote {}", file.display()))?;
    output::line(
        "next: put the merchant's key files into keys/, fill in the [[merchant]] section,",
    )?;
    output::line("then run `tuikuan doctor` and `tuikuan serve` there")?;
    Ok(())
}

fn write_new(file: &Path) -> anyhow::Result<()> {
    match private::write_new(file, TEMPLATE) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} is there already, nothing was changed; choose another folder",
            file.display()
        ),
        other => other.with_context(|| format!("{} could not be made", file.display())),
    }
}
