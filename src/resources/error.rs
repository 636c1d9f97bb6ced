//! Errors of reading a resource.

use thiserror::Error;

use crate::api::ApiError;
use crate::mask::Excerpt;

/// Why a resource could not be read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The service refused the call, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The event has no `AuditUri`.
    #[error("the event does not name an audit record")]
    NoAuditRecord,
    /// The event has no `ResourceUri`.
    #[error("the event does not name a resource (its audit record may)")]
    NoResource,
    /// The resource is on a host that needs tokens other than those for Partner Center, and the client has no provider for
    /// them.
    #[error(
        "the resource is read from {host}, and the client has no token provider for it: this is not a missing permission in \
         Entra, but a missing call to `ResourceClient::{method}` in the program"
    )]
    NoTokenProvider {
        /// The service on that host: `Microsoft Graph` or `the referrals API`.
        host: &'static str,
        /// The method of [`ResourceClient`](super::ResourceClient) that takes the provider: `with_graph` or
        /// `with_referrals`.
        method: &'static str,
    },
    /// The event is about a transfer, and neither its resource nor its audit id names the transfer.
    #[error(
        "the event is about a transfer but does not identify it (neither its resource nor its audit record has an id)"
    )]
    NoTransferId,
    /// A token must not be sent to the URI.
    #[error(
        "`{uri}` is not called (expected a documented path on the host of the cloud's API, and no user, fragment or \
         percent-encoding)"
    )]
    NotAllowed {
        /// The URI in the event.
        uri: Excerpt,
    },
}

impl ResourceError {
    /// The call that failed, if one did.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a retry may succeed without any change.
    pub fn is_transient(&self) -> bool {
        self.api().is_some_and(ApiError::is_transient)
    }
}
