//! A strict WeChat Pay that obeys a seed: both generations on the wire, its own books, a balance,
//! both notification schedules on its own clock, and faults on demand. It refuses what WeChat
//! refuses. For tests, demonstrations and simulations; no real money ever comes near it.
//!
//! [`World`] is the whole of it as a value: bytes in, bytes out, no I/O, no clock of its own.
//!
//! ```
//! use tuikuan_sim::{Incoming, World};
//! let mut world = World::new(7, 1_700_000_000_000);
//! let answer = world.handle(&Incoming {
//!     method: "POST".into(),
//!     path_and_query: "/v3/refund/domestic/refunds".into(),
//!     headers: vec![("Accept".into(), "*/*".into()), ("User-Agent".into(), "doc".into())],
//!     body: b"{}".to_vec(),
//!     client_cert_mch: None,
//! });
//! assert_eq!(answer.response().map(|response| response.status), Some(401));
//! ```

mod agenda;
mod answer;
mod beijing;
mod bill;
mod books;
mod clock;
mod fault;
mod gate;
pub mod identity;
mod limits;
pub mod material;
mod merchant;
mod message;
mod random;
mod refusal;
mod rules;
pub mod setup;
mod simulator;
mod v2;
mod v3;
mod world;

pub use bill::{BillDifference, DifferenceKind};
pub use books::{
    Api, Channel, Coupon, CouponKind, FundsAccount, Order, OrderState, Origin, Refund, RefundStatus,
};
pub use fault::{FaultAction, FaultMatch, FaultRule, Interface, Outcome, RuleState, Step};
pub use limits::{Exceeded, Limits};
pub use merchant::{
    MerchantSetup, PlatformCertificate, SetupError, SubMerchant, VerificationMode, WechatPublicKey,
};
pub use message::{Incoming, NotificationAttempt, Outgoing, Response};
pub use simulator::{Options, Simulator, StartError};
pub use world::{
    ControlError, CouponInput, Delivery, NotificationRecord, OutcomePolicy, PaidOrder,
    PortalRefund, Schedule, World,
};
