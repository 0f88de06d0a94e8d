//! The way to WeChat: names, connections, TLS, clocks, and one harmless question that proves key and
//! signature. The question is about a refund number that nobody has used.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::client::{Client, TransportError};
use tuikuan_wechat::error_code::lookup;
use tuikuan_wechat::http::{ClientCertificate, Method, Origin, Request, Response};
use tuikuan_wechat::{Account, Api, ReplyError, Stamp};
use uuid::Uuid;

use super::Findings;
use crate::config::{MerchantConfig, is_wechat};
use crate::setup;

/// A connection must stand after so long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A clock may be off by so many seconds; WeChat refuses at 300.
const SKEW_OK_S: u64 = 10;
const SKEW_ERROR_S: u64 = 240;

/// The interfaces that answer so for a number nobody has used.
const UNKNOWN_REFUND: [&str; 3] = ["RESOURCE_NOT_EXISTS", "REFUNDNOTEXIST", "REFUND_NOT_EXISTS"];
const NO_CERTIFICATES: &str = "RESOURCE_NOT_EXISTS";

/// Looks at the way of one merchant.
pub(super) async fn look(
    merchant: &MerchantConfig,
    timeout: SignedDuration,
    findings: &mut Findings,
) {
    let kind = if is_wechat(&merchant.endpoint) {
        "WeChat"
    } else {
        "a test host"
    };
    let subject = format!("merchant {}: endpoint", merchant.name);
    findings.ok(
        subject,
        format!("{} is {kind}", setup::origin(&merchant.endpoint)),
    );
    let reached = reach(merchant, &merchant.endpoint, findings).await;
    if let Some(backup) = &merchant.endpoint_backup {
        reach_backup(merchant, backup, timeout, findings).await;
    }
    if !reached {
        return;
    }
    let subject = format!("merchant {}: question", merchant.name);
    match setup::client(
        &MerchantConfig {
            endpoint_backup: None,
            ..merchant.clone()
        },
        timeout,
    ) {
        Ok(client) => {
            let asker = Asker {
                merchant,
                account: setup::account(merchant),
                client,
            };
            asker.refund(findings).await;
            if merchant.api == Api::V3 {
                asker.certificates(findings).await;
            }
        }
        Err(error) => findings.error(subject, format!("{error:#}"), "check the certificate files"),
    }
}

/// DNS and TCP. TLS follows with the question.
async fn reach(merchant: &MerchantConfig, endpoint: &Url, findings: &mut Findings) -> bool {
    let host = endpoint.host_str().unwrap_or_default();
    let subject = format!("merchant {}: {host}", merchant.name);
    let port = endpoint.port_or_known_default().unwrap_or(443);
    let bare = host.trim_matches(['[', ']']);
    let found = tokio::time::timeout(CONNECT_TIMEOUT, lookup_host((bare, port))).await;
    let addresses: Vec<_> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            findings.error(
                subject,
                format!("the name is not found: {error}"),
                "check DNS of this machine",
            );
            return false;
        }
        Err(_) => {
            findings.error(
                subject,
                "the name server does not answer",
                "check DNS of this machine",
            );
            return false;
        }
    };
    for address in &addresses {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        if matches!(connected, Ok(Ok(_))) {
            findings.ok(
                subject,
                format!("{} addresses, {address} takes connections", addresses.len()),
            );
            return true;
        }
    }
    let advice = "check the firewall for outgoing connections, and whether the host is up";
    findings.error(
        subject,
        format!("none of {} addresses takes connections", addresses.len()),
        advice,
    );
    false
}

async fn reach_backup(
    merchant: &MerchantConfig,
    backup: &Url,
    timeout: SignedDuration,
    findings: &mut Findings,
) {
    let subject = format!(
        "merchant {}: backup {}",
        merchant.name,
        setup::origin(backup)
    );
    let alone = MerchantConfig {
        endpoint: backup.clone(),
        endpoint_backup: None,
        ..merchant.clone()
    };
    let request = Request {
        method: Method::Get,
        path: "/".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        client_certificate: ClientCertificate::NotUsed,
        origin: Origin::Endpoint,
    };
    let answered = match setup::client(&alone, timeout) {
        Ok(client) => client.send(&request).await.map_err(|error| chain(&error)),
        Err(error) => Err(format!("{error:#}")),
    };
    match answered {
        Ok(_) => findings.ok(subject, "answers over TLS"),
        Err(error) => {
            let advice =
                "the service works without it, but has no second way when the first is down";
            findings.warn(subject, error, advice);
        }
    }
}

struct Asker<'a> {
    merchant: &'a MerchantConfig,
    account: Account,
    client: Client,
}

