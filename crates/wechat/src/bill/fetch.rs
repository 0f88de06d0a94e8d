//! Asking WeChat for a bill and judging the answer. v2 sends the file at once, v3 first says where
//! it lies and what it hashes to. In the place of a file there may be an error: only WeChat's own
//! words for "nothing happened that day" make an empty day, everything else is a bill that is still
//! owed (INV-38).

use std::io::BufRead;

use super::{BillDay, BillError, BillKind, BillReader, Sha1, Unpacked};
use crate::account::Account;
use crate::error::{BuildError, ReplyError};
use crate::error_code::Interface;
use crate::http::{Origin, Received, Request};
use crate::{Api, Stamp};

/// The longest `download_url`, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// `tar_type`: whether the file is packed on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packing {
    /// As it is.
    Plain,
    /// GZIP: about a tenth of the bytes.
    Gzip,
}

/// `account_type` of the fund-flow bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FundAccount {
    /// The basic account (基本账户): payments and refunds.
    Basic,
    /// The operation account (运营账户).
    Operation,
    /// The fee account (手续费账户).
    Fees,
}

impl FundAccount {
    /// Every account.
    pub const ALL: &'static [Self] = &[Self::Basic, Self::Operation, Self::Fees];

    /// The word of v3: `BASIC`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::Operation => "OPERATION",
            Self::Fees => "FEES",
        }
    }

    /// The word of v2: `Basic`.
    #[must_use]
    pub const fn v2_word(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Operation => "Operation",
            Self::Fees => "Fees",
        }
    }

    /// Reads the word of either generation.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = |account: &&Self| account.as_str() == text || account.v2_word() == text;
        Self::ALL.iter().find(named).copied()
    }
}

/// A bill to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WantedBill {
    kind: BillKind,
    day: BillDay,
    account: Option<FundAccount>,
    packing: Packing,
}

impl WantedBill {
    const fn trade(kind: BillKind, day: BillDay) -> Self {
        Self {
            kind,
            day,
            account: None,
            packing: Packing::Gzip,
        }
    }

    /// The payments and refunds of a day, packed.
    #[must_use]
    pub const fn all(day: BillDay) -> Self {
        Self::trade(BillKind::All, day)
    }

    /// The payments of a day, packed.
    #[must_use]
    pub const fn payments(day: BillDay) -> Self {
        Self::trade(BillKind::Success, day)
    }

    /// The refunds accepted on a day, packed.
    #[must_use]
    pub const fn refunds(day: BillDay) -> Self {
        Self::trade(BillKind::Refund, day)
    }

    /// The movements of one of the merchant's accounts on a day, packed.
    #[must_use]
    pub const fn fund_flow(account: FundAccount, day: BillDay) -> Self {
        Self {
            kind: BillKind::FundFlow,
            day,
            account: Some(account),
            packing: Packing::Gzip,
        }
    }

    /// The same bill, packed or not.
    #[must_use]
    pub const fn with(mut self, packing: Packing) -> Self {
        self.packing = packing;
        self
    }

    /// Which bill.
    #[must_use]
    pub const fn kind(&self) -> BillKind {
        self.kind
    }

    /// Of which day.
    #[must_use]
    pub const fn day(&self) -> BillDay {
        self.day
    }

    /// Of which account; none for a trade bill.
    #[must_use]
    pub const fn account(&self) -> Option<FundAccount> {
        self.account
    }

    /// Packed or not.
    #[must_use]
    pub const fn packing(&self) -> Packing {
        self.packing
    }

    pub(crate) const fn interface(&self, api: Api) -> Interface {
        match (api, self.account) {
            (Api::V2, None) => Interface::V2DownloadBill,
            (Api::V2, Some(_)) => Interface::V2DownloadFundFlow,
            (Api::V3, None) => Interface::V3BillTrade,
            (Api::V3, Some(_)) => Interface::V3BillFundFlow,
        }
    }
}

/// What WeChat says when it is asked for a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillAnswer {
    /// The body is the file (v2).
    File(BillFile),
    /// The file lies here (v3): fetch it with [`Account::download_bill`] within five minutes.
    Location(BillLocation),
    /// WeChat says that nothing happened on that day. The only empty day there is.
    NothingThatDay,
    /// Not made yet: ask again in half an hour.
    NotReady,
}

/// A bill's file: how to read what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillFile {
    pub(crate) kind: BillKind,
    pub(crate) hash: Option<Sha1>,
}

impl BillFile {
    /// A file that came another way, for example from the merchant platform by hand.
    #[must_use]
    pub const fn given(kind: BillKind) -> Self {
        Self { kind, hash: None }
    }

