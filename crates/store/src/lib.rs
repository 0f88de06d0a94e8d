//! All SQL of the product. What belongs together is one [`Change`] value that [`Store::commit`]
//! applies whole; reads give records of the domain. Nothing here decides: the two doors do.
//!
//! Several changes that wait at the same time share one durable commit, and nobody is answered
//! before it (INV-14). The promises of the domain stand again as constraints of the schema (INV-1).
//!
//! ```
//! use tuikuan_store::{Options, Store};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open("sqlite::memory:", &Options::inline()).await?;
//! assert!(store.counts().await?.is_empty());
//! # Ok(())
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(example())
//! # }
//! ```

mod admin;
mod audit;
mod batch;
mod bill;
mod care;
mod chain;
mod change;
mod copy;
mod delivery;
mod error;
mod figures;
mod filled;
mod ids;
mod inbox;
mod indexed;
mod job;
mod line;
mod operation;
mod people;
mod postgres;
mod records;
mod rows;
mod rules;
mod scope;
mod seal;
mod search;
mod select;
mod settings;
mod signals;
mod sqlite;
mod steps;
mod store;
mod tally;
mod tries;
mod trouble;

pub use admin::{
    AdminChange, Administered, ApiKey, AuditEntry, Endpoint, NewAudit, Replayed, Scope,
};
pub use audit::{Action, AuditFilter, AuditHead, AuditPage};
pub use batch::{
    BATCH_LINES_PER_WRITE, BatchCount, BatchCursor, BatchFilter, BatchLine, BatchPage, BatchWrite,
    Begun, CheckLease, CheckedLine, FactsWanted, LineEnd, LineError, LineFilter, LineMark, LinesOf,
    NewBatch,
};
pub use bill::{
    Bill, BillAct, BillChange, BillDay, DIFFERENCES_MAX, Difference, DifferenceCount,
    DifferenceFilter, DifferencePage, Facts, NewDifference, OpenDay, SentCursor, SentRefund, Sums,
};
pub use care::{
    Care, NeededAsked, OPEN_DIFFERENCES_MAX, Sleeping, Subject, UNPLACED, UNPLACED_FOR, Waiting,
};
pub use chain::{AuditFault, HistoryFault};
pub use change::{Change, Committed, Exchange, Inbox, InboxEntry, NewDelivery};
pub use copy::{CopiedTable, CopyError, CopyProgress, CopyStep};
pub use delivery::{Delivery, DeliveryEnd, DeliveryFilter, DeliveryReport, DeliveryStatus};
pub use error::{CommitError, DatabaseError, Fatal, OpenError, ReadError};
pub use figures::{
    Bucket, Class, FigureDifference, Figures, FiguresAsked, Histogram, Sum, beijing_day,
    beijing_hour,
};
pub use filled::Filling;
pub use ids::{DeliveryId, EndpointId, IdError, KeyId};
pub use inbox::{InboxCursor, InboxFilter, Settled};
pub use job::{Claim, Claimed, Guard, Job, JobKey, Lane, LaneDue, Release};
pub use people::{
    Invitation, PeopleAct, Purpose, SESSIONS_MAX, SecondFactor, Session, USERS_MAX, User,
};
pub use postgres::Postgres;
pub use records::{
    Attempt, InboxRecord, Situation, StatusCount, StoredEvent, StoredExchange, Stuck,
};
pub use rules::{RulesAct, StoredRules, SubjectUsage};
pub use search::{Found, NumberText, NumberTextError, Place, RefundSearch};
pub use select::{Attention, Cursor, CursorError, LIST_MAX, Merchants, Page, RefundFilter};
pub use settings::{SettingsSeen, SettingsVersions};
pub use sqlite::bare_batch_insert;
pub use store::{LeaseClock, Nodes, Options, Store, Writing};
pub use tries::{Tried, Try};