impl Asker<'_> {
    fn subject(&self, what: &str) -> String {
        format!("merchant {}: {what}", self.merchant.name)
    }

    fn stamp(&self) -> Stamp {
        let nonce = format!("{:X}", Uuid::new_v4().simple());
        Stamp {
            unix_seconds: Timestamp::now().as_second(),
            nonce,
        }
    }

    async fn send(&self, request: &Request, findings: &mut Findings) -> Option<Response> {
        match self.client.send(request).await {
            Ok(response) => Some(response),
            Err(error) => {
                let advice = match error {
                    TransportError::NotSent { .. } => {
                        "no TLS connection: check trust_ca, a proxy in between, and the clock"
                    }
                    TransportError::Lost { .. } | TransportError::StrangeHost { .. } => {
                        "try again; the connection breaks on the way"
                    }
                };
                findings.error(self.subject("connection"), chain(&error), advice);
                None
            }
        }
    }

    /// Asks about a refund that does not exist: the answer proves merchant number, key and signature.
    async fn refund(&self, findings: &mut Findings) {
        let number = format!("doctor-{}", Uuid::new_v4().simple());
        let Ok(number) = number.parse::<OutRefundNo>() else {
            return;
        };
        let request = match self.account.query_refund(&number, &self.stamp()) {
            Ok(request) => request,
            Err(error) => {
                findings.error(
                    self.subject("question"),
                    error.to_string(),
                    "mend the configuration",
                );
                return;
            }
        };
        let begun = Timestamp::now();
        let Some(response) = self.send(&request, findings).await else {
            return;
        };
        findings.ok(
            self.subject("connection"),
            "TLS stands, the host's certificate is trusted",
        );
        self.clock(&response, begun, findings);
        let now = Timestamp::now().as_second();
        let read = self.account.read_query_refund(&number, &response, now);
        self.judge(read.map(|_| ()), findings);
    }

    fn judge(&self, read: Result<(), ReplyError>, findings: &mut Findings) {
        let subject = self.subject("question");
        match read {
            Err(ReplyError::Refused { code, .. }) if UNKNOWN_REFUND.contains(&code.as_str()) => {
                findings.ok(subject, "WeChat accepts merchant number, key and signature");
            }
            Err(ReplyError::Refused {
                code,
                message,
                interface,
                ..
            }) => {
                let advice =
                    lookup(interface, &code).map_or("look the code up", |entry| entry.advice);
                findings.error(
                    subject,
                    format!("WeChat answered {code}: {message}"),
                    advice,
                );
            }
            Err(ReplyError::ProtocolFail { message }) => {
                let advice = "check mch_id, appid and api_v2_key: WeChat did not accept the signature \
                              or the numbers";
                findings.error(
                    subject,
                    format!("WeChat refused the message: {message}"),
                    advice,
                );
            }
            Err(ReplyError::Unverified { .. }) => {
                let advice = "check wechat_public_key and its id (v3) or api_v2_key (v2): the answer \
                              was signed with another key";
                findings.error(subject, "the answer is not signed by WeChat", advice);
            }
            Ok(()) | Err(ReplyError::NotFinished | ReplyError::Mismatch { .. }) => {
                findings.warn(
                    subject,
                    "WeChat knows a refund that nobody made",
                    "ask again",
                );
            }
            Err(error @ (ReplyError::Unreadable { .. } | ReplyError::ServerFault { .. })) => {
                findings.warn(subject, error.to_string(), "try again in a minute");
            }
        }
    }

    /// Our clock against the header `Date`, which has whole seconds.
    fn clock(&self, response: &Response, begun: Timestamp, findings: &mut Findings) {
        let subject = self.subject("clock");
        let theirs = response.header("date").and_then(http_date);
        let Some(theirs) = theirs else {
            findings.warn(
                subject,
                "the answer has no Date to compare with",
                "compare the clock by hand",
            );
            return;
        };
        let (from, to) = (begun.as_second(), Timestamp::now().as_second());
        let off = if theirs < from {
            from.abs_diff(theirs)
        } else {
            theirs.saturating_sub(to).max(0).unsigned_abs()
        };
        let advice = "start a time service (systemd-timesyncd or chrony); WeChat refuses at 300 s";
        if off <= SKEW_OK_S {
            findings.ok(subject, format!("within {SKEW_OK_S} s of WeChat's"));
        } else if off < SKEW_ERROR_S {
            findings.warn(subject, format!("{off} s away from WeChat's"), advice);
        } else {
            findings.error(subject, format!("{off} s away from WeChat's"), advice);
        }
    }

    /// The platform certificates: they open with `api_v3_key`, so this proves it.
    async fn certificates(&self, findings: &mut Findings) {
        let subject = self.subject("platform certificates");
        let Ok(request) = self.account.certificates(&self.stamp()) else {
            return;
        };
        let Some(response) = self.send(&request, findings).await else {
            return;
        };
        let now = Timestamp::now().as_second();
        let has_public_key = !self.merchant.credentials.trusted().is_empty();
        match self.account.read_certificates(&response, now) {
            Ok(list) if list.is_empty() => {
                findings.error(
                    subject,
                    "none is valid now",
                    "check the clock; ask WeChat's support",
                );
            }
            Ok(list) => {
                let end = list.iter().map(|c| c.not_after).min().unwrap_or(now);
                let days = end.saturating_sub(now).div_euclid(86_400);
                let seen = format!(
                    "{} valid, the first ends in {days} days; api_v3_key is right",
                    list.len()
                );
                findings.ok(subject, seen);
            }
            Err(ReplyError::Refused { code, .. }) if code == NO_CERTIFICATES && has_public_key => {
                findings.ok(subject, "the merchant has a WeChat Pay public key instead");
            }
            Err(ReplyError::Refused { code, .. }) if code == NO_CERTIFICATES => {
                let advice = "download the WeChat Pay public key from the merchant platform; set \
                              wechat_public_key and wechat_public_key_id";
                findings.error(subject, "the merchant has none", advice);
            }
            Err(ReplyError::Unreadable { http_status: 200 }) => {
                let advice =
                    "copy api_v3_key again from the merchant platform, or set a new one there";
                findings.error(subject, "they do not open with api_v3_key", advice);
            }
            Err(error) => {
                findings.error(subject, error.to_string(), "mend the findings above first");
            }
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, unix seconds.
fn http_date(text: &str) -> Option<i64> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(time.timestamp().as_second())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(http_date("yesterday"), None);
    }
}
