//! How a command fails: exit code 1 when the work failed, 2 when it was asked for wrongly.

use std::process::ExitCode;

/// A command that was used wrongly.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misused(pub(crate) String);

/// A command that said itself what is wrong: nothing more is printed.
#[derive(Debug, thiserror::Error)]
#[error("see above")]
pub(crate) struct SaidAlready;

/// Prints why, and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if reader_left(error) {
        return ExitCode::SUCCESS;
    }
    if error.is::<SaidAlready>() {
        return ExitCode::FAILURE;
    }
    // When even stderr is gone there is nobody to tell.
    let _told = crate::output::note(&format!("error: {error:#}"));
    if error.is::<Misused>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

/// `tuikuan ... | head` is no failure.
fn reader_left(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
