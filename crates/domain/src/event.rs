//! One line of a refund's history. Each visible change of a refund is one event with the number of
//! the version it made (INV-11, INV-29), so that folding the events gives the record again.

use jiff::Timestamp;

use crate::ids::RefundId;
use crate::refund::Status;

/// Where a change came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The HTTP interface.
    Api,
    /// The web console.
    Console,
    /// The command line.
    Cli,
    /// A batch file.
    Batch,
    /// WeChat's answer to our submit.
    Reply,
    /// WeChat's answer to a query.
    Query,
    /// A notification from WeChat.
    Notification,
    /// A row of WeChat's bill.
    Bill,
    /// Tuikuan itself (schedules, rescue).
    Engine,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 9] = [
        Self::Api,
        Self::Console,
        Self::Cli,
        Self::Batch,
        Self::Reply,
        Self::Query,
        Self::Notification,
        Self::Bill,
        Self::Engine,
    ];

    /// The source as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Console => "console",
            Self::Cli => "cli",
            Self::Batch => "batch",
            Self::Reply => "reply",
            Self::Query => "query",
            Self::Notification => "notification",
            Self::Bill => "bill",
            Self::Engine => "engine",
        }
    }

    /// Reads what [`Source::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// What kind of line this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The refund entered or re-entered a status: `refund.<status>`.
    Status(Status),
    /// Something else about the refund became known: `refund.updated`.
    Updated,
    /// A person is needed: `refund.attention`.
    Attention,
    /// WeChat said something that contradicts what we hold: `refund.conflict`.
    Conflict,
}

impl EventKind {
    /// The public type of the event, such as `refund.processing`.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Status(status) => status.event_type(),
            Self::Updated => "refund.updated",
            Self::Attention => "refund.attention",
            Self::Conflict => "refund.conflict",
        }
    }

    /// Reads what [`EventKind::type_name`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "refund.updated" => Some(Self::Updated),
            "refund.attention" => Some(Self::Attention),
            "refund.conflict" => Some(Self::Conflict),
            other => Status::ALL
                .into_iter()
                .find(|s| s.event_type() == other)
                .map(Self::Status),
        }
    }
}

/// One line of a refund's append-only history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The refund it belongs to.
    pub refund_id: RefundId,
    /// 1, 2, 3 ... per refund; equal to the record's version after it.
    pub seq: i64,
    /// What kind of line.
    pub kind: EventKind,
    /// The status after it, or `None` when it changed none.
    pub status: Option<Status>,
    /// When.
    pub at: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// The fields that changed, by name, with their new text (`None`: emptied), then facts whose
    /// name begins with `note.` and which are not part of the record.
    pub detail: Vec<(&'static str, Option<String>)>,
}
