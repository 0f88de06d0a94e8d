//! What the control side may do to bills: plant differences, look at one.

use tuikuan_wechat::bill::{BillDay, BillKind, FundAccount, Packing};

use super::World;
use super::control::{ControlError, field};
use crate::bill::{BillDifference, Made, Wanted, make};

impl World {
    /// Plants a difference into a bill.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn plant_difference(&mut self, difference: BillDifference) -> Result<(), ControlError> {
        self.known(&difference.mch_id)?;
        let day = day_of(&difference.date)?;
        if difference
            .amount
            .is_some_and(|amount| !(0..=1_000_000_000_000).contains(&amount))
        {
            return Err(field("amount", "must be 0 to 1000000000000 fen"));
        }
        self.bills.plant(day, difference);
        Ok(())
    }

    /// The planted differences, in order.
    pub fn differences(&self) -> impl Iterator<Item = &BillDifference> {
        self.bills.all()
    }

    /// Forgets all planted differences: the bills then agree with the books.
    pub fn clear_differences(&mut self) {
        self.bills.clear();
    }

    /// A trade bill as it would be sent now; none when there is none.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn bill(
        &self,
        mch_id: &str,
        date: &str,
        kind: BillKind,
    ) -> Result<Option<Vec<u8>>, ControlError> {
        let wanted = Wanted {
            merchant: self.known(mch_id)?,
            sub_mch_id: None,
            day: day_of(date)?,
            kind,
            account: FundAccount::Basic,
        };
        Ok(match make(self, &wanted) {
            Made::File(printed) => Some(printed.body(Packing::Plain)),
            Made::OutOfRange | Made::NotReady | Made::Nothing => None,
        })
    }
}

fn day_of(date: &str) -> Result<BillDay, ControlError> {
    date.parse()
        .map_err(|_bad| field("date", "must be a day such as 2024-08-04"))
}
