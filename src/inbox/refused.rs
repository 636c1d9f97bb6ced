//! Requests that were refused, kept for an operator.

use std::fmt;
use std::num::NonZeroU32;

use bytes::Bytes;
use time::OffsetDateTime;

use super::error::InboxError;
use crate::envelope::{
    ALGORITHM_HEADER, AUTHORIZATION_HEADER, CERTIFICATE_URL_HEADER, SIGNATURE_HEADER,
};
use crate::http_client::BoxFuture;
use crate::mask;
use crate::receiver::Error;

/// Keeps the latest refused requests, so that an operator can judge them afterwards. Older ones make room.
///
/// Nothing in it is verified: a stranger may have written it. The engines keep 100 requests, of at most 64 KiB of body and 64 headers
/// each, so a flood costs at most some 20 MB.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::num::NonZeroU32;
///
/// use bytes::Bytes;
/// use http::{HeaderMap, HeaderValue};
/// use partner_center_webhooks::Error;
/// use partner_center_webhooks::body::BodyError;
/// use partner_center_webhooks::inbox::{RefusedRequest, RefusedRing as _};
/// use partner_center_webhooks::testing::MemoryInbox;
///
/// let ring = MemoryInbox::new();
/// let mut headers = HeaderMap::new();
/// headers.insert("cookie", HeaderValue::from_static("session=s3cret"));
/// let error = Error::from(BodyError::Empty);
/// let request = RefusedRequest::new(&headers, Bytes::new(), &error).with_remote("192.0.2.7");
/// ring.keep(&request).await?;
///
/// let last = ring.refused(NonZeroU32::MIN).await?.remove(0);
/// assert_eq!((last.reason, last.remote.as_deref()), (error.to_string(), Some("192.0.2.7")));
/// assert_eq!(last.headers, [("cookie".into(), "...".into())]);
/// assert_eq!(ring.clear_refused().await?, 1);
/// # Ok(()) }) }
/// ```
pub trait RefusedRing: fmt::Debug + Send + Sync {
    /// Keeps a request, and deletes the oldest ones above the engine's limit.
    ///
    /// # Errors
    ///
    /// [`InboxError`]. A request that could not be kept does not change the response.
    fn keep<'a>(&'a self, request: &'a RefusedRequest) -> BoxFuture<'a, Result<(), InboxError>>;

    /// The latest requests, the newest first.
    ///
    /// # Errors
    ///
    /// [`InboxError`].
    fn refused(&self, limit: NonZeroU32) -> BoxFuture<'_, Result<Vec<RefusedRequest>, InboxError>>;

    /// Deletes all. Returns how many.
    ///
    /// # Errors
    ///
    /// [`InboxError`].
    fn clear_refused(&self) -> BoxFuture<'_, Result<u64, InboxError>>;
}

/// A request that was refused, with credentials masked.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, HeaderValue};
/// use partner_center_webhooks::Error;
/// use partner_center_webhooks::body::BodyError;
/// use partner_center_webhooks::inbox::RefusedRequest;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-api-key", HeaderValue::from_static("s3cret"));
/// headers.insert("host", HeaderValue::from_static("hooks.contoso.example"));
/// let request = RefusedRequest::new(&headers, Bytes::new(), &Error::from(BodyError::Empty));
/// assert_eq!(request.headers, [("x-api-key".into(), "...".into()), ("host".into(), "hooks.contoso.example".into())]);
/// assert_eq!((request.kind.as_str(), request.status), ("body", 400));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RefusedRequest {
    /// Its number in the ring; 0 until it is kept.
    pub id: u64,
    /// When it was refused, by the engine's clock; 1970 until it is kept.
    pub refused_at: OffsetDateTime,
    /// The stage that refused: [`ErrorKind`](crate::ErrorKind) in lower case.
    pub kind: String,
    /// The status of the response.
    pub status: u16,
    /// The error's message.
    pub reason: String,
    /// The address of the peer, if the caller told.
    pub remote: Option<String>,
    /// The headers, in the order in which they are needed to verify it again. At most 64 with 2 KiB each; values of all but
    /// [`SHOWN`](Self::SHOWN) are `...`.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body: at most 64 KiB. Empty if it was not read.
    pub body: Bytes,
    /// The length of the body that was read, in bytes.
    pub body_length: u64,
}

impl RefusedRequest {
    /// How much of a body is kept: 64 KiB.
    pub const MAX_BODY: usize = 64 * 1024;
    /// The headers whose values are kept: those of the signature, and those that show how the request got here. All others may be
    /// credentials. An `Authorization` of a scheme other than `Signature` is masked.
    pub const SHOWN: &'static [&'static str] = &[
        AUTHORIZATION_HEADER,
        SIGNATURE_HEADER,
        CERTIFICATE_URL_HEADER,
        ALGORITHM_HEADER,
        "content-length",
        "content-type",
        "content-encoding",
        "date",
        "host",
        "transfer-encoding",
        "user-agent",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];

    /// A request that was refused with `error`.
    pub fn new<'h, N, V>(
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: Bytes,
        error: &Error,
    ) -> Self
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let headers = headers.into_iter().take(MAX_HEADERS);
        Self {
            id: 0,
            refused_at: OffsetDateTime::UNIX_EPOCH,
            kind: error.kind().as_str().to_owned(),
            status: error.status().as_u16(),
            reason: error.to_string(),
            remote: None,
            headers: headers.map(|(name, value)| shown(name.as_ref(), value.as_ref())).collect(),
            body_length: u64::try_from(body.len()).unwrap_or(u64::MAX),
            body: body.slice(..body.len().min(Self::MAX_BODY)),
        }
    }

    /// Adds the address of the peer.
    #[must_use]
    pub fn with_remote(mut self, remote: impl fmt::Display) -> Self {
        self.remote = Some(remote.to_string());
        self
    }

    /// Whether the whole body is kept, so that the request can be verified again.
    pub fn is_whole(&self) -> bool {
        u64::try_from(self.body.len()) == Ok(self.body_length)
    }
}

fn shown(name: &str, value: &[u8]) -> (String, String) {
    let is_shown = RefusedRequest::SHOWN.iter().any(|shown| name.eq_ignore_ascii_case(shown));
    let is_signature = !name.eq_ignore_ascii_case(AUTHORIZATION_HEADER)
        || value.get(..9).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"signature"));
    let value = match is_shown && is_signature {
        true => {
            let kept = value.get(..MAX_VALUE).unwrap_or(value);
            let text = String::from_utf8_lossy(kept);
            match name.eq_ignore_ascii_case(CERTIFICATE_URL_HEADER) {
                true => mask::url(&text).into_owned(),
                false => text.into_owned(),
            }
        }
        false => "...".to_owned(),
    };
    (name.to_owned(), value)
}

const MAX_HEADERS: usize = 64;
/// Bytes. The longest signature has 1368.
const MAX_VALUE: usize = 2048;
