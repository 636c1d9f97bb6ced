//! Why a resource could not be read.

use thiserror::Error;

use crate::api::ApiError;
use crate::excerpt::Excerpt;

/// Why a resource could not be read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The service refused, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The event has no `AuditUri`.
    #[error("the event names no audit record")]
    NoAuditRecord,
    /// The event has no `ResourceUri`.
    #[error("the event names no resource (its audit record may tell more)")]
    NoResource,
    /// The resource is on a host that takes other tokens than Partner Center, and the client has no provider of those.
    #[error(
        "the resource is read from {host}, for which this program has no token provider: that is not a permission in Entra, \
         but a call in the program, `ResourceClient::{method}`"
    )]
    NoTokenProvider {
        /// The service on that host: `Microsoft Graph` or `the referrals API`.
        host: &'static str,
        /// The method of [`ResourceClient`](super::ResourceClient) that takes the provider: `with_graph` or
        /// `with_referrals`.
        method: &'static str,
    },
    /// Transfer events name the customer, and the transfer at best in their audit id.
    #[error(
        "the event is about a transfer and does not say which (neither its resource nor its audit record has an id)"
    )]
    NoTransferId,
    /// The URI is not one that a token may be sent to.
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

    /// Whether trying again later may help, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        self.api().is_some_and(ApiError::is_transient)
    }
}
