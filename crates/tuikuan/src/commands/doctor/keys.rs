//! Keys and certificates on this machine: who may read them, how long they are good. That they
//! belong together and to the merchant was checked with the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Findings;
use crate::config::{Config, MerchantConfig};
use crate::private::open_to_others;

const DAY_S: i64 = 86_400;
/// A certificate that ends within so many days is worth a warning; the last step an error.
const WARN_DAYS: i64 = 60;
const URGENT_DAYS: i64 = 30;
const ERROR_DAYS: i64 = 7;

/// Looks at the keys of all merchants.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    let now = Timestamp::now().as_second();
    for merchant in &config.merchants {
        certificate(merchant, now, findings);
    }
    let files = config
        .merchants
        .iter()
        .flat_map(|merchant| &merchant.secret_files);
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
    if now < certificate.not_before {
        let advice = "check this machine's clock, or wait";
        findings.error(
            subject,
            format!("is not valid yet, serial {}", certificate.serial),
            advice,
        );
        return;
    }
    let days = certificate.not_after.saturating_sub(now).div_euclid(DAY_S);
    let seen = format!(
        "of {}, serial {}, ends in {days} days",
        merchant.mch_id, certificate.serial
    );
    let advice = "apply for a new certificate in the merchant platform (account centre, API \
                  security), put the new files in place and restart";
    if days < 0 {
        let seen = format!(
            "serial {} ended {} days ago",
            certificate.serial,
            days.unsigned_abs()
        );
        findings.error(subject, seen, advice);
    } else if days <= ERROR_DAYS {
        findings.error(subject, seen, advice);
    } else if days <= URGENT_DAYS {
        findings.warn(subject, format!("{seen}, soon"), advice);
    } else if days <= WARN_DAYS {
        findings.warn(subject, seen, advice);
    } else {
        findings.ok(subject, format!("{seen}; the private key belongs to it"));
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