    /// What the unpacked file must hash to, where WeChat named it.
    #[must_use]
    pub const fn hash(&self) -> Option<Sha1> {
        self.hash
    }

    /// Reads the file, packed or not. A hash that WeChat named is compared at the end.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn open<R: BufRead>(&self, file: R) -> Result<BillReader<Unpacked<R>>, BillError> {
        BillReader::new(Unpacked::new(file, self.hash)?, self.kind)
    }
}

/// Where v3 has put a bill, and what its unpacked bytes hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLocation {
    pub(crate) origin: Origin,
    pub(crate) path: String,
    pub(crate) file: BillFile,
}

impl BillLocation {
    /// Takes `download_url` apart. It must be https without user, fragment or odd characters; the
    /// client then checks that the host is WeChat's.
    pub(crate) fn parse(url: &str, file: BillFile) -> Option<Self> {
        let clean = url.len() <= URL_BYTES_MAX && url.bytes().all(|b| b.is_ascii_graphic());
        if !clean || url.contains(['#', '\\', '"']) {
            return None;
        }
        let (authority, _) = url.strip_prefix("https://")?.split_once('/')?;
        let host = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        if authority.is_empty() || !authority.bytes().all(host) {
            return None;
        }
        let origin = url.get(.."https://".len() + authority.len())?;
        Some(Self {
            origin: Origin::Named(origin.to_ascii_lowercase()),
            path: url.get(origin.len()..)?.to_owned(),
            file,
        })
    }

    /// How to read what lies there.
    #[must_use]
    pub const fn file(&self) -> BillFile {
        self.file
    }
}

impl Account {
    /// Asks for a bill: of the sub-merchant only, when the account acts for one. The answer can
    /// be larger than memory.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn bill(&self, wanted: &WantedBill, stamp: &Stamp) -> Result<Request, BuildError> {
        match self.api {
            Api::V2 => {
                self.need_v2_key()?;
                Ok(self.v2_bill(wanted, &stamp.nonce))
            }
            Api::V3 => self.v3_bill(wanted, stamp),
        }
    }

    /// Judges the answer to [`Account::bill`].
    ///
    /// # Errors
    /// [`ReplyError`]: the bill is still owed; the catalogue says of the code what to do.
    pub fn read_bill(
        &self,
        wanted: &WantedBill,
        received: &Received,
        now_unix: i64,
    ) -> Result<BillAnswer, ReplyError> {
        match self.api {
            Api::V2 => self.v2_read_bill(wanted, received),
            Api::V3 => self.v3_read_bill(wanted, received, now_unix),
        }
    }

    /// Fetches the file of a v3 bill. The request is signed, the answer is not.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn download_bill(
        &self,
        location: &BillLocation,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        self.v3_download_bill(location, stamp)
    }

    /// Judges the answer to [`Account::download_bill`].
    ///
    /// # Errors
    /// [`ReplyError`]; after `INVALID_REQUEST` ask for the bill anew, the address has expired.
    pub fn read_download_bill(
        &self,
        location: &BillLocation,
        received: &Received,
    ) -> Result<BillFile, ReplyError> {
        self.v3_read_download(location, received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_url_is_taken_apart_or_refused() {
        let file = BillFile::given(BillKind::Refund);
        let url = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=a%2Bb";
        let location = BillLocation::parse(url, file).unwrap();
        assert_eq!(
            location.origin,
            Origin::Named("https://api.mch.weixin.qq.com".to_owned())
        );
        assert_eq!(location.path, "/v3/billdownload/file?token=a%2Bb");
        let local = BillLocation::parse("https://127.0.0.1:9443/x", file).unwrap();
        assert_eq!(
            local.origin,
            Origin::Named("https://127.0.0.1:9443".to_owned())
        );
        for bad in [
            "http://api.mch.weixin.qq.com/x",
            "https://api.mch.weixin.qq.com",
            "https://user@api.mch.weixin.qq.com/x",
            "https:///x",
            "https://api.mch.weixin.qq.com/x#y",
            "https://api.mch.weixin.qq.com/x y",
            "https://api.mch.weixin.qq.com\\@evil.example/x",
            "https://evil.example?x=/api.mch.weixin.qq.com/",
            "",
        ] {
            assert_eq!(BillLocation::parse(bad, file), None, "{bad}");
        }
        let long = format!("https://api.mch.weixin.qq.com/{}", "x".repeat(3000));
        assert_eq!(BillLocation::parse(&long, file), None);
    }
}
