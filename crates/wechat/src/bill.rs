//! WeChat's daily bills: the trade bill (ALL, SUCCESS, REFUND) and the fund-flow bill, read row by
//! row and printed. A bill is the other side's word on a day, so this module never guesses: a
//! file that is missing, cut short or altered is an error, never an empty day (INV-38), and yuan
//! become fen exactly or not at all (INV-7).
//!
//! Sources: v2 chapters 9_6 (downloadbill) and 9_18 (downloadfundflow), v3 4013071227, 4013071235
//! and 4013071238; byte order mark, line ends and the fund-flow texts as seen in merchants' files.
//!
//! ```
//! use tuikuan_wechat::bill::{BillKind, BillReader, Row};
//! let file = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`0,`0,`0.00,`0,`0.00\n";
//! let header = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,\
//!               收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\n";
//! let text = format!("{header}{file}");
//! let mut bill = BillReader::new(text.as_bytes(), BillKind::FundFlow)?;
//! while let Some(row) = bill.next_row()? {
//!     if let Row::FundFlow(flow) = row {
//!         println!("{} {}", flow.voucher_no, flow.amount);
//!     }
//! }
//! assert_eq!(bill.summary().map(|sums| sums.rows), Some(0));
//! # Ok::<(), tuikuan_wechat::bill::BillError>(())
//! ```
//!
//! Fetching one, of either generation; `get` sends a request and puts the answer's body into a file:
//!
//! ```
//! use tuikuan_wechat::bill::{BillAnswer, BillDay, BillFile, WantedBill};
//! use tuikuan_wechat::http::{Received, Request};
//! use tuikuan_wechat::{Account, Stamp};
//!
//! fn refunds_of(
//!     account: &Account,
//!     day: BillDay,
//!     stamp: impl Fn() -> Stamp,
//!     get: impl Fn(Request) -> Received,
//! ) -> Result<Option<BillFile>, Box<dyn std::error::Error>> {
//!     let (wanted, first) = (WantedBill::refunds(day), stamp());
//!     let answer = get(account.bill(&wanted, &first)?);
//!     Ok(match account.read_bill(&wanted, &answer, first.unix_seconds)? {
//!         BillAnswer::File(file) => Some(file),
//!         BillAnswer::Location(place) => {
//!             let answer = get(account.download_bill(&place, &stamp())?);
//!             Some(account.read_download_bill(&place, &answer)?)
//!         }
//!         BillAnswer::NothingThatDay => None,
//!         BillAnswer::NotReady => return Err("ask again in half an hour".into()),
//!     })
//! }
//! ```

mod amount;
mod cells;
mod column;
mod day;
mod error;
mod fetch;
mod layout;
mod read;
mod row;
mod summary;
mod unpack;
mod write;

pub use amount::Fee;
pub use column::{Column, Sum};
pub use day::{BillDay, DayError};
pub use error::{BillError, Damage};
pub use fetch::{BillAnswer, BillFile, BillLocation, FundAccount, Packing, WantedBill};
pub use layout::{Layout, OldNames};
pub use read::{
    BillReader, COLUMNS_MAX, FIELD_BYTES_MAX, LINE_BYTES_MAX, LineEnd, Mark, ROWS_MAX, Style,
};
pub use row::{
    BillRefundStatus, BillTradeState, Direction, FundFlowRow, PaymentRow, RefundRow, Row, Trade,
};
pub use summary::Summary;
pub use unpack::{HashError, Sha1, UNPACKED_BYTES_MAX, Unpacked};
pub use write::BillWriter;

/// Which bill a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillKind {
    /// `bill_type` ALL: payments and refunds.
    All,
    /// `bill_type` SUCCESS: payments.
    Success,
    /// `bill_type` REFUND: refunds, with the times of application and arrival.
    Refund,
    /// The fund-flow bill: every movement of one of the merchant's accounts.
    FundFlow,
}

impl BillKind {
    /// The word of `bill_type`; the fund-flow bill is an interface of its own.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::FundFlow => "FUND_FLOW",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::All, Self::Success, Self::Refund, Self::FundFlow]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}
