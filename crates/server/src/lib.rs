//! HTTP around the engine: the JSON interface for merchants' systems, WeChat's callbacks, the event
//! stream, health and figures, and the web console for people. It reads from the store directly; every write goes through the
//! engine, and nothing is answered before the engine says it is durable (INV-14).
//!
//! ```
//! // The interface describes itself; the running server shows the same at /openapi.json.
//! let document = tuikuan_server::openapi();
//! assert!(document.paths.paths.contains_key("/v1/refunds"));
//! ```

mod api;
mod app;
mod auth;
mod batch_file;
mod body;
mod code;
mod console;
mod documentation;
mod gate;
mod health;
mod json;
mod metrics;
mod notify;
mod parameters;
mod places;
mod policy;
mod problem;
mod route;
mod server;
mod settings;
mod setup_link;
pub mod shape;

pub use api::abnormal::{AbnormalBody, AbnormalOutcomeBody};
pub use api::batch::BatchQuery;
pub use api::batch::steer::{BatchApprovalBody, BatchSubmissionBody};
pub use api::command::ResolutionBody;
pub use api::decision::DecisionBody;
pub use api::note::NoteBody;
pub use api::payment::PaymentRegistrationBody;
pub use api::refund::RefundQuery;
pub use api::request::RefundRequestBody;
pub use api::webhook::{EndpointChangeBody, NewEndpointBody, TestBody};
pub use code::Code;
pub use console::password::{HashError, password_fits_rules, password_hash};
pub use documentation::problem_guide;
pub use health::{AliveBody, ReadyBody};
pub use notify::Acknowledgement;
pub use policy::{Permission, Policy, Row, rows as policies};
pub use problem::{Fault, Problem, ProblemBody};
pub use route::openapi;
pub use server::{Server, ServerParts};
pub use settings::{MetricsAccess, Scheme, Settings};
pub use setup_link::link;
