//! The engine: the two doors made durable, and everything that works around them. It asks WeChat,
//! hears WeChat, tells the merchant's systems, and never calls "failed" what it merely did not hear.
//!
//! [`Engine`] is the handle; [`Engine::start`] starts its workers. All time and randomness come from
//! a [`Clock`] and an [`IdSource`], all that leaves goes through a [`Network`], so that whole lives
//! can be simulated from a seed (see [`step`]).

pub mod address;
mod adoption;
mod attention;
mod audit;
mod away;
pub mod batch;
mod behind;
pub mod books;
mod by;
mod call;
mod certificate_life;
mod certificates;
mod clock;
mod command;
mod elsewhere;
mod engine;
mod error;
mod health;
mod hearing;
mod house;
mod internet;
mod job;
mod lane;
mod ledger;
mod merchant;
mod network;
mod notice;
mod payment;
mod people;
pub mod reconcile;
mod redact;
mod replay;
mod request;
mod rules;
mod settings;
mod share;
mod skew;
pub mod step;
mod tally;
pub mod verdict;
mod webhook;
mod worker;

pub use address::AddressPolicy;
pub use attention::{Cared, Caring, REDELIVER_MAX};
pub use by::By;
pub use certificate_life::CertificateLife;
pub use clock::{Clock, IdSource, MachineClock, MachineIds};
pub use command::content_hash;
pub use elsewhere::{BANKS, Receiver};
pub use engine::{Engine, EngineParts};
pub use error::EngineError;
pub use health::{Health, KeyMode};
pub use internet::{Internet, InternetError, InternetOptions};
pub use ledger::LedgerError;
pub use merchant::Merchant;
pub use network::{CallError, FetchError, Network, Sending, WebhookCall, WebhookError};
pub use notice::{Channel, Incoming, Received};
pub use payment::{PaymentRegistration, Registered};
pub use people::{INVITATION_LIFE, NewKey, NewUser, People, covers};
pub use redact::body as redacted;
pub use replay::Replayed;
pub use request::{RefundRequest, Requested, number_of};
pub use settings::Settings;
pub use skew::{CLOCK_OFFSET_MAX, Offsets};
pub use tally::Tally;
pub use webhook::NewEndpoint;
pub use worker::Workers;
