//! Keys and certificates on this machine: who may read them, how long they are good. That they
//! belong together and to the merchant was checked with the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tuikuan_engine::CertificateLife;

use super::Findings;
use crate::config::{Config, MerchantConfig};
use crate::private::open_to_others;

/// Looks at the keys of all merchants.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    let now = Timestamp::now().as_second();
    for merchant in &config.merchants {
        certificate(merchant, now, findings);
    }
    let files = config
        .merchants
        .iter()
        .flat_map(|merchant| &merchant.secret_files)
        .chain(&config.store.secret_file);
    for file in files.collect::<BTreeSet<&PathBuf>>() {
        permissions(file, findings);
    }
}

fn certificate(merchant: &MerchantConfig, now: i64, findings: &mut Findings) {
    let subject = format!("merchant {}: certificate", merchant.name);
    let Some(identity) = merchant.credentials.identity() else {
        return;
    };
    let certificate = &identity.certificate;
    let (serial, mch_id) = (&certificate.serial, &merchant.mch_id);
    let advice = "apply for a new certificate in the merchant platform (account centre, API \
                  security), put the new files in place and restart";
    let seen = |days: i64| format!("of {mch_id}, serial {serial}, ends in {days} days");
    match CertificateLife::of(certificate.not_before, certificate.not_after, now) {
        CertificateLife::NotYet => {
            let seen = format!("is not valid yet, serial {serial}");
            findings.error(subject, seen, "check this machine's clock, or wait");
        }
        CertificateLife::Ended { days } => {
            findings.error(
                subject,
                format!("serial {serial} ended {days} days ago"),
                advice,
            );
        }
        CertificateLife::Last { days } => findings.error(subject, seen(days), advice),
        CertificateLife::Urgent { days } => {
            findings.warn(subject, format!("{}, soon", seen(days)), advice);
        }
        CertificateLife::Soon { days } => findings.warn(subject, seen(days), advice),
        CertificateLife::Good { days } => {
            let seen = seen(days);
            findings.ok(subject, format!("{seen}; the private key belongs to it"));
        }
    }
}

fn permissions(file: &Path, findings: &mut Findings) {
    let subject = format!("secrets: {}", file.display());
    match open_to_others(file) {
        Ok(false) => findings.ok(subject, "only its owner can read it"),
        Ok(true) => {
            let advice = format!("chmod 600 {}", file.display());
            findings.warn(subject, "others on this machine can read it", &advice);
        }
        Err(error) => findings.error(subject, error.to_string(), "check the path and its owner"),
    }
}
