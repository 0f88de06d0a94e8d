//! The HTTP surface from outside: a real engine on a real database, a network that never answers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends, helpers included"
)]

mod access;
mod approvals;
mod batch;
mod connection;
mod console_approvals;
mod console_attention;
mod console_audit;
mod console_batches;
mod console_door;
mod console_inbox;
mod console_login;
mod console_new_refund;
mod console_overview;
mod console_refund;
mod console_refunds;
mod console_settings;
mod console_users;
mod console_webhooks;
mod document;
mod doors;
mod input;
mod keys;
mod matrix;
mod notification;
mod payment;
mod reached;
mod reconciliation;
mod refund;
mod stream;
mod visitor;
mod webhook;
mod world;
