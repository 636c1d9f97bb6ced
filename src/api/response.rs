//! The response to a call.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::authorizer::{AuthHeader, redact};
use super::service::Service;
use crate::json::response::{self, Unreadable};
use crate::mask::secret::SecretString;

/// The response to a call.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    /// A status of success, or of a refusal.
    pub(crate) status: StatusCode,
    /// All headers, not redacted.
    pub(crate) headers: HeaderMap,
    /// The whole body, not redacted.
    pub(crate) body: Bytes,
    /// The secrets of the request.
    secrets: Arc<[SecretString]>,
}

impl ApiResponse {
    /// The response to a request that carried `auth`.
    ///
    /// It keeps the secrets of the request, so that no text gets out of it unredacted.
    pub(super) fn new(response: Response<Bytes>, auth: &AuthHeader) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
            secrets: Arc::clone(&auth.secrets),
        }
    }

    /// `text`, a part of the response, without the secrets of the request.
    pub(crate) fn redact(&self, text: &str) -> String {
        redact(&self.secrets, text)
    }

    /// Reads the body as JSON.
    ///
    /// With or without a byte order mark. An empty body is an error, because a lost body must not look like an empty result.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        response::read(&self.body)
    }

    /// Whether the body holds nothing but white space.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// Whether it has an id that the service gives to its own responses.
    pub(super) fn has_id_of(&self, service: &Service) -> bool {
        let ids = [Some(&service.request_id_received), service.correlation_id.as_ref()];
        let mut ids = ids.into_iter().flatten();
        ids.any(|name| self.headers.contains_key(name))
    }
}
