//! Answers that are no success.

use bytes::Bytes;
use http::Response;

use crate::testing::fake::answer::ErrorBody;

/// Status, code, code of the detail, sentence. Codes other than those of 404 are made up: they are not documented.
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    detail: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", "InvalidRequest", message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", "InvalidCredential", message)
    }

    /// As recorded.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFound", "ResourceNotFound", message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "PayloadTooLarge", "RequestTooLarge", message)
    }

    pub(super) fn new(
        status: u16,
        code: &'static str,
        detail: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            detail,
            message: message.into(),
        }
    }

    pub(super) fn answer(&self) -> Response<Bytes> {
        let body = ErrorBody::Azure {
            code: self.code.to_owned(),
            message: self.message.clone(),
            detail: self.detail.to_owned(),
        };
        body.answer(self.status)
    }
}
