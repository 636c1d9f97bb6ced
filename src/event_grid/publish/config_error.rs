//! Invalid settings of a publisher.

use thiserror::Error;

use crate::http_client::endpoint::EndpointError;
use crate::mask::Excerpt;

/// An endpoint, a channel name or a credential for a [`Publisher`](crate::event_grid::Publisher) is invalid.
///
/// It is found without I/O, when the value is made. No variant shows a key or a signature.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PublishConfigError {
    /// The text is not a channel name.
    #[error("`{found}` is not a channel name (expected 3 to 50 letters, digits and hyphens)")]
    ChannelName {
        /// The text.
        found: Excerpt,
    },
    /// The URL is not an acceptable endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The expiry of a signature cannot be formatted.
    #[error("the signature's expiry is out of range (expected a year from 1 to 9999)")]
    Expiry,
    /// The text is not an access key.
    #[error("the access key is empty or not base64 (expected the key as shown in the portal)")]
    Key,
    /// The path of the endpoint is missing or wrong: the service would respond with 404.
    #[error(
        "`{url}` has the path `{path}` (expected `/api/events`, as in the namespace's property `endpoint`)"
    )]
    Path {
        /// The URL.
        url: Excerpt,
        /// Its path.
        path: Excerpt,
    },
    /// The text is not a shared access signature.
    #[error("the shared access signature is malformed (expected `r=…&e=…&s=…`, percent-encoded)")]
    Token,
}
