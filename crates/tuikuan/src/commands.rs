//! The commands, one file each. A command reads its arguments, calls the crates below and prints.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod bill;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod notify;
pub(crate) mod payment;
pub(crate) mod refund;
pub(crate) mod serve;
pub(crate) mod sim;
pub(crate) mod store;
pub(crate) mod user;

/// Runs a short command to its end on one thread.
pub(crate) fn block_on<F>(work: F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
