//! The kinds of work. Every job is written to be run twice: a process may die between any two
//! lines, and the lease then brings the job to somebody else.

pub(crate) mod deliver;
pub(crate) mod expire;
pub(crate) mod fetch_bill;
pub(crate) mod heal;
pub(crate) mod look_up;
pub(crate) mod query;
pub(crate) mod submit;
