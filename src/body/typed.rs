//! Types that are built from a verified body, for the extractors `Verified<E>` of the adapters.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::json::without_mark;
use crate::mask::Excerpt;

/// A type that is built only from the bytes of a verified body.
///
/// The extractors `Verified<E>` of `axum` and `actix_web` take such types. Other parts of a request, such as its query, its
/// path and most of its headers, are not signed, so a type that reads them must not implement this trait.
///
/// It is implemented for [`Bytes`], [`String`], and the `Json` of axum and of actix-web. Implement it for your own formats.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use partner_center_webhooks::body::typed::{BodyFormatError, FromVerifiedBody};
///
/// struct Lines(Vec<String>);
///
/// impl FromVerifiedBody for Lines {
///     fn from_verified_body(body: Bytes) -> Result<Self, BodyFormatError> {
///         let text = String::from_verified_body(body)?;
///         Ok(Self(text.lines().map(str::to_owned).collect()))
///     }
/// }
///
/// assert_eq!(Lines::from_verified_body(Bytes::from("a\nb"))?.0, ["a", "b"]);
/// let error = Lines::from_verified_body(Bytes::from_static(b"\xff")).err().unwrap();
/// assert!(error.to_string().starts_with("invalid utf-8 sequence of 1 bytes"));
/// # Ok::<(), BodyFormatError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not built only from a verified body",
    note = "`Verified<E>` takes `Json<T>`, `Bytes`, `String`, and types that implement `FromVerifiedBody`",
    note = "take unsigned parts of the request, such as the query, as separate arguments"
)]
pub trait FromVerifiedBody: Sized {
    /// Builds the value from the signed bytes.
    ///
    /// # Errors
    ///
    /// [`BodyFormatError`] if the bytes have another format: the response is 503, and the callback is not handled.
    fn from_verified_body(body: Bytes) -> Result<Self, BodyFormatError>;
}

impl FromVerifiedBody for Bytes {
    fn from_verified_body(body: Bytes) -> Result<Self, BodyFormatError> {
        Ok(body)
    }
}

impl FromVerifiedBody for String {
    fn from_verified_body(body: Bytes) -> Result<Self, BodyFormatError> {
        Self::from_utf8(body.into()).map_err(BodyFormatError::new)
    }
}

/// Why a verified body does not have the format that a handler expects. The text is for logs.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{0}")]
pub struct BodyFormatError(Excerpt);

impl BodyFormatError {
    /// Creates an error with this reason, escaped and cut to [`Excerpt::LIMIT`] bytes, because it may quote the body.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(Excerpt::of(reason.to_string()))
    }
}

/// Reads the signed bytes as JSON, with or without a byte order mark. The `Content-Type` is ignored, because it is not
/// signed.
#[cfg_attr(
    not(any(feature = "actix-web", feature = "axum")),
    expect(dead_code, reason = "for the `Json` of the adapters")
)]
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyFormatError> {
    serde_json::from_slice(without_mark(body)).map_err(BodyFormatError::new)
}
