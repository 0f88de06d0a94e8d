//! A merchant's account from outside: balance, callback, and which keys sign (F-8, F-14).

use tuikuan_wechat::keys::Certificate;

use super::World;
use super::control::{ControlError, field};
use crate::merchant::{PlatformCertificate, VerificationMode, WechatPublicKey};

impl World {
    /// Sets a merchant's balance, in fen; `unsettled` puts it on the old fund flow.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn set_balance(
        &mut self,
        mch_id: &str,
        available: i64,
        unsettled: Option<i64>,
    ) -> Result<(), ControlError> {
        let key = self.known(mch_id)?;
        if available < 0 || unsettled.is_some_and(|fen| fen < 0) {
            return Err(field("amount", "must not be negative"));
        }
        let merchant = self.merchant_mut(key);
        merchant.available = available;
        merchant.unsettled = unsettled;
        Ok(())
    }

    /// A merchant's balance in fen: available, and unsettled on the old fund flow.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn balance(&self, mch_id: &str) -> Result<(i64, Option<i64>), ControlError> {
        let merchant = self.merchant(self.known(mch_id)?);
        Ok((merchant.available, merchant.unsettled))
    }

    /// Sets the refund callback of the merchant platform.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn set_notify_url(
        &mut self,
        mch_id: &str,
        url: Option<String>,
    ) -> Result<(), ControlError> {
        let key = self.known(mch_id)?;
        if url
            .as_deref()
            .is_some_and(|url| !crate::rules::is_notify_url(url))
        {
            return Err(field("url", "must be http(s), without query"));
        }
        self.merchant_mut(key).notify_url = url;
        Ok(())
    }

    /// Chooses which of WeChat's keys signs for a merchant.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn set_mode(&mut self, mch_id: &str, mode: VerificationMode) -> Result<(), ControlError> {
        let key = self.known(mch_id)?;
        self.merchant_mut(key).mode = mode;
        Ok(())
    }

    /// A new platform certificate signs from now on (F-14).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn rotate_platform_certificate(
        &mut self,
        mch_id: &str,
        new: PlatformCertificate,
    ) -> Result<(), ControlError> {
        let key = self.known(mch_id)?;
        self.merchant_mut(key).add_platform_certificate(new);
        Ok(())
    }

    /// A new WeChat Pay public key signs from now on, in public-key mode (F-14).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn rotate_public_key(
        &mut self,
        mch_id: &str,
        new: WechatPublicKey,
    ) -> Result<(), ControlError> {
        let key = self.known(mch_id)?;
        self.merchant_mut(key).add_public_key(new);
        Ok(())
    }

    /// The merchant has one more API certificate; the older ones stay usable.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn add_merchant_certificate(
        &mut self,
        mch_id: &str,
        certificate: &Certificate,
    ) -> Result<(), ControlError> {
        let key = self.known(mch_id)?;
        self.merchant_mut(key).add_certificate(certificate);
        Ok(())
    }
}
