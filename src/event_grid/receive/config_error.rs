//! Invalid settings of a receiver.

use thiserror::Error;

use crate::http_client::endpoint::EndpointError;
use crate::mask::Excerpt;

/// A setting of a [`WebhookReceiver`](super::WebhookReceiver) or an [`ExpectedToken`](super::ExpectedToken) is invalid.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum WebhookConfigError {
    /// No application could deliver.
    #[error(
        "the list of application ids is empty or contains an empty id (expected the ids of the applications that may \
         deliver)"
    )]
    Applications,
    /// The audience is empty.
    #[error("the audience is empty (expected an application id or an application ID URI)")]
    Audience,
    /// The cloud's authority is not an acceptable endpoint.
    #[error(transparent)]
    Authority(#[from] EndpointError),
    /// Microsoft has not published the id of Event Grid's application in Azure China.
    #[error(
        "the id of Event Grid's application in Azure China is not known (expected another cloud, or `Cloud::Custom` with \
         `with_applications`)"
    )]
    China,
    /// The name is not a header name, or is reserved for Event Grid.
    #[error(
        "`{found}` cannot carry the secret (expected a header name that does not begin with `aeg-`)"
    )]
    SecretHeader {
        /// The name.
        found: Excerpt,
    },
    /// The secret is easy to guess.
    #[error("the secret has {found} bytes (expected 16 or more)")]
    SecretTooShort {
        /// Its length in bytes.
        found: usize,
    },
    /// A request cannot carry the secret, so every request would be refused. The usual cause is the line feed at the end of
    /// a file.
    #[error(
        "the secret begins or ends with white space, or contains a control character (expected the value exactly as sent)"
    )]
    SecretUnsendable,
    /// The tenant is not given by its id.
    #[error("`{found}` is not a tenant id (expected a UUID)")]
    Tenant {
        /// The tenant.
        found: Excerpt,
    },
    /// The receiver would accept deliveries from anyone.
    #[error(
        "nothing authenticates deliveries (expected `entra`, `query_secret` or `header_secret`; or \
         `danger_without_authentication`)"
    )]
    Unauthenticated,
}
