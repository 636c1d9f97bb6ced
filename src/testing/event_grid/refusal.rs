//! Event Grid's errors: `{"error":{"code":…,"message":…,"details":[…]}}`.
//!
//! Codes other than those of 404 are made up, because they are not documented. Clients must decide by the status.

use crate::testing::loopback::response::{ErrorBody, Refusal};

/// A refusal with this status, code, code of the detail, and message.
pub(super) fn refusal(
    status: u16,
    code: &str,
    detail: &str,
    message: impl Into<String>,
) -> Refusal {
    let body = ErrorBody::Azure {
        code: code.to_owned(),
        message: message.into(),
        detail: detail.to_owned(),
    };
    Refusal::new(status, body)
}

/// The request or an event is malformed.
pub(super) fn malformed(message: impl Into<String>) -> Refusal {
    refusal(400, "BadRequest", "InvalidRequest", message)
}

/// The credential is missing, invalid, or not allowed.
pub(super) fn unauthorized(message: impl Into<String>) -> Refusal {
    refusal(401, "Unauthorized", "InvalidCredential", message)
}

/// As recorded.
pub(super) fn not_found(message: impl Into<String>) -> Refusal {
    refusal(404, "NotFound", "ResourceNotFound", message)
}

/// The request has too many bytes or events.
pub(super) fn too_large(message: impl Into<String>) -> Refusal {
    refusal(413, "PayloadTooLarge", "RequestTooLarge", message)
}
