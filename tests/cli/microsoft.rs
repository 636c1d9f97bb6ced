//! A stand-in for Microsoft: an issuer, a signer, and a callback.

use std::sync::LazyLock;

use partner_center_webhooks::crypto::{Backend as _, DefaultBackend};
use partner_center_webhooks::testing::{Issuer, Signer};

/// Whom the examples are told to trust.
pub(crate) static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new().unwrap());

/// Shaped like the real one, and trusted by nobody.
pub(crate) static FOREIGN_ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new().unwrap());

pub(crate) static SIGNER: LazyLock<Signer> = LazyLock::new(|| ISSUER.signer().unwrap());

/// A body, spread over lines, with a number that a JSON parser would change.
pub(crate) const BODY: &str = r#"{
  "EventName": "subscription-updated",
  "ResourceUri": "https://api.partnercenter.microsoft.com/v1/customers/4b2a6e33-8791-4386-bd2b-0d55baf25039/subscriptions/a4f1340d-6911-4758-bba3-0c6c6007d161",
  "ResourceName": "subscription",
  "AuditUri": null,
  "ResourceChangeUtcDate": "2026-08-21T16:44:18.6278540+02:00",
  "Price": 1.50
}"#;

/// What `BODY` is written as where line breaks separate events.
pub(crate) fn body_on_one_line() -> String {
    BODY.replace('\n', " ")
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let digest = DefaultBackend::new().sha256(bytes.as_ref());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
