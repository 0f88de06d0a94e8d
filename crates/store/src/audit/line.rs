//! The lines of the audit log as they are hashed, and the walk that proves them.

use crate::audit::AuditHead;
use crate::chain::{AuditFault, BEGINNING, Link};

/// What of an entry is hashed.
pub(crate) struct AuditLine<'a> {
    pub(crate) number: i64,
    pub(crate) at: i64,
    /// Who, what, about what, details.
    pub(crate) texts: [&'a [u8]; 4],
}

impl AuditLine<'_> {
    pub(crate) fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let link = Link::after(previous).number(self.number).number(self.at);
        let texts = self.texts.iter();
        texts.fold(link, |link, text| link.bytes(text)).close()
    }
}

/// A walk along the log, from its first line.
pub(crate) struct AuditWalk<'k> {
    pub(crate) head: AuditHead,
    /// A head that was kept elsewhere.
    kept: Option<&'k AuditHead>,
}

impl<'k> AuditWalk<'k> {
    pub(crate) fn new(kept: Option<&'k AuditHead>) -> Self {
        let head = AuditHead {
            number: 0,
            hash: BEGINNING,
        };
        Self { head, kept }
    }

    /// The next line as it is stored, with its hash; `None`: it is not of the kind we write.
    pub(crate) fn step(
        &mut self,
        stored: Option<(AuditLine<'_>, [u8; 32])>,
    ) -> Result<(), AuditFault> {
        let number = self.head.number.saturating_add(1);
        let Some((line, hash)) = stored else {
            return Err(AuditFault::Altered { number });
        };
        if line.number != number {
            return Err(AuditFault::Gap { expected: number });
        }
        if line.hash(&self.head.hash) != hash {
            return Err(AuditFault::Altered { number });
        }
        let kept = self.kept.filter(|kept| kept.number == number);
        if kept.is_some_and(|kept| kept.hash != hash) {
            return Err(AuditFault::HeadDiffers { number });
        }
        self.head = AuditHead { number, hash };
        Ok(())
    }

    /// The end of the log, beside the counter of its entries.
    pub(crate) fn end(self, recorded: Option<i64>) -> Result<AuditHead, AuditFault> {
        let last = self.head.number;
        if let Some(kept) = self.kept.filter(|kept| kept.number > last) {
            return Err(AuditFault::Cut {
                last,
                recorded: kept.number,
            });
        }
        match recorded {
            Some(recorded) if recorded == last => Ok(self.head),
            Some(recorded) if recorded > last => Err(AuditFault::Cut { last, recorded }),
            recorded => Err(AuditFault::Counter { last, recorded }),
        }
    }
}
