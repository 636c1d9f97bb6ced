//! Error responses.

use bytes::Bytes;
use http::Response;

use super::response::ErrorBody;

/// Why a fake refuses a request: the status and body of its response.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    body: ErrorBody,
}

impl Refusal {
    pub(crate) fn new(status: u16, body: ErrorBody) -> Self {
        Self { status, body }
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        self.body.response(self.status)
    }
}
